//! The configuration that is printed for files which nginx and Caddy fetch from another server themselves.

use downloadview_gateway::config::{Config, Proxy};
use downloadview_gateway::proxy_config::{Form, Installed, Njs, Options, SCRIPT, print};

const MEDIA: &str = "[storages.media]\nkind = \"local\"\nroot = \".\"\nbase_url = \"/media/\"\n";

/// What is printed for these rules, each a list of keys.
fn printed(proxy: Proxy, rules: &[&str], options: &Options) -> String {
    printed_with("", proxy, rules, options)
}

/// [`printed`], with one more storage.
fn printed_with(storage: &str, proxy: Proxy, rules: &[&str], options: &Options) -> String {
    let rules: String = rules
        .iter()
        .map(|rule| format!("[[optimize.rules]]\n{rule}\n"))
        .collect();
    let text = format!(
        "{MEDIA}{storage}[optimize]\nbackend = \"{}\"\nkeep_headers = [\"X-Case\"]\n{rules}[[views]]\nroute = \"/hello\"\n\
         kind = \"virtual\"\ntext = \"hi\"\nbasename = \"a.txt\"\n",
        proxy.name()
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config::parse(&text, &folder.path().join("downloadview.toml"));
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let text = print(proxy, &config, options).unwrap_or_else(|error| format!("error: {error}"));
    text.replace(folder.path().to_str().expect("UTF-8"), "FOLDER")
}

fn standalone() -> Options {
    Options {
        form: Form::Standalone("127.0.0.1:8080".parse().expect("an address")),
        ..Options::default()
    }
}

/// The lines from the first that holds `first` on, up to one that holds `last`.
fn between(text: &str, first: &str, last: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.contains(first));
    let lines: Vec<_> = lines.take_while(|line| !line.contains(last)).collect();
    assert!(!lines.is_empty(), "no {first} in\n{text}");
    lines.join("\n")
}

const REMOTE: &str =
    "source_url = \"https://files.example/media/\"\ndestination_url = \"/_internal/remote/\"";
const PLAIN: &str =
    "source_url = \"http://files.example:8000/\"\ndestination_url = \"/_internal/plain/\"";

#[test]
fn caddy_is_told_of_escaping_only_where_a_rule_has_files_of_this_machine() {
    let advice = "The rules do not state `escaping`";
    let text = printed(Proxy::Caddy, &[REMOTE, PLAIN], &standalone());
    assert!(!text.contains(advice), "{text}");
    let local = "source_url = \"/media/\"\ndestination_url = \"/_internal/media/\"";
    let text = printed(Proxy::Caddy, &[REMOTE, local], &standalone());
    assert!(text.contains(advice), "{text}");
}

/// Nothing that nginx itself can be told stops it; whoever installs the configuration reads it there.
#[test]
fn nginx_is_printed_with_what_its_servers_must_be_trusted_with() {
    let risk = "a server that you trust with this site";
    let text = printed(Proxy::Nginx, &[REMOTE, PLAIN], &Options::default());
    assert_eq!(text.matches(risk).count(), 2, "{text}");
    let local = "source_url = \"/media/\"\ndestination_url = \"/_internal/media/\"";
    assert!(!printed(Proxy::Nginx, &[local], &Options::default()).contains(risk));
    assert!(!printed(Proxy::Caddy, &[REMOTE, PLAIN], &Options::default()).contains(risk));
    // Its script does.
    let scripted = Options {
        script: Some("/a.js".into()),
        ..Options::default()
    };
    assert!(!printed(Proxy::Nginx, &[REMOTE, PLAIN], &scripted).contains(risk));
}

