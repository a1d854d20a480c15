// Makes a signed link: link("/media/a%20b.txt", "2026a", secret, { expiresIn: 600, name: "été.txt" }).
// The format is described in docs/signed-links.md. `audience` is a pair: ["user", "alice"].
const { createHmac } = require("node:crypto");
// What proxies respell, or no URL holds.
const bad = new RegExp("^$|^[^/]|^[^?]*(//|/\\.\\.?([/?]|$))|[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|" +
  "%([^0-9A-F]|.[^0-9A-F]|.?$|[01]|7[0-9AEF]|2[DE]|3[0-9]|[46][1-9A-F]|5[0-9AF])");
const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

function link(target, key, secret, { realm = "", date = Math.floor(Date.now() / 1000),
  expiresIn = 3600, name, disposition, type, audience = [] } = {}) {
  if (bad.test(target)) throw new Error("a target is signed as it stands in the URL: /a%20b.txt");
  const [kind, value = ""] = audience;
  const parameters = { Key: key, Date: date, Expires: date + expiresIn, Name: name,
    Disposition: disposition, Type: type, Audience: kind };
  const query = Object.entries(parameters)
    .filter(([, text]) => text !== undefined)
    .map(([parameter, text]) => `X-Download-${parameter}=${encode(text)}`)
    .join("&");
  target += (target.includes("?") ? "&" : "?") + query;
  const signed = ["downloadview-link-1", realm, value, target].join("\n");
  return target + "&X-Download-Signature=" + createHmac("sha256", secret).update(signed).digest("base64url");
}
module.exports = { link };
