//! The files that Caddy fetches from another server: one intercepted answer of the gateway, and a proxy in it.
//!
//! Measured with 2.6.2 and 2.11.7. `-**` deletes every header: `-*` makes 2.6 panic. Headers that are deleted on the way
//! down (`header_down`) are gone from what `copy_response` copies, but not from what was copied by name before: that is
//! the list of what passes.

use std::fmt::Write as _;

use super::super::headers::ALWAYS_KEPT;
use super::super::remotes::{Remote, written};
use super::super::words::indented;
use super::super::{ProxyConfigError, headers::also_kept};
use super::{NAMED_FOR_CADDY, Writer};

/// What the server is asked for: the target byte for byte, and of the client's request its range and its conditions.
const REQUEST: &str = r#"# Path and query each replace a marker: anything else would decode the path, or send the client's query.
map {rp.header.X-Download-Target} {downloadview_path} {downloadview_query} {
	~^(/[!->@-~]*)(?:[?]([!-~]*))?$ "${1}" "${2}"
}
@downloadview_malformed not vars_regexp {rp.header.X-Download-Target} ^/[!-~]*$
error @downloadview_malformed 502
rewrite * //downloadview-path?//<downloadview-query>
uri replace //downloadview-path {downloadview_path} 1
uri replace //<downloadview-query> {downloadview_query} 1

# Of the client's headers these, and no other.
vars {
	downloadview_encoding {rp.header.Content-Encoding}
	downloadview_range {header.Range}
	downloadview_if_range {header.If-Range}
	downloadview_if_match {header.If-Match}
	downloadview_if_none_match {header.If-None-Match}
	downloadview_if_modified_since {header.If-Modified-Since}
	downloadview_if_unmodified_since {header.If-Unmodified-Since}
}
request_header -**
@downloadview_if_match not vars {vars.downloadview_if_match} ""
request_header @downloadview_if_match If-Match {vars.downloadview_if_match}
@downloadview_if_none_match not vars {vars.downloadview_if_none_match} ""
request_header @downloadview_if_none_match If-None-Match {vars.downloadview_if_none_match}
@downloadview_if_modified_since not vars {vars.downloadview_if_modified_since} ""
request_header @downloadview_if_modified_since If-Modified-Since {vars.downloadview_if_modified_since}
@downloadview_if_unmodified_since not vars {vars.downloadview_if_unmodified_since} ""
request_header @downloadview_if_unmodified_since If-Unmodified-Since {vars.downloadview_if_unmodified_since}

# One range: several would come back as one body in parts, whose type only the server knows. A weak tag in If-Range
# never holds.
@downloadview_range {
	vars_regexp {vars.downloadview_range} ^bytes=([0-9]+-[0-9]*|-[0-9]+)$
	not vars_regexp {vars.downloadview_if_range} ^W/
}
request_header @downloadview_range Range {vars.downloadview_range}
@downloadview_if_range {
	header Range *
	not vars {vars.downloadview_if_range} ""
}
request_header @downloadview_if_range If-Range {vars.downloadview_if_range}

# Object stores know no If-Range, and would send a part of another file. So it goes out as If-Match or
# If-Unmodified-Since too, and where that fails the whole file is asked for.
@downloadview_resumes {
	header If-Range *
	not header If-Match *
	not header If-Unmodified-Since *
}
vars @downloadview_resumes downloadview_resumes yes
@downloadview_tag {
	vars {vars.downloadview_resumes} yes
	header_regexp If-Range `^"`
}
request_header @downloadview_tag If-Match {vars.downloadview_if_range}
@downloadview_date {
	vars {vars.downloadview_resumes} yes
	header_regexp If-Range `^[^"]`
}
request_header @downloadview_date If-Unmodified-Since {vars.downloadview_if_range}
"#;

/// What reaches the client of the server's answers: of good ones length, range, validators, coding and the body; of others
/// the status, or one that says as much.
const ANSWERS: &str = r#"
# Without a length nobody would notice, with Caddy 2.6, that the server broke off.
@downloadview_whole {
	status 200
	header Content-Length *
}
handle_response @downloadview_whole {
	@downloadview_bare vars {vars.downloadview_encoding} ""
	copy_response_headers @downloadview_bare {
		include Content-Encoding
	}
	copy_response_headers {
		include Content-Length Accept-Ranges ETag Last-Modified
	}
	copy_response
}
@downloadview_part {
	status 206
	header Content-Length *
	header Content-Range bytes*
}
handle_response @downloadview_part {
	@downloadview_bare vars {vars.downloadview_encoding} ""
	copy_response_headers @downloadview_bare {
		include Content-Encoding
	}
	copy_response_headers {
		include Content-Length Content-Range Accept-Ranges ETag Last-Modified
	}
	copy_response
}
@downloadview_same status 304
handle_response @downloadview_same {
	copy_response_headers {
		include ETag Last-Modified
	}
	copy_response
}
@downloadview_missing status 404 410
handle_response @downloadview_missing {
	error 404
}
@downloadview_forbidden status 401 403
handle_response @downloadview_forbidden {
	error FORBIDDEN
}
@downloadview_unsatisfiable status 416
handle_response @downloadview_unsatisfiable {
	copy_response_headers {
		include Content-Range
	}
	error 416
}
"#;