#[test]
fn prints_upstreams_and_maps_for_nginx() {
    let text = printed(Proxy::Nginx, &[REMOTE, PLAIN], &standalone());
    let text = between(&text, "# The server of the rule", "    server {");
    insta::assert_snapshot!(text, @r#"
    # The server of the rule in line 11. nginx looks its name up when it starts or reads its configuration anew: reload it
    # when the addresses change, or from 1.27.3 on write `zone downloadview_remote_1 64k; resolver ADDRESS;` here and
    # `resolve` after the name. It must be a server that you trust with this site: nginx takes an interim answer of it (100, 102,
    # 199; 1.22 also 103) for the answer itself, and passes what follows on to the client as it is.
    upstream downloadview_remote_1 {
        server files.example:8000 max_fails=0;
        keepalive 32;
        keepalive_timeout 60s;
    }

    # The server of the rule in line 8. nginx looks its name up when it starts or reads its configuration anew: reload it
    # when the addresses change, or from 1.27.3 on write `zone downloadview_remote_2 64k; resolver ADDRESS;` here and
    # `resolve` after the name. It must be a server that you trust with this site: nginx takes an interim answer of it (100, 102,
    # 199; 1.22 also 103) for the answer itself, and passes what follows on to the client as it is.
    upstream downloadview_remote_2 {
        server files.example:443 max_fails=0;
        keepalive 32;
        keepalive_timeout 60s;
    }

    # What the servers of files learn of a client's request. One range, of a GET; several would come back as one body in
    # parts, whose type only the server knows. A weak tag in If-Range never holds.
    map "$request_method $http_range $http_if_range" $downloadview_range {
        "~^GET (bytes=(?:[0-9]+-[0-9]*|-[0-9]+)) (?!W/)" $1;
        default "";
    }
    map "$downloadview_range $http_if_range" $downloadview_if_range {
        "~^bytes=\S+ (.+)$" $1;
        default "";
    }
    # Object stores know no If-Range, and would send a part of another file. So it goes out as If-Match or
    # If-Unmodified-Since too, and where that fails the whole file is asked for.
    map "$http_if_match$http_if_unmodified_since $downloadview_if_range" $downloadview_match {
        "~^ (\".*)$" $1;
        default $http_if_match;
    }
    map "$http_if_match$http_if_unmodified_since $downloadview_if_range" $downloadview_unmodified {
        "~^ ([^\"].*)$" $1;
        default $http_if_unmodified_since;
    }
    map "$http_if_match$http_if_unmodified_since $downloadview_if_range" $downloadview_resumes {
        "~^ ." 1;
        default "";
    }
    # What nginx keeps of the gateway's answer it forgets, from 1.29 on, where the server answers 103 before: then once more.
    map $sent_http_content_type $downloadview_type_again {
        "" $downloadview_type;
        default "";
    }
    map $sent_http_content_disposition $downloadview_disposition_again {
        "" $downloadview_disposition;
        default "";
    }
    map $sent_http_cache_control $downloadview_cache_control_again {
        "" $downloadview_cache_control;
        default "";
    }
    map $sent_http_expires $downloadview_expires_again {
        "" $downloadview_expires;
        default "";
    }
    # The coding that the gateway states, or that of an object that was stored compressed.
    map $downloadview_content_encoding $downloadview_encoding {
        "" $upstream_http_content_encoding;
        default $downloadview_content_encoding;
    }
    "#);
}

#[test]
fn prints_the_locations_of_a_remote_for_nginx() {
    let text = printed(Proxy::Nginx, &[REMOTE], &standalone());
    let text = between(&text, "# Files of https://", "nothing of this kind");
    // Without the long lists.
    let of_list = |line: &str| {
        line.contains("proxy_hide_header") || line.trim_start().starts_with(char::is_numeric)
    };
    let shown: Vec<_> = text.lines().filter(|line| !of_list(line)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
            # Files of https://files.example, which nginx fetches itself: the rule in line 8. Reached by X-Accel-Redirect
            # only, 404 for clients. Two more headers of the gateway say from whom, which must be this server, and what.
            location ^~ /_internal/remote/ {
                internal;
                # Before the request to the server, whose headers would stand in their place.
                set $downloadview_target $upstream_http_x_download_target;
                set $downloadview_type $upstream_http_content_type;
                set $downloadview_disposition $upstream_http_content_disposition;
                set $downloadview_cache_control $upstream_http_cache_control;
                set $downloadview_expires $upstream_http_expires;
                set $downloadview_content_security_policy $upstream_http_content_security_policy;
                set $downloadview_x_content_type_options $upstream_http_x_content_type_options;
                set $downloadview_x_frame_options $upstream_http_x_frame_options;
                set $downloadview_vary $upstream_http_vary;
                set $downloadview_link $upstream_http_link;
                set $downloadview_content_language $upstream_http_content_language;
                set $downloadview_content_encoding $upstream_http_content_encoding;
                set $downloadview_x_case $upstream_http_x_case;
                if ($upstream_http_x_download_origin != "https://files.example") { return 404; }
                # Glued to the name of the server, "@other/" would be another one.
                if ($downloadview_target !~ "^/[!-~]*$") { return 502; }
                proxy_set_header Range $downloadview_range;
                proxy_set_header If-Range $downloadview_if_range;
                proxy_set_header If-Match $downloadview_match;
                proxy_set_header If-Unmodified-Since $downloadview_unmodified;
                error_page 412 = @downloadview_remote_1_whole;
                proxy_pass https://downloadview_remote_1$downloadview_target;
                proxy_http_version 1.1;
                # Signatures are for GET, and a client that asks with HEAD gets no body.
                proxy_method GET;
                proxy_pass_request_headers off;
                proxy_pass_request_body off;
                proxy_set_header Content-Length "";
                proxy_set_header Connection "";
                proxy_set_header Host files.example;
                proxy_set_header Accept-Encoding identity;
                proxy_set_header If-None-Match $http_if_none_match;
                proxy_set_header If-Modified-Since $http_if_modified_since;
                # nginx verifies no certificate, and does not name the server that it wants, unless it is told to.
                proxy_ssl_server_name on;
                proxy_ssl_name files.example;
                proxy_ssl_verify on;
                proxy_ssl_verify_depth 5;
                proxy_ssl_protocols TLSv1.2 TLSv1.3;
                # As on Debian; /etc/pki/tls/certs/ca-bundle.crt on Fedora.
                proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
                proxy_connect_timeout 5s;
                proxy_read_timeout 30s;

                # Nothing waits on disk, and nothing is as the site says elsewhere.
                proxy_buffering on;
                proxy_max_temp_file_size 0;
                proxy_buffer_size 16k;
                proxy_buffers 8 16k;
                proxy_cache off;
                proxy_store off;
                proxy_redirect off;
                expires off;
                ssi off;
                gzip off;
                charset off;

                # Of the server's headers length, range, validators and coding reach the client, and any that is not named here
                # (x-amz-meta-owner): nginx can leave headers out only by name. With its module njs it passes none but those
                # that are allowed: `downloadview proxy-config nginx --script FILE`.
                proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
                proxy_headers_hash_max_size 2048;
                proxy_headers_hash_bucket_size 128;
                # Headers of the gateway's answer, carried over to the file; the first of them only where nginx lost its own.
                add_header Content-Type $downloadview_type_again;
                add_header Content-Disposition $downloadview_disposition_again;
                add_header Cache-Control $downloadview_cache_control_again;
                add_header Expires $downloadview_expires_again;
                add_header Content-Security-Policy $downloadview_content_security_policy always;
                add_header X-Content-Type-Options $downloadview_x_content_type_options always;
                add_header X-Frame-Options $downloadview_x_frame_options always;
                add_header Vary $downloadview_vary;
                add_header Link $downloadview_link;
                add_header Content-Language $downloadview_content_language;
                add_header Content-Encoding $downloadview_encoding;
                add_header X-Case $downloadview_x_case;

                # Not a word of the server's own error pages.
                proxy_intercept_errors on;
                error_page 404 410 = @downloadview_missing;
                error_page 401 403 = @downloadview_missing;
                error_page 416 = @downloadview_unsatisfiable;
                error_page 504 = @downloadview_late;
                error_page
                    = @downloadview_failed;
            }
            location = /_internal/remote { internal; return 404; }
            # The file is not the one that the client has a part of: the whole of it, unless the condition was the client's own.
            location @downloadview_remote_1_whole {
                if ($downloadview_resumes = "") {
                    add_header Cache-Control no-store always;
                    return 412;
                }
                error_page 412 = @downloadview_failed;
                proxy_pass https://downloadview_remote_1$downloadview_target;
                proxy_http_version 1.1;
                # Signatures are for GET, and a client that asks with HEAD gets no body.
                proxy_method GET;
                proxy_pass_request_headers off;
                proxy_pass_request_body off;
                proxy_set_header Content-Length "";
                proxy_set_header Connection "";
                proxy_set_header Host files.example;
                proxy_set_header Accept-Encoding identity;
                proxy_set_header If-None-Match $http_if_none_match;
                proxy_set_header If-Modified-Since $http_if_modified_since;
                # nginx verifies no certificate, and does not name the server that it wants, unless it is told to.
                proxy_ssl_server_name on;
                proxy_ssl_name files.example;
                proxy_ssl_verify on;
                proxy_ssl_verify_depth 5;
                proxy_ssl_protocols TLSv1.2 TLSv1.3;
                # As on Debian; /etc/pki/tls/certs/ca-bundle.crt on Fedora.
                proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
                proxy_connect_timeout 5s;
                proxy_read_timeout 30s;

                # Nothing waits on disk, and nothing is as the site says elsewhere.
                proxy_buffering on;
                proxy_max_temp_file_size 0;
                proxy_buffer_size 16k;
                proxy_buffers 8 16k;
                proxy_cache off;
                proxy_store off;
                proxy_redirect off;
                expires off;
                ssi off;
                gzip off;
                charset off;

                # Of the server's headers length, range, validators and coding reach the client, and any that is not named here
                # (x-amz-meta-owner): nginx can leave headers out only by name. With its module njs it passes none but those
                # that are allowed: `downloadview proxy-config nginx --script FILE`.
                proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
                proxy_headers_hash_max_size 2048;
                proxy_headers_hash_bucket_size 128;
                # Headers of the gateway's answer, carried over to the file; the first of them only where nginx lost its own.
                add_header Content-Type $downloadview_type_again;
                add_header Content-Disposition $downloadview_disposition_again;
                add_header Cache-Control $downloadview_cache_control_again;
                add_header Expires $downloadview_expires_again;
                add_header Content-Security-Policy $downloadview_content_security_policy always;
                add_header X-Content-Type-Options $downloadview_x_content_type_options always;
                add_header X-Frame-Options $downloadview_x_frame_options always;
                add_header Vary $downloadview_vary;
                add_header Link $downloadview_link;
                add_header Content-Language $downloadview_content_language;
                add_header Content-Encoding $downloadview_encoding;
                add_header X-Case $downloadview_x_case;

                # Not a word of the server's own error pages.
                proxy_intercept_errors on;
                error_page 404 410 = @downloadview_missing;
                error_page 401 403 = @downloadview_missing;
                error_page 416 = @downloadview_unsatisfiable;
                error_page 504 = @downloadview_late;
                error_page
                    = @downloadview_failed;
            }

            # Where a server has no file. nginx keeps the gateway's Content-Disposition, Set-Cookie and Cache-Control
            # here too; of two Cache-Control the stricter counts.
            location @downloadview_missing {
                add_header Cache-Control no-store always;
                return 404;
            }
            location @downloadview_forbidden {
                add_header Cache-Control no-store always;
                return 403;
            }
            location @downloadview_unsatisfiable {
                add_header Cache-Control no-store always;
                add_header Content-Range $upstream_http_content_range always;
                return 416;
            }
            location @downloadview_late {
                add_header Cache-Control no-store always;
                return 504;
            }
            location @downloadview_failed {
                add_header Cache-Control no-store always;
                return 502;
            }
        }
    }
    "#);
    let hidden = |name: &str| text.matches(&format!("proxy_hide_header {name};")).count();
    for name in [
        "Set-Cookie",
        "Content-Type",
        "Content-Security-Policy",
        "X-Case",
        "X-Sendfile",
        "x-amz-id-2",
    ] {
        assert_eq!(hidden(name), 2, "{name}");
    }
    for name in [
        "ETag",
        "Last-Modified",
        "Content-Range",
        "Content-Length",
        "Accept-Ranges",
    ] {
        assert_eq!(hidden(name), 0, "{name}");
    }
}

