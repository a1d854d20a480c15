<?php
// Makes a signed link: signed_link('/media/a%20b.txt', '2026a', $secret, expires_in: 600, name: 'été.txt').
// The format is described in docs/signed-links.md. `$audience` is a pair: ['user', 'alice'].
function signed_link(
    string $target, string $key, string $secret, string $realm = '', ?int $date = null,
    int $expires_in = 3600, ?string $name = null, ?string $disposition = null,
    ?string $type = null, ?array $audience = null,
): string {
    // What proxies respell, or no URL holds.
    $bad = '#^$|^[^/]|^[^?]*(//|/\.\.?([/?]|$))|[^A-Za-z0-9._~!$&\'()*+,;=:@/?%-]|'
        . '%([^0-9A-F]|.[^0-9A-F]|.?$|[01]|7[0-9AEF]|2[DE]|3[0-9]|[46][1-9A-F]|5[0-9AF])#';
    if (preg_match($bad, $target)) throw new ValueError('a target is signed as it stands in the URL: /a%20b.txt');
    $date ??= time();
    $parameters = ['Key' => $key, 'Date' => $date, 'Expires' => $date + $expires_in, 'Name' => $name,
        'Disposition' => $disposition, 'Type' => $type, 'Audience' => $audience[0] ?? null];
    $glue = str_contains($target, '?') ? '&' : '?';
    foreach ($parameters as $parameter => $text) {
        if ($text !== null) {
            [$target, $glue] = [$target . $glue . "X-Download-$parameter=" . rawurlencode((string) $text), '&'];
        }
    }
    $signed = implode("\n", ['downloadview-link-1', $realm, $audience[1] ?? '', $target]);
    $digest = base64_encode(hash_hmac('sha256', $signed, $secret, true));
    return $target . '&X-Download-Signature=' . rtrim(strtr($digest, '+/', '-_'), '=');
}
