# Makes a signed link: signed_link("/media/a%20b.txt", "2026a", secret, expires_in: 600, name: "été.txt").
# The format is described in docs/signed-links.md. `audience` is a pair: ["user", "alice"].
require "erb"
require "openssl"

# What proxies respell, or no URL holds.
BAD = %r{\A\z|\A[^/]|\A[^?]*(//|/\.\.?([/?]|\z))|[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|
  %([^0-9A-F]|.[^0-9A-F]|.?\z|[01]|7[0-9AEF]|2[DE]|3[0-9]|[46][1-9A-F]|5[0-9AF])}x

def signed_link(target, key, secret, realm: "", date: Time.now.to_i, expires_in: 3600,
                name: nil, disposition: nil, type: nil, audience: [nil, ""])
  raise ArgumentError, "a target is signed as it stands in the URL: /a%20b.txt" if target.match?(BAD)
  parameters = { "Key" => key, "Date" => date, "Expires" => date + expires_in, "Name" => name,
                 "Disposition" => disposition, "Type" => type, "Audience" => audience[0] }
  query = parameters.compact.map do |parameter, text|
    "X-Download-#{parameter}=#{ERB::Util.url_encode(text.to_s)}"
  end
  target += (target.include?("?") ? "&" : "?") + query.join("&")
  signed = ["downloadview-link-1", realm, audience[1], target].join("\n")
  digest = [OpenSSL::HMAC.digest("SHA256", secret, signed)].pack("m0")
  target + "&X-Download-Signature=" + digest.tr("+/", "-_").delete("=")
end