#[test]
fn prints_a_remote_for_caddy() {
    let text = printed(Proxy::Caddy, &[REMOTE], &standalone());
    let text = between(&text, "# Files of https://", "# A file of no rule");
    insta::assert_snapshot!(text, @r#"
    # Files of https://files.example, which Caddy fetches itself: the rule in line 8. Two more headers of the gateway say from
    # whom, which must be this server, and what.
    @downloadview_remote_1 {
    	status 200
    	header X-Accel-Redirect /_internal/remote/
    	header X-Download-Origin https://files.example
    }
    handle_response @downloadview_remote_1 {
    	route {
    		# Path and query each replace a marker: anything else would decode the path, or send the client's query.
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

    		# Nothing of the gateway's answer is kept unless it is named.
    		copy_response_headers {
    			include Content-Type Content-Disposition Content-Encoding Set-Cookie Cache-Control Expires Content-Security-Policy X-Content-Type-Options X-Frame-Options Vary Link Content-Language X-Case
    		}
    		# And once more with the final head: a server that answers 1xx before it makes Caddy forget them, and guess the type.
    		vars {
    			downloadview_kept_0 {rp.header.Content-Type}
    			downloadview_kept_1 {rp.header.Content-Disposition}
    			downloadview_kept_2 {rp.header.Content-Encoding}
    			downloadview_kept_3 {rp.header.Cache-Control}
    			downloadview_kept_4 {rp.header.Expires}
    			downloadview_kept_5 {rp.header.Content-Security-Policy}
    			downloadview_kept_6 {rp.header.X-Content-Type-Options}
    			downloadview_kept_7 {rp.header.X-Frame-Options}
    			downloadview_kept_8 {rp.header.Vary}
    			downloadview_kept_9 {rp.header.Link}
    			downloadview_kept_10 {rp.header.Content-Language}
    			downloadview_kept_11 {rp.header.X-Case}
    		}
    		@downloadview_kept_0 not vars {vars.downloadview_kept_0} ""
    		header @downloadview_kept_0 {
    			Content-Type {vars.downloadview_kept_0}
    			defer
    		}
    		@downloadview_kept_1 not vars {vars.downloadview_kept_1} ""
    		header @downloadview_kept_1 {
    			Content-Disposition {vars.downloadview_kept_1}
    			defer
    		}
    		@downloadview_kept_2 not vars {vars.downloadview_kept_2} ""
    		header @downloadview_kept_2 {
    			Content-Encoding {vars.downloadview_kept_2}
    			defer
    		}
    		@downloadview_kept_3 not vars {vars.downloadview_kept_3} ""
    		header @downloadview_kept_3 {
    			Cache-Control {vars.downloadview_kept_3}
    			defer
    		}
    		@downloadview_kept_4 not vars {vars.downloadview_kept_4} ""
    		header @downloadview_kept_4 {
    			Expires {vars.downloadview_kept_4}
    			defer
    		}
    		@downloadview_kept_5 not vars {vars.downloadview_kept_5} ""
    		header @downloadview_kept_5 {
    			Content-Security-Policy {vars.downloadview_kept_5}
    			defer
    		}
    		@downloadview_kept_6 not vars {vars.downloadview_kept_6} ""
    		header @downloadview_kept_6 {
    			X-Content-Type-Options {vars.downloadview_kept_6}
    			defer
    		}
    		@downloadview_kept_7 not vars {vars.downloadview_kept_7} ""
    		header @downloadview_kept_7 {
    			X-Frame-Options {vars.downloadview_kept_7}
    			defer
    		}
    		@downloadview_kept_8 not vars {vars.downloadview_kept_8} ""
    		header @downloadview_kept_8 {
    			Vary {vars.downloadview_kept_8}
    			defer
    		}
    		@downloadview_kept_9 not vars {vars.downloadview_kept_9} ""
    		header @downloadview_kept_9 {
    			Link {vars.downloadview_kept_9}
    			defer
    		}
    		@downloadview_kept_10 not vars {vars.downloadview_kept_10} ""
    		header @downloadview_kept_10 {
    			Content-Language {vars.downloadview_kept_10}
    			defer
    		}
    		@downloadview_kept_11 not vars {vars.downloadview_kept_11} ""
    		header @downloadview_kept_11 {
    			X-Case {vars.downloadview_kept_11}
    			defer
    		}
    		reverse_proxy https://files.example {
    			# The request reads no body, and says nothing of this proxy.
    			method GET
    			header_up Host files.example
    			header_up Accept-Encoding identity
    			header_up -X-*
    			header_up -Via
    			header_down -**
    			transport http {
    				dial_timeout 5s
    				response_header_timeout 15s
    				read_timeout 30s
    				keepalive 60s
    				keepalive_idle_conns_per_host 32
    				compression off
    				versions 1.1
    			}

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
    				error 404
    			}
    			@downloadview_unsatisfiable status 416
    			handle_response @downloadview_unsatisfiable {
    				copy_response_headers {
    					include Content-Range
    				}
    				error 416
    			}
    			@downloadview_changed status 412
    			handle_response @downloadview_changed {
    				route {
    					@downloadview_again vars {vars.downloadview_resumes} yes
    					request_header @downloadview_again -Range
    					request_header @downloadview_again -If-*
    					reverse_proxy @downloadview_again https://files.example {
    						# The request reads no body, and says nothing of this proxy.
    						method GET
    						header_up Host files.example
    						header_up Accept-Encoding identity
    						header_up -X-*
    						header_up -Via
    						header_down -**
    						transport http {
    							dial_timeout 5s
    							response_header_timeout 15s
    							read_timeout 30s
    							keepalive 60s
    							keepalive_idle_conns_per_host 32
    							compression off
    							versions 1.1
    						}

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
    							error 404
    						}
    						@downloadview_unsatisfiable status 416
    						handle_response @downloadview_unsatisfiable {
    							copy_response_headers {
    								include Content-Range
    							}
    							error 416
    						}
    						handle_response {
    							error 502
    						}
    					}
    					error 412
    				}
    			}
    			handle_response {
    				error 502
    			}
    		}
    	}
    }
    "#);
}

