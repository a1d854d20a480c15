//! The headers that all proxies treat alike: those that pass between proxy and application only, and those of the
//! gateway's answer that must reach the client with the file.

pub(super) use downloadview::headers::hand_off::{ACCEL, ELSEWHERE, REMOTE, SENDFILE};

use crate::config::{Config, can_be_kept};

/// Request headers that mean something between a proxy and an application; a client must not send them. The
/// announcement is set in their place where the proxy announces itself.
pub(super) const HAND_OFF_REQUEST: [&str; 7] = [
    "X-Accel-Mapping",
    "X-Accel-Redirect",
    "X-Sendfile",
    "X-Sendfile-Type",
    "X-Sendfile2",
    "X-LIGHTTPD-send-file",
    "X-Reproxy-URL",
];

/// Request headers that say what was asked of a proxy further out. Nobody sets them here; an application behind the
/// gateway might believe a client's.
pub(super) const FORWARDED_ELSEWHERE: [&str; 6] = [
    "Forwarded",
    "X-Forwarded-Method",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Real-IP",
];

/// The same and the three that proxies set, as WSGI and CGI take them for the same: with `_` in the place of each `-`, or
/// of one of the two.
pub(super) const FORWARDED_MISSPELT: [&str; 15] = [
    "X_Forwarded_For",
    "X_Forwarded-For",
    "X-Forwarded_For",
    "X_Forwarded_Host",
    "X_Forwarded-Host",
    "X-Forwarded_Host",
    "X_Forwarded_Proto",
    "X_Forwarded-Proto",
    "X-Forwarded_Proto",
    "X_Forwarded_Method",
    "X_Forwarded-Method",
    "X-Forwarded_Method",
    "X_Forwarded_Uri",
    "X_Forwarded-Uri",
    "X-Forwarded_Uri",
];

/// What a client must not say of itself.
pub(super) fn forwarded_away() -> impl Iterator<Item = &'static str> {
    FORWARDED_ELSEWHERE.into_iter().chain(FORWARDED_MISSPELT)
}

/// What the printed lines about these are for.
pub(super) const WHO_IT_IS: &str = "Who the client is and what it asked, for whoever permits downloads: never in the client's own words.";

/// The request header by which a proxy announces itself.
pub(super) const ANNOUNCEMENT: &str = "X-Downloadview-Proxy";