/// After all the others.
const FAILED: &str = "handle_response {\n\terror 502\n}\n";

/// What the gateway says of a file, once more with the final head: after a 1xx of the server's Caddy has forgotten what was
/// copied, and would guess the type from the bytes.
fn stated_again(names: &[&str]) -> String {
    let mut values = String::new();
    let mut headers = String::new();
    // Cookies cannot be joined.
    let names = names
        .iter()
        .filter(|name| !name.eq_ignore_ascii_case("Set-Cookie"));
    for (number, name) in names.enumerate() {
        let kept = format!("downloadview_kept_{number}");
        let _ = writeln!(values, "\t{kept} {{rp.header.{name}}}");
        let _ = write!(
            headers,
            "@{kept} not vars {{vars.{kept}}} \"\"\nheader @{kept} {{\n\t{name} {{vars.{kept}}}\n\tdefer\n}}\n"
        );
    }
    format!(
        "\
# And once more with the final head: a server that answers 1xx before it makes Caddy forget them, and guess the type.
vars {{
{values}}}
{headers}"
    )
}

impl Writer<'_> {
    /// The server behind one internal location, which has no route.
    pub(super) fn remote_handler(&self, remote: &Remote) -> Result<String, ProxyConfigError> {
        let Remote {
            number,
            path,
            line,
            server,
        } = remote;
        let origin = &server.origin;
        let kept = self.carried().join(" ");
        let stated_again = stated_again(&self.carried());
        let changed = self.changed(remote)?;
        let first = self.fetch("", remote, &format!("{changed}{FAILED}"))?;
        let route = format!(
            "\
{REQUEST}
# Nothing of the gateway's answer is kept unless it is named.
copy_response_headers {{
	include {kept}
}}
{stated_again}{first}"
        );
        let route = indented(&route, "\t\t\t");
        Ok(format!(
            "
	# Files of {origin}, which Caddy fetches itself: the rule in line {line}. Two more headers of the gateway say from
	# whom, which must be this server, and what.
	@downloadview_remote_{number} {{
		status 200
		header X-Accel-Redirect {path}
		header X-Download-Origin {origin}
	}}
	handle_response @downloadview_remote_{number} {{
		route {{
{route}		}}
	}}
"
        ))
    }

    /// The file is not the one that the client has a part of: the whole of it, unless the condition was the client's own.
    fn changed(&self, remote: &Remote) -> Result<String, ProxyConfigError> {
        let again = self.fetch("@downloadview_again ", remote, FAILED)?;
        let again = indented(&again, "\t\t");
        Ok(format!(
            "\
@downloadview_changed status 412
handle_response @downloadview_changed {{
	route {{
		@downloadview_again vars {{vars.downloadview_resumes}} yes
		request_header @downloadview_again -Range
		request_header @downloadview_again -If-*
{again}		error 412
	}}
}}
"
        ))
    }

    /// A request to the server, with what becomes of its answers.
    fn fetch(
        &self,
        matcher: &str,
        remote: &Remote,
        more: &str,
    ) -> Result<String, ProxyConfigError> {
        let server = &remote.server;
        let (origin, authority) = (&server.origin, server.authority());
        let [connect, first_byte, idle] =
            [server.connect, server.first_byte, server.idle].map(written);
        let trust = match self.front.ca_file {
            Some(file) if server.is_https() => {
                format!("\t\ttls_trusted_ca_certs {}\n", self.quoted("", file)?)
            }
            _ => String::new(),
        };
        let answers = ANSWERS.replace("FORBIDDEN", &server.forbidden.to_string());
        let answers = indented(&format!("{answers}{more}"), "\t");
        Ok(format!(
            "\
reverse_proxy {matcher}{origin} {{
	# The request reads no body, and says nothing of this proxy.
	method GET
	header_up Host {authority}
	header_up Accept-Encoding identity
	header_up -X-*
	header_up -Via
	header_down -**
	transport http {{
		dial_timeout {connect}
		response_header_timeout {first_byte}
		read_timeout {idle}
		keepalive 60s
		keepalive_idle_conns_per_host 32
		compression off
		versions 1.1
{trust}	}}
{answers}}}
"
        ))
    }

    /// The headers that a fetched file keeps of the gateway's answer; its validators are the server's.
    fn carried(&self) -> Vec<&str> {
        let always = ALWAYS_KEPT.iter().map(|(name, _)| *name);
        let names: Vec<_> = NAMED_FOR_CADDY.into_iter().chain(always).collect();
        let also = also_kept(self.front.config, &names);
        names.into_iter().chain(also).collect()
    }
}