/// What an nginx with njs is told in the place of 130 names.
#[test]
fn with_a_script_nginx_hides_what_the_gateway_says_too_and_the_script_all_others() {
    let options = |njs: Njs| Options {
        script: Some("/etc/nginx/downloadview.js".into()),
        installed: Installed {
            njs,
            ..Installed::default()
        },
        ..standalone()
    };
    let text = printed(Proxy::Nginx, &[REMOTE], &options(Njs::Unknown));
    let import = between(&text, "# What `downloadview proxy-config", "    server {");
    let filter = between(
        &text,
        "# Of the server's headers",
        "# Headers of the gateway's",
    );
    insta::assert_snapshot!(format!("{import}\n{filter}"), @"
        # What `downloadview proxy-config nginx --print-script` prints. It needs nginx's module njs, which Debian packages as
        # libnginx-mod-http-js and nginx.org as nginx-module-njs. Debian's nginx.conf loads it by itself; where nginx knows no
        # `js_import`, the first line of nginx.conf, before `events`, must be: load_module modules/ngx_http_js_module.so;
        js_import downloadview from /etc/nginx/downloadview.js;

                # Of the server's headers length, range, validators and coding reach the client, and no other: the script takes them
                # away, and ends the connection on an interim answer. The gateway's own are not the server's to say.
                js_header_filter downloadview.allow;
                proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
                proxy_headers_hash_max_size 2048;
                proxy_headers_hash_bucket_size 128;
                proxy_hide_header Cache-Control; proxy_hide_header Content-Disposition; proxy_hide_header Content-Type;
                proxy_hide_header Expires; proxy_hide_header Set-Cookie;
    ");
    // One for each location that has an answer of the server's, or one in its place.
    assert_eq!(
        text.matches("js_header_filter downloadview.allow;").count(),
        7,
        "{text}"
    );
    // The first directive of all, and none where the module is a part of the program.
    let first = |njs: Njs| {
        let text = printed(Proxy::Nginx, &[REMOTE], &options(njs));
        let line = text
            .lines()
            .find(|line| !line.starts_with('#') && !line.is_empty());
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(first(Njs::File("/m/js.so".into())), "load_module /m/js.so;");
    assert_eq!(first(Njs::BuiltIn), "daemon off;");
    assert_eq!(first(Njs::Unknown), "daemon off;");
    assert!(
        text.contains("# Unless nginx was built with njs, here: load_module "),
        "{text}"
    );
    let snippet = Options {
        form: Form::Snippet,
        ..options(Njs::File("/m/js.so".into()))
    };
    let snippet = printed(Proxy::Nginx, &[REMOTE], &snippet);
    assert!(
        !snippet.contains("\nload_module"),
        "Debian loads it already: {snippet}"
    );
}

#[test]
fn a_script_is_not_imported_where_no_server_is_asked() {
    let local = "storage = \"media\"\ndestination_url = \"/_internal/media/\"";
    let options = Options {
        script: Some("/etc/nginx/downloadview.js".into()),
        ..standalone()
    };
    let text = printed(Proxy::Nginx, &[local], &options);
    assert!(
        !text.contains("downloadview.js") && !text.contains("load_module"),
        "{text}"
    );
}

/// The list of the script, which nothing but nginx reads, says the same as the printed configuration.
#[test]
fn the_script_lets_nothing_pass_twice_that_the_configuration_states() {
    for name in [
        "cache-control",
        "content-disposition",
        "content-type",
        "expires",
        "set-cookie",
    ] {
        assert!(SCRIPT.contains(&format!("'{name}'")), "{name}");
    }
    let text = printed(Proxy::Nginx, &[REMOTE], &standalone());
    let added = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("add_header "));
    for name in added.filter_map(|line| line.split(' ').next()) {
        let of_nginx = [
            "Content-Type",
            "Content-Disposition",
            "Cache-Control",
            "Expires",
            "Content-Range",
        ];
        let listed = SCRIPT.contains(&format!("'{}'", name.to_ascii_lowercase()));
        assert_eq!(listed, of_nginx.contains(&name), "{name}");
    }
}

#[test]
fn a_plain_server_is_asked_without_tls_and_by_its_port() {
    for backend in [Proxy::Nginx, Proxy::Caddy] {
        let options = Options {
            ca_file: Some("/etc/own.pem".into()),
            ..Options::default()
        };
        let text = printed(backend, &[PLAIN], &options);
        assert!(text.contains("files.example:8000"), "{text}");
        assert!(!text.contains("ssl") && !text.contains("own.pem"), "{text}");
        let text = printed(backend, &[REMOTE], &options);
        assert!(text.contains(" /etc/own.pem"), "{text}");
    }
}

#[test]
fn one_location_means_one_server() {
    let twice = format!(
        "source_url = \"https://files.example/other/\"\n{}",
        REMOTE.lines().last().unwrap_or_default()
    );
    let other = twice.replace("files.example", "other.example");
    let charset = format!("{twice}\ncharset = \"utf-8\"");
    let above = "storage = \"media\"\ndestination_url = \"/_internal/\"";
    let text = printed(Proxy::Nginx, &[REMOTE, &twice], &standalone());
    assert_eq!(
        text.matches("location ^~ /_internal/remote/ {").count(),
        1,
        "{text}"
    );
    let errors = [
        [REMOTE, &other],
        [REMOTE, &charset],
        [REMOTE, above],
        [above, REMOTE],
    ]
    .map(|rules| printed(Proxy::Nginx, &rules, &standalone()));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    error: FOLDER/downloadview.toml:11: `/_internal/remote/` already means another server in the rule of line 8; give each a `destination_url` of its own
    error: FOLDER/downloadview.toml:11: `/_internal/remote/` has another charset, or other time-outs, in the rule of line 8; give each a `destination_url` of its own
    error: FOLDER/downloadview.toml:8: `/_internal/remote/` means a server, and `/_internal/` of line 11 a folder; give each a `destination_url` of its own
    error: FOLDER/downloadview.toml:11: `/_internal/remote/` means a server, and `/_internal/` of line 8 a folder; give each a `destination_url` of its own
    "#);
}

#[test]
fn nginx_is_not_told_to_verify_an_address() {
    for host in ["192.0.2.1", "[2001:db8::1]:8443"] {
        let rule = REMOTE.replace("files.example", host);
        let text = printed(Proxy::Nginx, &[&rule], &standalone());
        assert!(
            text.contains("name the server by its name, not by its address"),
            "{text}"
        );
        let text = printed(Proxy::Caddy, &[&rule], &standalone());
        assert!(text.contains(&format!("header_up Host {host}\n")), "{text}");
    }
}

#[test]
fn nothing_is_printed_for_remotes_where_there_is_none() {
    let local = "storage = \"media\"\ndestination_url = \"/_internal/media/\"";
    for backend in [Proxy::Nginx, Proxy::Caddy] {
        let text = printed(backend, &[local], &standalone());
        for word in ["downloadview_remote", "map ", "downloadview_missing"] {
            assert!(!text.contains(word), "{text}");
        }
    }
}

#[test]
fn a_storage_says_how_its_server_is_asked_and_what_a_refusal_of_it_means() {
    let storage = "[storages.mirror]\nkind = \"http\"\nurl = \"https://files.example/media/\"\nforbidden = 403\n\
        connect_timeout = \"2s\"\nfirst_byte_timeout = \"1500ms\"\nidle_timeout = \"7s\"\n";
    let rule = "storage = \"mirror\"\ndestination_url = \"/_internal/mirror/\"";
    for (proxy, lines) in [
        (
            Proxy::Nginx,
            [
                "proxy_connect_timeout 2s;",
                "proxy_read_timeout 7s;",
                "error_page 401 403 = @downloadview_forbidden;",
            ],
        ),
        (
            Proxy::Caddy,
            [
                "response_header_timeout 1500ms",
                "read_timeout 7s",
                "error 403",
            ],
        ),
    ] {
        let text = printed_with(storage, proxy, &[rule], &standalone());
        for line in lines {
            assert_eq!(text.matches(line).count(), 2, "{line}: {text}");
        }
    }
}

#[test]
fn nothing_is_printed_for_a_redirect_but_that() {
    let redirect = "source_url = \"https://files.example/media/\"\nredirect = true";
    for proxy in [Proxy::Nginx, Proxy::Caddy] {
        let with = printed(proxy, &[PLAIN, redirect], &standalone());
        let line = "# Nothing is printed for rules with redirect = true (line 11): the gateway sends clients to the server itself.\n";
        assert!(with.contains(line), "{with}");
        let without = printed(proxy, &[PLAIN], &standalone());
        assert_eq!(with.replace(&format!("#\n{line}"), ""), without);
    }
}

const REDIRECT: &str = "source_url = \"https://files.example/media/\"\nredirect = true";

/// Nobody delegates to it, and it stands before the gateway all the same.
#[test]
fn a_proxy_without_rules_passes_redirects_on_and_nothing_more() {
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        let text = printed(proxy, &[REDIRECT], &standalone());
        let said =
            "No other rule is this proxy's, so it passes on what the gateway says, and no more.";
        assert!(text.contains(said), "{text}");
        assert!(
            text.contains("127.0.0.1:8000") || text.contains("\"port\" => 8000"),
            "{text}"
        );
        for word in [
            "internal;",
            "XSendFile On",
            "mod_xsendfile.so",
            "\"enable\"",
            "x-sendfile-docroot",
            "@downloadview_1",
        ] {
            assert!(!text.contains(word), "{word} in\n{text}");
        }
    }
}

#[test]
fn a_proxy_other_than_the_one_that_the_rules_are_for_is_still_refused() {
    let text = format!(
        "{MEDIA}[optimize]\nbackend = \"nginx\"\n[[optimize.rules]]\n{REDIRECT}\n\
         [[optimize.rules]]\nstorage = \"media\"\ndestination_url = \"/_internal/\"\n\
         [[views]]\nroute = \"/hello\"\nkind = \"virtual\"\ntext = \"hi\"\nbasename = \"a.txt\"\n"
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config::parse(&text, &folder.path().join("downloadview.toml"));
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let refused = print(Proxy::Caddy, &config, &Options::default()).expect_err("not Caddy's rules");
    assert!(
        refused.to_string().contains("no rule delegates to `caddy`"),
        "{refused}"
    );
}