/// Headers of other servers that are not for clients, where a proxy can leave headers out by name only. First those that
/// say something of the file that only the gateway says, or that mean something to a browser or a cache; then those of
/// known stores.
const OF_REMOTES: &[&str] = &[
    "Accept-CH",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Activate-Storage-Access",
    "Age",
    "Allow",
    "Alt-Svc",
    "Attribution-Reporting-Register-Source",
    "Attribution-Reporting-Register-Trigger",
    "Authentication-Info",
    "Cache-Control",
    "CDN-Cache-Control",
    "Clear-Site-Data",
    "Content-Digest",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Location",
    "Content-MD5",
    "Content-Security-Policy",
    "Content-Security-Policy-Report-Only",
    "Content-Type",
    "Critical-CH",
    "Cross-Origin-Embedder-Policy",
    "Cross-Origin-Embedder-Policy-Report-Only",
    "Cross-Origin-Opener-Policy",
    "Cross-Origin-Opener-Policy-Report-Only",
    "Cross-Origin-Resource-Policy",
    "Digest",
    "Document-Policy",
    "Expect-CT",
    "Expires",
    "Feature-Policy",
    "Integrity-Policy",
    "Integrity-Policy-Report-Only",
    "Link",
    "Location",
    "NEL",
    "No-Vary-Search",
    "Observe-Browsing-Topics",
    "Origin-Agent-Cluster",
    "P3P",
    "Permissions-Policy",
    "Permissions-Policy-Report-Only",
    "Pragma",
    "Proxy-Authenticate",
    "Public-Key-Pins",
    "Referrer-Policy",
    "Refresh",
    "Report-To",
    "Reporting-Endpoints",
    "Repr-Digest",
    "Retry-After",
    "Sec-Session-Registration",
    "Secure-Session-Registration",
    "Server-Timing",
    "Service-Worker-Allowed",
    "Set-Cookie",
    "Set-Cookie2",
    "Set-Login",
    "SourceMap",
    "Speculation-Rules",
    "Strict-Transport-Security",
    "Supports-Loading-Mode",
    "Surrogate-Control",
    "Timing-Allow-Origin",
    "Use-As-Dictionary",
    "Vary",
    "Via",
    "Warning",
    "WWW-Authenticate",
    "X-Archive-Files",
    "X-AspNet-Version",
    "X-Cache",
    "X-Content-Type-Options",
    "X-DNS-Prefetch-Control",
    "X-Download-Options",
    "X-Frame-Options",
    "X-Permitted-Cross-Domain-Policies",
    "X-Powered-By",
    "X-Request-Id",
    "X-Robots-Tag",
    "X-Runtime",
    "X-Served-By",
    "X-SourceMap",
    "X-UA-Compatible",
    "X-XSS-Protection",
    "x-amz-bucket-region",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-type",
    "x-amz-cf-id",
    "x-amz-cf-pop",
    "x-amz-delete-marker",
    "x-amz-expiration",
    "x-amz-id-2",
    "x-amz-missing-meta",
    "x-amz-mp-parts-count",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-replication-status",
    "x-amz-request-charged",
    "x-amz-request-id",
    "x-amz-restore",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key-MD5",
    "x-amz-storage-class",
    "x-amz-tagging-count",
    "x-amz-version-id",
    "x-amz-website-redirect-location",
    "x-goog-component-count",
    "x-goog-expiration",
    "x-goog-generation",
    "x-goog-hash",
    "x-goog-metageneration",
    "x-goog-storage-class",
    "x-goog-stored-content-encoding",
    "x-goog-stored-content-length",
    "X-GUploader-UploadID",
    "x-ms-access-tier",
    "x-ms-access-tier-inferred",
    "x-ms-blob-content-md5",
    "x-ms-blob-type",
    "x-ms-client-request-id",
    "x-ms-copy-completion-time",
    "x-ms-copy-id",
    "x-ms-copy-progress",
    "x-ms-copy-source",
    "x-ms-copy-status",
    "x-ms-creation-time",
    "x-ms-encryption-key-sha256",
    "x-ms-encryption-scope",
    "x-ms-error-code",
    "x-ms-is-current-version",
    "x-ms-last-access-time",
    "x-ms-lease-duration",
    "x-ms-lease-state",
    "x-ms-lease-status",
    "x-ms-or-policy-id",
    "x-ms-request-id",
    "x-ms-server-encrypted",
    "x-ms-tag-count",
    "x-ms-version",
    "x-ms-version-id",
];

/// Headers of another server to leave out: all of that list, those by which applications hand files to proxies, and
/// `also` what the gateway states in their place.
pub(super) fn of_remotes<'a>(also: &[&'a str]) -> Vec<&'a str> {
    let foreign = SENDFILE.into_iter().chain(ELSEWHERE).chain(REMOTE);
    let mut names: Vec<&str> = OF_REMOTES.iter().copied().chain(foreign).collect();
    for name in also {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    names
}

/// Headers of the gateway's answer that every file keeps, beside the client's name for it, its type, cookies and
/// freshness; whether error pages have it too.
pub(super) const ALWAYS_KEPT: [(&str, bool); 6] = [
    ("Content-Security-Policy", true),
    ("X-Content-Type-Options", true),
    ("X-Frame-Options", true),
    ("Vary", false),
    ("Link", false),
    ("Content-Language", false),
];

/// What every answer to a signed link states.
const OF_LINKS: [&str; 2] = ["Referrer-Policy", "X-Robots-Tag"];

/// The headers that the file sets itself, those of signed links if a view asks for these, and its `keep_headers`, where they are not named anyway: each once, in its
/// first spelling.
pub(super) fn also_kept<'a>(config: &'a Config, named: &[&str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    // Of those some are kept by every proxy, and would be sent twice.
    let stated = config.stated_headers().map(|header| &header.spelling);
    let stated = stated.filter(|name| can_be_kept(name));
    let stated = config.optimize.keep_headers.iter().chain(stated);
    let signed = config.views.iter().any(|view| view.signature.is_some());
    let of_links = OF_LINKS.into_iter().filter(|_| signed);
    for name in stated.map(String::as_str).chain(of_links) {
        let known = |other: &&str| other.eq_ignore_ascii_case(name);
        if !named.iter().any(known) && !kept.iter().any(known) {
            kept.push(name);
        }
    }
    kept
}
