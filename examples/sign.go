// Package sign makes signed links, in the format of docs/signed-links.md.
package sign

import ("crypto/hmac"; "crypto/sha256"; "encoding/base64"; "errors"; "fmt"; "net/url"; "regexp"; "strings")

// Link is what a link says. Empty: Name, Disposition, Type; Audience, such as {"user", "alice"}.
type Link struct { Target, Key, Secret, Realm, Name, Disposition, Type string; Audience [2]string; Date, Expires int64 }

// What proxies respell, or no URL holds.
var bad = regexp.MustCompile(`^$|^[^/]|^[^?]*(//|/\.\.?([/?]|$))|[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|` +
	`%([^0-9A-F]|.[^0-9A-F]|.?$|[01]|7[0-9AEF]|2[DE]|3[0-9]|[46][1-9A-F]|5[0-9AF])`)

func (l Link) Sign() (string, error) {
	if bad.MatchString(l.Target) { return "", errors.New("a target is signed as it stands in the URL: /a%20b.txt") }
	glue := "?"
	if strings.Contains(l.Target, "?") { glue = "&" }
	for _, p := range [][2]string{{"Key", l.Key}, {"Date", fmt.Sprint(l.Date)}, {"Expires", fmt.Sprint(l.Expires)},
		{"Name", l.Name}, {"Disposition", l.Disposition}, {"Type", l.Type}, {"Audience", l.Audience[0]}} {
		if p[1] == "" { continue }
		l.Target += glue + "X-Download-" + p[0] + "=" + strings.ReplaceAll(url.QueryEscape(p[1]), "+", "%20")
		glue = "&"
	}
	mac := hmac.New(sha256.New, []byte(l.Secret))
	mac.Write([]byte("downloadview-link-1\n" + l.Realm + "\n" + l.Audience[1] + "\n" + l.Target))
	return l.Target + "&X-Download-Signature=" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}
