//! The configuration of each proxy that is printed for a file, and what cannot be printed.

use std::path::Path;

use downloadview_gateway::config::{Config, Listen, Proxy};
use downloadview_gateway::proxy_config::{Form, Installed, Options, ProxyConfigError, print};

/// A file with the tables given, whose relative paths start in `folder`.
fn config(folder: &Path, tables: &str) -> Config {
    let view =
        "[[views]]\nroute = \"/hello\"\nkind = \"virtual\"\ntext = \"hi\"\nbasename = \"a.txt\"\n";
    let text = format!("{tables}\n{view}");
    Config::parse(&text, &folder.join("downloadview.toml"))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is printed for nginx and the tables, with FOLDER in place of the folder that relative paths start in.
fn printed(folders: &[&str], tables: &str, options: &Options) -> String {
    printed_for(Proxy::Nginx, folders, tables, options)
}

/// [`printed`] for any proxy.
fn printed_for(backend: Proxy, folders: &[&str], tables: &str, options: &Options) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in folders {
        std::fs::create_dir_all(folder.path().join(name)).expect("a folder for the test");
    }
    let config = config(folder.path(), tables);
    let text = print(backend, &config, options)
        .unwrap_or_else(|error: ProxyConfigError| format!("error: {error}"));
    text.replace(folder.path().to_str().expect("UTF-8"), "FOLDER")
}

/// The lines that say where files lie.
fn locations(folders: &[&str], tables: &str) -> String {
    let text = printed(folders, tables, &Options::default());
    let telling = |line: &&str| {
        let line = line.trim_start();
        ["error", "location /_", "alias", "disable_symlinks"]
            .iter()
            .any(|word| line.starts_with(word))
    };
    text.lines().filter(telling).collect::<Vec<_>>().join("\n")
}

const MEDIA: &str = "
[storages.media]
kind = \"local\"
root = \"media\"
base_url = \"/media/\"
[optimize]
backend = \"nginx\"
";

fn media_rule(keys: &str) -> String {
    format!("{MEDIA}[[optimize.rules]]\n{keys}\n")
}

#[test]
fn prints_a_whole_server() {
    let tables = media_rule("source_url = \"/media/\"\ndestination_url = \"/_internal/media/\"");
    let options = Options {
        app: None,
        form: Form::Standalone("127.0.0.1:8080".parse().unwrap()),
        proxy: None,
        ..Options::default()
    };
    insta::assert_snapshot!(printed(&["media"], &tables, &options), @r#"
    # nginx in front of downloadview, printed by `downloadview proxy-config nginx --standalone`.
    # Start it unprivileged, with an empty folder of its own for the pid and temporary files:
    #     mkdir -p FOLDER && nginx -e stderr -p FOLDER -c THIS_FILE
    # (THIS_FILE with its full path: nginx looks for a relative one in FOLDER.)

    daemon off;
    worker_processes auto;
    error_log stderr notice;
    pid nginx.pid;

    events {
        worker_connections 1024;
    }

    http {
        access_log off;
        server_tokens off;
        default_type application/octet-stream;
        variables_hash_max_size 2048;

        # Relative to FOLDER; nginx makes these folders itself.
        client_body_temp_path client_body_temp;
        proxy_temp_path       proxy_temp;
        fastcgi_temp_path     fastcgi_temp;
        uwsgi_temp_path       uwsgi_temp;
        scgi_temp_path        scgi_temp;

        upstream downloadview {
            server 127.0.0.1:8000;
            # Connections to the gateway stay open; it closes them after 75 s without a request, nginx after 60.
            keepalive 32;
            keepalive_requests 100000;
            keepalive_timeout 60s;
        }

        server {
            listen 127.0.0.1:8080;
            server_name _;
            keepalive_requests 100000;

            # The gateway. It answers itself, or names a file of a location below.
            location / {
                proxy_pass http://downloadview;
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Connection "";
                # The gateway reads no bodies.
                proxy_pass_request_body off;
                proxy_set_header Content-Length "";
                # Whatever the site says elsewhere: answers are for one client, and as the gateway gave them.
                proxy_cache off;
                proxy_store off;
                proxy_redirect off;
                proxy_intercept_errors off;
                expires off;
                ssi off;
                gzip off;

                # What proxies and applications say to each other is not for clients to say.
                proxy_set_header X-Downloadview-Proxy "";
                proxy_set_header X-Accel-Mapping "";
                proxy_set_header X-Accel-Redirect "";
                proxy_set_header X-Sendfile "";
                proxy_set_header X-Sendfile-Type "";
                proxy_set_header X-Sendfile2 "";
                proxy_set_header X-LIGHTTPD-send-file "";
                proxy_set_header X-Reproxy-URL "";
                proxy_hide_header X-Sendfile;
                proxy_hide_header X-Sendfile2;
                proxy_hide_header X-LIGHTTPD-send-file;
                proxy_hide_header X-LIGHTTPD-KBytes-per-second;
                proxy_hide_header X-Reproxy-URL;
                proxy_hide_header X-LiteSpeed-Location;
                proxy_hide_header X-Download-Origin;
                proxy_hide_header X-Download-Target;

                # Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
                proxy_set_header X-Forwarded-For $remote_addr;
                proxy_set_header X-Forwarded-Host $http_host;
                proxy_set_header X-Forwarded-Proto $scheme;
                proxy_set_header Forwarded "";
                proxy_set_header X-Forwarded-Method "";
                proxy_set_header X-Forwarded-Port "";
                proxy_set_header X-Forwarded-Prefix "";
                proxy_set_header X-Forwarded-Uri "";
                proxy_set_header X-Real-IP "";
                proxy_set_header X_Forwarded_For "";
                proxy_set_header X_Forwarded-For "";
                proxy_set_header X-Forwarded_For "";
                proxy_set_header X_Forwarded_Host "";
                proxy_set_header X_Forwarded-Host "";
                proxy_set_header X-Forwarded_Host "";
                proxy_set_header X_Forwarded_Proto "";
                proxy_set_header X_Forwarded-Proto "";
                proxy_set_header X-Forwarded_Proto "";
                proxy_set_header X_Forwarded_Method "";
                proxy_set_header X_Forwarded-Method "";
                proxy_set_header X-Forwarded_Method "";
                proxy_set_header X_Forwarded_Uri "";
                proxy_set_header X_Forwarded-Uri "";
                proxy_set_header X-Forwarded_Uri "";
                # More headers than nginx expects in a location.
                proxy_headers_hash_max_size 1024;

                # Room for long file names: headers larger than this together are a 502.
                proxy_buffer_size 16k;
                proxy_buffers 8 16k;
                # Answers that the gateway streams wait in these buffers, never on disk, where one is cut at 1 GiB.
                proxy_buffering on;
                proxy_max_temp_file_size 0;
            }

            # Files of the rule in line 8: reached by X-Accel-Redirect only, 404 for clients. Both paths end in a
            # slash, or ".." right after the prefix would climb out of the folder; ^~, or a regular expression of the site
            # (\.php$) would win over this location, and serve the file to anyone.
            location ^~ /_internal/media/ {
                internal;
                alias FOLDER/media/;
                # A directory would be answered with a redirect that shows this location's name.
                if (-d $request_filename) { return 404; }
                # The gateway hands out names without symbolic links; one that appears since is refused. The 403 or 404 for a file
                # that vanished since still has the gateway's Content-Disposition, Cache-Control and Set-Cookie: nginx cannot
                # take them away.
                disable_symlinks on from=FOLDER/media;
                # Ranges and resumed downloads need the file as it is, and as it is now: whatever the site says elsewhere, no
                # compression, nor a compressed file beside it (gzip_static: take that line out where nginx was built without), no
                # includes in what others uploaded, no freshness but the gateway's, no charset of the site's.
                gzip off;
                gzip_static off;
                ssi off;
                expires off;
                autoindex off;
                open_file_cache off;
                if_modified_since before;
                etag on;
                sendfile on;
                tcp_nopush on;
                charset off;
                # Headers of the gateway's answer, carried over to the file; an empty one is not sent. The site's own
                # add_header lines do not reach into a location that has some: repeat here those that downloads need too
                # (Strict-Transport-Security, Access-Control-Allow-Origin), or name them in `add_headers` of [optimize].
                add_header Content-Security-Policy $upstream_http_content_security_policy always;
                add_header X-Content-Type-Options $upstream_http_x_content_type_options always;
                add_header X-Frame-Options $upstream_http_x_frame_options always;
                add_header Vary $upstream_http_vary;
                add_header Link $upstream_http_link;
                add_header Content-Language $upstream_http_content_language;
                add_header Content-Encoding $upstream_http_content_encoding;
            }
            location = /_internal/media { internal; return 404; }
        }
    }
    "#);
}

#[test]
fn prints_a_snippet_with_the_charset_and_headers_of_the_file() {
    let tables = media_rule(
        "storage = \"media\"\ndestination_url = \"/_internal/media/\"\ncharset = \"utf-8\"",
    )
    .replace(
        "[optimize]",
        "[optimize]\nkeep_headers = [\"X-Robots-Tag\", \"vary\", \"X-Robots-Tag\"]",
    );
    let options = Options {
        app: Some(Listen::Unix("/run/down load.sock".into())),
        form: Form::Snippet,
        proxy: None,
        ..Options::default()
    };
    insta::assert_snapshot!(printed(&["media"], &tables, &options), @r#"
    # nginx in front of downloadview, printed by `downloadview proxy-config nginx`.

    # 1. Into http { }: the gateway.

    upstream downloadview {
        server "unix:/run/down load.sock";
        # Connections to the gateway stay open; it closes them after 75 s without a request, nginx after 60.
        keepalive 32;
        keepalive_requests 100000;
        keepalive_timeout 60s;
    }

    # 2. Into the server { } that clients reach: its locations. If the server has other things too, narrow
    #    `location /` to the routes of the gateway.

    # The gateway. It answers itself, or names a file of a location below.
    location / {
        proxy_pass http://downloadview;
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Connection "";
        # The gateway reads no bodies.
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        # Whatever the site says elsewhere: answers are for one client, and as the gateway gave them.
        proxy_cache off;
        proxy_store off;
        proxy_redirect off;
        proxy_intercept_errors off;
        expires off;
        ssi off;
        gzip off;

        # What proxies and applications say to each other is not for clients to say.
        proxy_set_header X-Downloadview-Proxy "";
        proxy_set_header X-Accel-Mapping "";
        proxy_set_header X-Accel-Redirect "";
        proxy_set_header X-Sendfile "";
        proxy_set_header X-Sendfile-Type "";
        proxy_set_header X-Sendfile2 "";
        proxy_set_header X-LIGHTTPD-send-file "";
        proxy_set_header X-Reproxy-URL "";
        proxy_hide_header X-Sendfile;
        proxy_hide_header X-Sendfile2;
        proxy_hide_header X-LIGHTTPD-send-file;
        proxy_hide_header X-LIGHTTPD-KBytes-per-second;
        proxy_hide_header X-Reproxy-URL;
        proxy_hide_header X-LiteSpeed-Location;
        proxy_hide_header X-Download-Origin;
        proxy_hide_header X-Download-Target;

        # Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header Forwarded "";
        proxy_set_header X-Forwarded-Method "";
        proxy_set_header X-Forwarded-Port "";
        proxy_set_header X-Forwarded-Prefix "";
        proxy_set_header X-Forwarded-Uri "";
        proxy_set_header X-Real-IP "";
        proxy_set_header X_Forwarded_For "";
        proxy_set_header X_Forwarded-For "";
        proxy_set_header X-Forwarded_For "";
        proxy_set_header X_Forwarded_Host "";
        proxy_set_header X_Forwarded-Host "";
        proxy_set_header X-Forwarded_Host "";
        proxy_set_header X_Forwarded_Proto "";
        proxy_set_header X_Forwarded-Proto "";
        proxy_set_header X-Forwarded_Proto "";
        proxy_set_header X_Forwarded_Method "";
        proxy_set_header X_Forwarded-Method "";
        proxy_set_header X-Forwarded_Method "";
        proxy_set_header X_Forwarded_Uri "";
        proxy_set_header X_Forwarded-Uri "";
        proxy_set_header X-Forwarded_Uri "";
        # More headers than nginx expects in a location.
        proxy_headers_hash_max_size 1024;

        # Room for long file names: headers larger than this together are a 502.
        proxy_buffer_size 16k;
        proxy_buffers 8 16k;
        # Answers that the gateway streams wait in these buffers, never on disk, where one is cut at 1 GiB.
        proxy_buffering on;
        proxy_max_temp_file_size 0;
    }

    # Files of the rule in line 9: reached by X-Accel-Redirect only, 404 for clients. Both paths end in a
    # slash, or ".." right after the prefix would climb out of the folder; ^~, or a regular expression of the site
    # (\.php$) would win over this location, and serve the file to anyone.
    location ^~ /_internal/media/ {
        internal;
        alias FOLDER/media/;
        # A directory would be answered with a redirect that shows this location's name.
        if (-d $request_filename) { return 404; }
        # The gateway hands out names without symbolic links; one that appears since is refused. The 403 or 404 for a file
        # that vanished since still has the gateway's Content-Disposition, Cache-Control and Set-Cookie: nginx cannot
        # take them away.
        disable_symlinks on from=FOLDER/media;
        # Ranges and resumed downloads need the file as it is, and as it is now: whatever the site says elsewhere, no
        # compression, nor a compressed file beside it (gzip_static: take that line out where nginx was built without), no
        # includes in what others uploaded, no freshness but the gateway's, no charset of the site's.
        gzip off;
        gzip_static off;
        ssi off;
        expires off;
        autoindex off;
        open_file_cache off;
        if_modified_since before;
        etag on;
        sendfile on;
        tcp_nopush on;
        # nginx obeys X-Accel-Charset only for charsets that its configuration names.
        charset utf-8;
        # Headers of the gateway's answer, carried over to the file; an empty one is not sent. The site's own
        # add_header lines do not reach into a location that has some: repeat here those that downloads need too
        # (Strict-Transport-Security, Access-Control-Allow-Origin), or name them in `add_headers` of [optimize].
        add_header Content-Security-Policy $upstream_http_content_security_policy always;
        add_header X-Content-Type-Options $upstream_http_x_content_type_options always;
        add_header X-Frame-Options $upstream_http_x_frame_options always;
        add_header Vary $upstream_http_vary;
        add_header Link $upstream_http_link;
        add_header Content-Language $upstream_http_content_language;
        add_header Content-Encoding $upstream_http_content_encoding;
        add_header X-Robots-Tag $upstream_http_x_robots_tag;
    }
    location = /_internal/media { internal; return 404; }
    "#);
}

#[test]
fn finds_the_folder_of_each_kind_of_rule() {
    let rules = [
        media_rule("storage = \"media\"\ndestination_url = \"/_i/\""),
        media_rule("source_dir = \"media\"\ndestination_url = \"/_i/\""),
        media_rule("source_url = \"/media/\"\ndestination_url = \"/_i/\""),
        media_rule("source_url = \"/media/a%20b/\"\ndestination_url = \"/_i/\""),
        media_rule("source_url = \"/\"\ndestination_url = \"/_i/\""),
        media_rule("source_dir = \"media/../other/./\"\ndestination_url = \"/_i/\""),
    ];
    let found = rules
        .map(|rule| locations(&["media", "other"], &rule))
        .join("\n---\n");
    insta::assert_snapshot!(found, @r#"
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
        alias "FOLDER/media/a b/";
        disable_symlinks on from=FOLDER/media;
    ---
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
        alias FOLDER/other/;
        disable_symlinks on from=FOLDER/other;
    "#);
}

#[test]
fn prints_each_location_once() {
    let twice = media_rule(
        "storage = \"media\"\ndestination_url = \"/_i/\"\n\
         [[optimize.rules]]\nsource_url = \"/media/\"\ndestination_url = \"/_i/\"\n\
         [[optimize.rules]]\nsource_dir = \"media/sub\"\ndestination_url = \"/_i/sub/\"",
    );
    insta::assert_snapshot!(locations(&["media/sub"], &twice), @"
    alias FOLDER/media/;
    disable_symlinks on from=FOLDER/media;
    alias FOLDER/media/sub/;
    disable_symlinks on from=FOLDER/media/sub;
    ");
}

#[test]
fn quotes_paths() {
    let quoted = |name: &str| {
        let tables = format!(
            "[storages.odd]\nkind = \"local\"\nroot = '{name}'\n[optimize]\nbackend = \"nginx\"\n\
             [[optimize.rules]]\nstorage = \"odd\"\ndestination_url = \"/_i/\""
        );
        locations(&[name], &tables)
    };
    let names = [
        "a b",
        "a\"b",
        "a\\b",
        "{a};#b",
        "\u{e9}t\u{e9}",
        "a%20b",
        "a$b",
        "a\tb",
    ];
    insta::assert_snapshot!(names.map(quoted).join("\n---\n"), @r#"
        alias "FOLDER/a b/";
        disable_symlinks on "from=FOLDER/a b";
    ---
        alias "FOLDER/a\"b/";
        disable_symlinks on "from=FOLDER/a\"b";
    ---
        alias "FOLDER/a\\b/";
        disable_symlinks on "from=FOLDER/a\\b";
    ---
        alias "FOLDER/{a};#b/";
        disable_symlinks on "from=FOLDER/{a};#b";
    ---
        alias "FOLDER/été/";
        disable_symlinks on "from=FOLDER/été";
    ---
        alias FOLDER/a%20b/;
        disable_symlinks on from=FOLDER/a%20b;
    ---
    error: FOLDER/downloadview.toml: "FOLDER/a$b" cannot be written in nginx's language: `$` begins a variable and has no escape; use another path
    ---
    error: FOLDER/downloadview.toml: "FOLDER/a\tb" cannot be written in nginx's language: it holds a control character; use another path
    "#);
}

#[test]
fn refuses_rules_without_one_certain_folder() {
    let other =
        "[storages.other]\nkind = \"local\"\nroot = \"other\"\nbase_url = \"/media/other/\"\n";
    let two_rules = |second: &str| {
        media_rule(&format!(
            "storage = \"media\"\ndestination_url = \"/_i/\"\n[[optimize.rules]]\n{second}"
        ))
    };
    let rules = [
        media_rule("source_url = \"/elsewhere/\"\ndestination_url = \"/_i/\""),
        media_rule("source_url = \"/media/%FF/\"\ndestination_url = \"/_i/\""),
        format!(
            "{other}{}",
            media_rule("source_url = \"/media/\"\ndestination_url = \"/_i/\"")
        ),
        two_rules("source_dir = \"other\"\ndestination_url = \"/_i/\""),
        two_rules("source_dir = \"other\"\ndestination_url = \"/_i/other/\""),
        two_rules("storage = \"media\"\ndestination_url = \"/_i/\"\ncharset = \"utf-8\""),
        MEDIA.to_owned(),
        MEDIA.replace("nginx", "none"),
        format!(
            "listen = \"127.0.0.1:0\"\n{}",
            media_rule("storage = \"media\"\ndestination_url = \"/_i/\"")
        ),
    ];
    let errors = rules.map(|rule| locations(&["media", "other"], &rule));
    insta::assert_snapshot!(errors.join("\n"), @r#"
    error: FOLDER/downloadview.toml:8: no local storage has a `base_url` for `source_url = "/elsewhere/"`, so its folder is unknown; give the storage that base_url, or write `storage` or `source_dir` in the rule
    error: FOLDER/downloadview.toml:8: `%FF/` is not valid UTF-8 when it is decoded; write `storage` or `source_dir` in the rule
    error: FOLDER/downloadview.toml:12: `source_url = "/media/"` means two storages, with base_url "/media/" and "/media/other/"; write `storage` in the rule
    error: FOLDER/downloadview.toml:11: `/_i/` already means FOLDER/media in the rule of line 8; give each folder a `destination_url` of its own
    error: FOLDER/downloadview.toml:11: `/_i/other/` and `/_i/` of line 8 lie one below the other, in unrelated folders; give each folder a `destination_url` of its own
    error: FOLDER/downloadview.toml:11: `/_i/` has another `charset` in the rule of line 8; give each charset a `destination_url` of its own
    error: FOLDER/downloadview.toml: no rule delegates to `nginx`; set `backend = "nginx"` in [optimize] and add [[optimize.rules]]
    error: FOLDER/downloadview.toml: no rule delegates to `nginx`; set `backend = "nginx"` in [optimize] and add [[optimize.rules]]
    error: FOLDER/downloadview.toml: the gateway listens on 127.0.0.1:0, whose port the system chooses; name the port with --app ADDR
    "#);
}

fn standalone() -> Options {
    Options {
        form: Form::Standalone(Listen::Tcp(([127, 0, 0, 1], 8080).into())),
        ..Options::default()
    }
}

/// One rule by storage, for the backends that take URLs and for those that take paths.
fn simple(backend: Proxy) -> String {
    let destination = match backend.takes_paths() {
        true => "destination_dir = \"media\"",
        false => "destination_url = \"/_internal/media/\"",
    };
    media_rule(&format!("storage = \"media\"\n{destination}"))
        .replace("\"nginx\"", &format!("\"{}\"", backend.name()))
}

/// The whole server, without comments.
fn bare(backend: Proxy, folders: &[&str], tables: &str, options: &Options) -> String {
    let text = printed_for(backend, folders, tables, options);
    let telling = |line: &&str| !line.trim_start().starts_with('#') && !line.is_empty();
    text.lines().filter(telling).collect::<Vec<_>>().join("\n")
}

/// nginx does not start on a directive that it does not know; lines of its own core, alike or not, stay.
#[test]
fn what_this_nginx_is_built_without_is_left_out_with_the_reason() {
    let everything = bare(
        Proxy::Nginx,
        &["media"],
        &simple(Proxy::Nginx),
        &standalone(),
    );
    for (module, directives) in [
        ("http_gzip_static_module", &["gzip_static off;"][..]),
        ("http_gzip_module", &["gzip off;", "gzip off;"]),
        ("http_ssi_module", &["ssi off;", "ssi off;"]),
        ("http_charset_module", &["charset off;"]),
        ("http_autoindex_module", &["autoindex off;"]),
        ("http-cache", &["proxy_cache off;"]),
        (
            "http_upstream_keepalive_module",
            &[
                "keepalive 32;",
                "keepalive_requests 100000;",
                "keepalive_timeout 60s;",
            ],
        ),
        (
            "http_fastcgi_module",
            &["fastcgi_temp_path     fastcgi_temp;"],
        ),
        ("http_uwsgi_module", &["uwsgi_temp_path       uwsgi_temp;"]),
        ("http_scgi_module", &["scgi_temp_path        scgi_temp;"]),
    ] {
        let options = Options {
            installed: Installed {
                missing_modules: vec![module],
                ..Installed::default()
            },
            ..standalone()
        };
        let text = printed(&["media"], &simple(Proxy::Nginx), &options);
        let reason = format!("# Left out, since this nginx is built without {module}: ");
        let left_out: Vec<_> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(&reason))
            .collect();
        assert_eq!(left_out, directives, "{module}");
        let telling = |line: &&str| !line.trim_start().starts_with('#') && !line.is_empty();
        let kept = text.lines().filter(telling).count();
        assert_eq!(
            kept + directives.len(),
            everything.lines().count(),
            "{module}"
        );
    }
}

#[test]
fn prints_apache() {
    let tables = simple(Proxy::Apache);
    insta::assert_snapshot!(printed_for(Proxy::Apache, &["media"], &tables, &standalone()), @r#"
    # Apache in front of downloadview, printed by `downloadview proxy-config apache --standalone`.
    # Start it unprivileged, with an empty folder of its own for the pid and error.log:
    #     mkdir -p FOLDER && apache2 -D FOREGROUND -d FOLDER -f THIS_FILE
    # (Both with their full path: httpd looks for relative ones elsewhere. Other systems call it `httpd`.)
    #
    # The rules do not state `escaping`, so the gateway itself sends every file whose path has more in it than
    # A-Z a-z 0-9 - . _ ~ /: the wrong one would serve another file. mod_xsendfile 0.12 wants `escaping = "raw"`, 1.0 "strict".

    # Where the modules are: as on Debian; /usr/lib64/httpd/modules on Fedora.
    Define DOWNLOADVIEW_MODULES /usr/lib/apache2/modules
    <IfModule !mod_unixd.c>
        LoadModule unixd_module ${DOWNLOADVIEW_MODULES}/mod_unixd.so
    </IfModule>
    LoadModule mpm_event_module ${DOWNLOADVIEW_MODULES}/mod_mpm_event.so
    LoadModule authz_core_module ${DOWNLOADVIEW_MODULES}/mod_authz_core.so
    LoadModule headers_module ${DOWNLOADVIEW_MODULES}/mod_headers.so
    LoadModule proxy_module ${DOWNLOADVIEW_MODULES}/mod_proxy.so
    LoadModule proxy_http_module ${DOWNLOADVIEW_MODULES}/mod_proxy_http.so
    LoadModule xsendfile_module ${DOWNLOADVIEW_MODULES}/mod_xsendfile.so

    Listen 127.0.0.1:8080
    ServerName localhost
    ServerTokens Prod
    MaxKeepAliveRequests 0

    # Relative to FOLDER. Nothing in it has a URL: every request goes to the gateway.
    DefaultRuntimeDir .
    PidFile apache.pid
    ErrorLog error.log
    DocumentRoot .
    <Directory "/">
        Require all denied
    </Directory>

    # The gateway. Paths reach it as the client wrote them (nocanon, NoDecode). Connections to it stay open; it closes them
    # after 75 s without a request, Apache after 60. Room for long file names: a longer header line is a 502.
    AllowEncodedSlashes NoDecode
    ProxyPreserveHost On
    ProxyPass "/" "http://127.0.0.1:8000/" nocanon ttl=60 responsefieldsize=16384
    # Apache would send TRACE back to anyone, with what it says to the gateway in it.
    TraceEnable Off

    # For the gateway alone, whatever else this host passes on to.
    <Proxy "http://127.0.0.1:8000/">
        # What proxies and applications say to each other is not for clients to say. (A name in Connection would take the
        # header off the request again.)
        RequestHeader unset X-Downloadview-Proxy
        RequestHeader edit* Connection (?i)x-(downloadview|forwarded)-[a-z]* _
        RequestHeader unset X-Accel-Mapping
        RequestHeader unset X-Accel-Redirect
        RequestHeader unset X-Sendfile
        RequestHeader unset X-Sendfile-Type
        RequestHeader unset X-Sendfile2
        RequestHeader unset X-LIGHTTPD-send-file
        RequestHeader unset X-Reproxy-URL

        # Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
        ProxyAddHeaders Off
        RequestHeader set X-Forwarded-For "expr=%{REMOTE_ADDR}"
        RequestHeader set X-Forwarded-Host "expr=%{HTTP_HOST}"
        RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"
        RequestHeader unset X-Forwarded-Server
        RequestHeader unset Forwarded
        RequestHeader unset X-Forwarded-Method
        RequestHeader unset X-Forwarded-Port
        RequestHeader unset X-Forwarded-Prefix
        RequestHeader unset X-Forwarded-Uri
        RequestHeader unset X-Real-IP
        RequestHeader unset X_Forwarded_For
        RequestHeader unset X_Forwarded-For
        RequestHeader unset X-Forwarded_For
        RequestHeader unset X_Forwarded_Host
        RequestHeader unset X_Forwarded-Host
        RequestHeader unset X-Forwarded_Host
        RequestHeader unset X_Forwarded_Proto
        RequestHeader unset X_Forwarded-Proto
        RequestHeader unset X-Forwarded_Proto
        RequestHeader unset X_Forwarded_Method
        RequestHeader unset X_Forwarded-Method
        RequestHeader unset X-Forwarded_Method
        RequestHeader unset X_Forwarded_Uri
        RequestHeader unset X_Forwarded-Uri
        RequestHeader unset X-Forwarded_Uri

        # Files of these folders, sent where the gateway says X-Sendfile: none of them has a URL. XSendFilePath counts for the
        # whole server, wherever it stands; other applications of this host cannot use it, for them XSendFile is off. Symbolic
        # links are followed, there is no switch: the gateway hands out names without them.
        XSendFile On
        <IfDirective XSendFileUnescape>
            XSendFileUnescape Off
        </IfDirective>
        XSendFilePath "FOLDER/media"
        EnableSendfile On
        # A file that is cut while it is sent must not take the process with it.
        EnableMMAP Off
        # Or every file had the ETag "0", and a resumed download would mix two of them.
        FileETag None
        # Clients that read a part of a file ask for it only if they are told that they may.
        Header set Accept-Ranges bytes "expr=-n %{resp:X-Sendfile}"

        # Files as they are: no server-side includes in what others uploaded, no compression, which would change the ETag and
        # end ranges, and no dates of freshness but the gateway's. (<If> counts after every <Location> of the site.)
        <If "true">
            Options None
        </If>
        RequestHeader unset Accept-Encoding
        <IfModule mod_expires.c>
            ExpiresActive Off
        </IfModule>

        # The module leaves its header in place unless the status is 200: the path would reach the client. Without the
        # condition the header would be gone before the module sees it.
        Header unset X-Sendfile "expr=%{REQUEST_STATUS} != 200"
        Header always unset X-Sendfile "expr=%{REQUEST_STATUS} != 200"
        # Hand-off headers of other proxies.
        Header unset X-Sendfile2
        Header unset X-LIGHTTPD-send-file
        Header unset X-LIGHTTPD-KBytes-per-second
        Header unset X-Accel-Redirect
        Header unset X-Accel-Buffering
        Header unset X-Accel-Charset
        Header unset X-Accel-Expires
        Header unset X-Accel-Limit-Rate
        Header unset X-Reproxy-URL
        Header unset X-LiteSpeed-Location
        Header unset X-Download-Origin
        Header unset X-Download-Target
        Header always unset X-Sendfile2
        Header always unset X-LIGHTTPD-send-file
        Header always unset X-LIGHTTPD-KBytes-per-second
        Header always unset X-Accel-Redirect
        Header always unset X-Accel-Buffering
        Header always unset X-Accel-Charset
        Header always unset X-Accel-Expires
        Header always unset X-Accel-Limit-Rate
        Header always unset X-Reproxy-URL
        Header always unset X-LiteSpeed-Location
        Header always unset X-Download-Origin
        Header always unset X-Download-Target
    </Proxy>
    "#);
}

#[test]
fn prints_an_apache_snippet() {
    let tables = simple(Proxy::Apache);
    let options = Options {
        app: Some(Listen::Unix("/run/down load.sock".into())),
        ..Options::default()
    };
    insta::assert_snapshot!(printed_for(Proxy::Apache, &["media"], &tables, &options), @r#"
    # Apache in front of downloadview, printed by `downloadview proxy-config apache`. Into the <VirtualHost> that
    # clients reach. If it has other things too, narrow `ProxyPass "/"` to the routes of the gateway. On Debian:
    #     apt-get install libapache2-mod-xsendfile && a2enmod headers proxy proxy_http xsendfile
    #
    # The rules do not state `escaping`, so the gateway itself sends every file whose path has more in it than
    # A-Z a-z 0-9 - . _ ~ /: the wrong one would serve another file. mod_xsendfile 0.12 wants `escaping = "raw"`, 1.0 "strict".

    # The gateway. Paths reach it as the client wrote them (nocanon, NoDecode). Connections to it stay open; it closes them
    # after 75 s without a request, Apache after 60. Room for long file names: a longer header line is a 502.
    AllowEncodedSlashes NoDecode
    ProxyPreserveHost On
    ProxyPass "/" "unix:/run/down load.sock|http://downloadview/" nocanon ttl=60 responsefieldsize=16384
    # Apache would send TRACE back to anyone, with what it says to the gateway in it.
    TraceEnable Off

    # For the gateway alone, whatever else this host passes on to.
    <Proxy "http://downloadview/">
        # What proxies and applications say to each other is not for clients to say. (A name in Connection would take the
        # header off the request again.)
        RequestHeader unset X-Downloadview-Proxy
        RequestHeader edit* Connection (?i)x-(downloadview|forwarded)-[a-z]* _
        RequestHeader unset X-Accel-Mapping
        RequestHeader unset X-Accel-Redirect
        RequestHeader unset X-Sendfile
        RequestHeader unset X-Sendfile-Type
        RequestHeader unset X-Sendfile2
        RequestHeader unset X-LIGHTTPD-send-file
        RequestHeader unset X-Reproxy-URL

        # Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
        ProxyAddHeaders Off
        RequestHeader set X-Forwarded-For "expr=%{REMOTE_ADDR}"
        RequestHeader set X-Forwarded-Host "expr=%{HTTP_HOST}"
        RequestHeader set X-Forwarded-Proto "expr=%{REQUEST_SCHEME}"
        RequestHeader unset X-Forwarded-Server
        RequestHeader unset Forwarded
        RequestHeader unset X-Forwarded-Method
        RequestHeader unset X-Forwarded-Port
        RequestHeader unset X-Forwarded-Prefix
        RequestHeader unset X-Forwarded-Uri
        RequestHeader unset X-Real-IP
        RequestHeader unset X_Forwarded_For
        RequestHeader unset X_Forwarded-For
        RequestHeader unset X-Forwarded_For
        RequestHeader unset X_Forwarded_Host
        RequestHeader unset X_Forwarded-Host
        RequestHeader unset X-Forwarded_Host
        RequestHeader unset X_Forwarded_Proto
        RequestHeader unset X_Forwarded-Proto
        RequestHeader unset X-Forwarded_Proto
        RequestHeader unset X_Forwarded_Method
        RequestHeader unset X_Forwarded-Method
        RequestHeader unset X-Forwarded_Method
        RequestHeader unset X_Forwarded_Uri
        RequestHeader unset X_Forwarded-Uri
        RequestHeader unset X-Forwarded_Uri

        # Files of these folders, sent where the gateway says X-Sendfile: none of them has a URL. XSendFilePath counts for the
        # whole server, wherever it stands; other applications of this host cannot use it, for them XSendFile is off. Symbolic
        # links are followed, there is no switch: the gateway hands out names without them.
        XSendFile On
        <IfDirective XSendFileUnescape>
            XSendFileUnescape Off
        </IfDirective>
        XSendFilePath "FOLDER/media"
        EnableSendfile On
        # A file that is cut while it is sent must not take the process with it.
        EnableMMAP Off
        # Or every file had the ETag "0", and a resumed download would mix two of them.
        FileETag None
        # Clients that read a part of a file ask for it only if they are told that they may.
        Header set Accept-Ranges bytes "expr=-n %{resp:X-Sendfile}"

        # Files as they are: no server-side includes in what others uploaded, no compression, which would change the ETag and
        # end ranges, and no dates of freshness but the gateway's. (<If> counts after every <Location> of the site.)
        <If "true">
            Options None
        </If>
        RequestHeader unset Accept-Encoding
        <IfModule mod_expires.c>
            ExpiresActive Off
        </IfModule>

        # The module leaves its header in place unless the status is 200: the path would reach the client. Without the
        # condition the header would be gone before the module sees it.
        Header unset X-Sendfile "expr=%{REQUEST_STATUS} != 200"
        Header always unset X-Sendfile "expr=%{REQUEST_STATUS} != 200"
        # Hand-off headers of other proxies.
        Header unset X-Sendfile2
        Header unset X-LIGHTTPD-send-file
        Header unset X-LIGHTTPD-KBytes-per-second
        Header unset X-Accel-Redirect
        Header unset X-Accel-Buffering
        Header unset X-Accel-Charset
        Header unset X-Accel-Expires
        Header unset X-Accel-Limit-Rate
        Header unset X-Reproxy-URL
        Header unset X-LiteSpeed-Location
        Header unset X-Download-Origin
        Header unset X-Download-Target
        Header always unset X-Sendfile2
        Header always unset X-LIGHTTPD-send-file
        Header always unset X-LIGHTTPD-KBytes-per-second
        Header always unset X-Accel-Redirect
        Header always unset X-Accel-Buffering
        Header always unset X-Accel-Charset
        Header always unset X-Accel-Expires
        Header always unset X-Accel-Limit-Rate
        Header always unset X-Reproxy-URL
        Header always unset X-LiteSpeed-Location
        Header always unset X-Download-Origin
        Header always unset X-Download-Target
    </Proxy>
    "#);
}

#[test]
fn prints_lighttpd() {
    let tables = simple(Proxy::Lighttpd);
    insta::assert_snapshot!(printed_for(Proxy::Lighttpd, &["media"], &tables, &standalone()), @r#"
    # lighttpd in front of downloadview, printed by `downloadview proxy-config lighttpd --standalone`.
    # Start it unprivileged, in an empty folder of its own for the pid and temporary files:
    #     mkdir -p FOLDER && cd FOLDER && lighttpd -D -f THIS_FILE
    # (THIS_FILE with its full path. It logs to stderr.)

    server.modules = ( "mod_setenv", "mod_proxy" )
    server.bind = "127.0.0.1"
    server.port = 8080
    server.tag = ""

    # The folder it was started in. Nothing in it has a URL: every request goes to the gateway.
    server.document-root = var.CWD
    server.pid-file = var.CWD + "/lighttpd.pid"
    server.upload-dirs = ( var.CWD )

    # An open stat cache would send files that were replaced or deleted since.
    server.stat-cache-engine = "disable"
    # An encoded slash is part of a name, not the end of a folder; control bytes and bytes that are not valid UTF-8 may be
    # in a name too. The gateway judges names itself.
    server.http-parseopts = (
        "url-path-2f-decode" => "disable",
        "url-ctrls-reject" => "disable",
        "url-invalid-utf8-reject" => "disable",
    )

    # What proxies and applications say to each other is not for clients to say; nor to hear: lighttpd itself takes only
    # X-Sendfile and X-LIGHTTPD-* out of answers.
    # (+= keeps what the site sets beside it.)
    # Nor is anything compressed on the way: that would change the ETag, and the ranges with it.
    setenv.set-request-header += (
        "X-Downloadview-Proxy" => "",
        "X-Accel-Mapping" => "",
        "X-Accel-Redirect" => "",
        "X-Sendfile" => "",
        "X-Sendfile-Type" => "",
        "X-Sendfile2" => "",
        "X-LIGHTTPD-send-file" => "",
        "X-Reproxy-URL" => "",
        "Accept-Encoding" => "",
        # Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
        # (lighttpd adds For, Host and Proto after this.)
        "X-Forwarded-For" => "",
        "X-Forwarded-Host" => "",
        "X-Forwarded-Proto" => "",
        "Forwarded" => "",
        "X-Forwarded-Method" => "",
        "X-Forwarded-Port" => "",
        "X-Forwarded-Prefix" => "",
        "X-Forwarded-Uri" => "",
        "X-Real-IP" => "",
        "X_Forwarded_For" => "",
        "X_Forwarded-For" => "",
        "X-Forwarded_For" => "",
        "X_Forwarded_Host" => "",
        "X_Forwarded-Host" => "",
        "X-Forwarded_Host" => "",
        "X_Forwarded_Proto" => "",
        "X_Forwarded-Proto" => "",
        "X-Forwarded_Proto" => "",
        "X_Forwarded_Method" => "",
        "X_Forwarded-Method" => "",
        "X-Forwarded_Method" => "",
        "X_Forwarded_Uri" => "",
        "X_Forwarded-Uri" => "",
        "X-Forwarded_Uri" => "",
    )
    setenv.set-response-header += (
        "X-Sendfile2" => "",
        "X-Accel-Redirect" => "",
        "X-Accel-Buffering" => "",
        "X-Accel-Charset" => "",
        "X-Accel-Expires" => "",
        "X-Accel-Limit-Rate" => "",
        "X-Reproxy-URL" => "",
        "X-LiteSpeed-Location" => "",
        "X-Download-Origin" => "",
        "X-Download-Target" => "",
    )

    # Answers that the gateway streams are passed on as they come, and never wait on disk.
    server.stream-response-body = 2
    # The gateway hands out names without symbolic links; one that appears since is refused.
    server.follow-symlink = "disable"

    # The gateway. It answers itself, or names a file of the folders below with X-Sendfile: none of them has a URL, and
    # without the list any readable file of the machine could be sent. (lighttpd opens a new connection to the gateway for
    # each request, it cannot keep them.)
    proxy.server = ( "" => ((
        "host" => "127.0.0.1",
        "port" => 8000,
        "x-sendfile" => "enable",
        "x-sendfile-docroot" => (
            "FOLDER/media",
        )
    )) )
    "#);
}

#[test]
fn prints_a_lighttpd_snippet() {
    let tables = simple(Proxy::Lighttpd);
    let options = Options {
        app: Some(Listen::Unix("/run/down load.sock".into())),
        ..Options::default()
    };
    insta::assert_snapshot!(printed_for(Proxy::Lighttpd, &["media"], &tables, &options), @r#"
    # lighttpd in front of downloadview, printed by `downloadview proxy-config lighttpd`.

    # 1. For the whole server, once. An open stat cache would send files that were replaced or deleted since.
    server.modules += ( "mod_setenv", "mod_proxy" )
    server.stat-cache-engine = "disable"
    # An encoded slash is part of a name, not the end of a folder; control bytes and bytes that are not valid UTF-8 may be
    # in a name too. The gateway judges names itself.
    server.http-parseopts = (
        "url-path-2f-decode" => "disable",
        "url-ctrls-reject" => "disable",
        "url-invalid-utf8-reject" => "disable",
    )

    # 2. For the routes of the gateway: all paths, unless this is narrowed. After the other blocks of the site: of two that
    #    set the same for one URL, the later counts alone.
    $HTTP["url"] =~ "^/" {
        # What proxies and applications say to each other is not for clients to say; nor to hear: lighttpd itself takes only
        # X-Sendfile and X-LIGHTTPD-* out of answers.
        # (+= keeps what the site sets beside it.)
        # Nor is anything compressed on the way: that would change the ETag, and the ranges with it.
        setenv.set-request-header += (
            "X-Downloadview-Proxy" => "",
            "X-Accel-Mapping" => "",
            "X-Accel-Redirect" => "",
            "X-Sendfile" => "",
            "X-Sendfile-Type" => "",
            "X-Sendfile2" => "",
            "X-LIGHTTPD-send-file" => "",
            "X-Reproxy-URL" => "",
            "Accept-Encoding" => "",
            # Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
            # (lighttpd adds For, Host and Proto after this.)
            "X-Forwarded-For" => "",
            "X-Forwarded-Host" => "",
            "X-Forwarded-Proto" => "",
            "Forwarded" => "",
            "X-Forwarded-Method" => "",
            "X-Forwarded-Port" => "",
            "X-Forwarded-Prefix" => "",
            "X-Forwarded-Uri" => "",
            "X-Real-IP" => "",
            "X_Forwarded_For" => "",
            "X_Forwarded-For" => "",
            "X-Forwarded_For" => "",
            "X_Forwarded_Host" => "",
            "X_Forwarded-Host" => "",
            "X-Forwarded_Host" => "",
            "X_Forwarded_Proto" => "",
            "X_Forwarded-Proto" => "",
            "X-Forwarded_Proto" => "",
            "X_Forwarded_Method" => "",
            "X_Forwarded-Method" => "",
            "X-Forwarded_Method" => "",
            "X_Forwarded_Uri" => "",
            "X_Forwarded-Uri" => "",
            "X-Forwarded_Uri" => "",
        )
        setenv.set-response-header += (
            "X-Sendfile2" => "",
            "X-Accel-Redirect" => "",
            "X-Accel-Buffering" => "",
            "X-Accel-Charset" => "",
            "X-Accel-Expires" => "",
            "X-Accel-Limit-Rate" => "",
            "X-Reproxy-URL" => "",
            "X-LiteSpeed-Location" => "",
            "X-Download-Origin" => "",
            "X-Download-Target" => "",
        )

        # Answers that the gateway streams are passed on as they come, and never wait on disk.
        server.stream-response-body = 2
        # The gateway hands out names without symbolic links; one that appears since is refused.
        server.follow-symlink = "disable"

        # The gateway. It answers itself, or names a file of the folders below with X-Sendfile: none of them has a URL, and
        # without the list any readable file of the machine could be sent. (lighttpd opens a new connection to the gateway for
        # each request, it cannot keep them.)
        proxy.server = ( "" => ((
            "host" => "/run/down load.sock",
            "x-sendfile" => "enable",
            "x-sendfile-docroot" => (
                "FOLDER/media",
            )
        )) )
    }
    "#);
}

#[test]
fn prints_caddy() {
    let tables = simple(Proxy::Caddy);
    insta::assert_snapshot!(printed_for(Proxy::Caddy, &["media"], &tables, &standalone()), @r#"
    # Caddy in front of downloadview, printed by `downloadview proxy-config caddy --standalone`.
    # Start it unprivileged, with an empty folder of its own for what it remembers:
    #     mkdir -p FOLDER && HOME=FOLDER XDG_CONFIG_HOME=FOLDER XDG_DATA_HOME=FOLDER \
    #         caddy run --adapter caddyfile --config THIS_FILE
    #
    # The rules do not state `escaping`, so the gateway itself sends every file whose path has more in it than
    # A-Z a-z 0-9 - . _ ~ /: the wrong one would serve another file. Caddy before 2.7 wants `escaping = "raw"`, later ones "strict".
    {
    	admin off
    	auto_https off
    	log {
    		output stderr
    		level WARN
    	}
    }

    http://:8080 {
    	bind 127.0.0.1

    	# The gateway. It answers itself, or names a file with X-Accel-Redirect. Connections to it stay open; it closes them
    	# after 75 s without a request, Caddy after 60.
    	reverse_proxy 127.0.0.1:8000 {
    		transport http {
    			keepalive 60s
    			keepalive_idle_conns_per_host 32
    			compression off
    		}

    		# What proxies and applications say to each other is not for clients to say, nor to hear.
    		header_up -X-Downloadview-Proxy
    		header_up -X-Accel-Mapping
    		header_up -X-Accel-Redirect
    		header_up -X-Sendfile
    		header_up -X-Sendfile-Type
    		header_up -X-Sendfile2
    		header_up -X-LIGHTTPD-send-file
    		header_up -X-Reproxy-URL
    		header_down -X-Accel-Redirect
    		header_down -X-Accel-Buffering
    		header_down -X-Accel-Charset
    		header_down -X-Accel-Expires
    		header_down -X-Accel-Limit-Rate
    		header_down -X-Sendfile
    		header_down -X-Sendfile2
    		header_down -X-LIGHTTPD-send-file
    		header_down -X-LIGHTTPD-KBytes-per-second
    		header_down -X-Reproxy-URL
    		header_down -X-LiteSpeed-Location
    		header_down -X-Download-Origin
    		header_down -X-Download-Target

    		# Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
    		# (Caddy sets For, Host and Proto itself.)
    		header_up -Forwarded
    		header_up -X-Forwarded-Method
    		header_up -X-Forwarded-Port
    		header_up -X-Forwarded-Prefix
    		header_up -X-Forwarded-Uri
    		header_up -X-Real-IP
    		header_up -X_Forwarded_For
    		header_up -X_Forwarded-For
    		header_up -X-Forwarded_For
    		header_up -X_Forwarded_Host
    		header_up -X_Forwarded-Host
    		header_up -X-Forwarded_Host
    		header_up -X_Forwarded_Proto
    		header_up -X_Forwarded-Proto
    		header_up -X-Forwarded_Proto
    		header_up -X_Forwarded_Method
    		header_up -X_Forwarded-Method
    		header_up -X-Forwarded_Method
    		header_up -X_Forwarded_Uri
    		header_up -X_Forwarded-Uri
    		header_up -X-Forwarded_Uri

    		# Files of the rule in line 8. On 200 only, so that a 404 of the gateway stays one.
    		@downloadview_1 {
    			status 200
    			header X-Accel-Redirect /_internal/media/*
    		}
    		handle_response @downloadview_1 {
    			# Nothing of the gateway's answer is kept unless it is named.
    			copy_response_headers {
    				include Content-Type Content-Disposition Content-Encoding Set-Cookie Cache-Control Expires Content-Security-Policy X-Content-Type-Options X-Frame-Options Vary Link Content-Language
    			}
    			root * FOLDER/media
    			# The file server answers nothing else.
    			@downloadview_method not method GET HEAD
    			method @downloadview_method GET
    			rewrite * {rp.header.X-Accel-Redirect}
    			uri strip_prefix /_internal/media
    			# A directory is neither redirected to nor listed. Symbolic links are followed, there is no switch: the gateway
    			# hands out names without them.
    			file_server {
    				disable_canonical_uris
    				index _none_
    			}
    		}

    		# A file of no rule: nothing is sent.
    		@downloadview_elsewhere {
    			status 200
    			header X-Accel-Redirect *
    		}
    		handle_response @downloadview_elsewhere {
    			error 404
    		}
    	}

    	# The error page for a file that vanished since is not the file.
    	handle_errors {
    		header {
    			-Content-Type
    			-Content-Disposition
    			-Content-Encoding
    			-Content-Language
    			-Set-Cookie
    			-Cache-Control
    			-Expires
    			-ETag
    			-Link
    		}
    	}
    }
    "#);
}

#[test]
fn prints_a_caddy_snippet() {
    let tables = simple(Proxy::Caddy).replace(
        "[[optimize",
        "keep_headers = [\"X-Robots-Tag\", \"vary\"]\n[[optimize",
    ) + "escaping = \"raw\"\n";
    let options = Options {
        app: Some(Listen::Unix("/run/down load.sock".into())),
        ..Options::default()
    };
    insta::assert_snapshot!(printed_for(Proxy::Caddy, &["media"], &tables, &options), @r#"
    # Caddy in front of downloadview, printed by `downloadview proxy-config caddy`. Into the site block that clients
    # reach. If the site has other things too, narrow the first line to the routes of the gateway. `templates`,
    # `try_files`, `rewrite` and `header` of the site count for these routes too, unless a matcher keeps them away.
    # `handle_errors` clears the error pages of the whole site.

    @downloadview path /*

    # Files as they are: compressing them would end ranges, and keep the ETag of what they were.
    request_header @downloadview -Accept-Encoding

    # Before every `php_fastcgi` and `reverse_proxy` of the site, whatever the file is called.
    handle @downloadview {
    	# The gateway. It answers itself, or names a file with X-Accel-Redirect. Connections to it stay open; it closes them
    	# after 75 s without a request, Caddy after 60.
    	reverse_proxy `unix//run/down load.sock` {
    		transport http {
    			keepalive 60s
    			keepalive_idle_conns_per_host 32
    			compression off
    		}

    		# What proxies and applications say to each other is not for clients to say, nor to hear.
    		header_up -X-Downloadview-Proxy
    		header_up -X-Accel-Mapping
    		header_up -X-Accel-Redirect
    		header_up -X-Sendfile
    		header_up -X-Sendfile-Type
    		header_up -X-Sendfile2
    		header_up -X-LIGHTTPD-send-file
    		header_up -X-Reproxy-URL
    		header_down -X-Accel-Redirect
    		header_down -X-Accel-Buffering
    		header_down -X-Accel-Charset
    		header_down -X-Accel-Expires
    		header_down -X-Accel-Limit-Rate
    		header_down -X-Sendfile
    		header_down -X-Sendfile2
    		header_down -X-LIGHTTPD-send-file
    		header_down -X-LIGHTTPD-KBytes-per-second
    		header_down -X-Reproxy-URL
    		header_down -X-LiteSpeed-Location
    		header_down -X-Download-Origin
    		header_down -X-Download-Target

    		# Who the client is and what it asked, for whoever permits downloads: never in the client's own words.
    		# (Caddy sets For, Host and Proto itself.)
    		header_up -Forwarded
    		header_up -X-Forwarded-Method
    		header_up -X-Forwarded-Port
    		header_up -X-Forwarded-Prefix
    		header_up -X-Forwarded-Uri
    		header_up -X-Real-IP
    		header_up -X_Forwarded_For
    		header_up -X_Forwarded-For
    		header_up -X-Forwarded_For
    		header_up -X_Forwarded_Host
    		header_up -X_Forwarded-Host
    		header_up -X-Forwarded_Host
    		header_up -X_Forwarded_Proto
    		header_up -X_Forwarded-Proto
    		header_up -X-Forwarded_Proto
    		header_up -X_Forwarded_Method
    		header_up -X_Forwarded-Method
    		header_up -X-Forwarded_Method
    		header_up -X_Forwarded_Uri
    		header_up -X_Forwarded-Uri
    		header_up -X-Forwarded_Uri

    		# Files of the rule in line 9. On 200 only, so that a 404 of the gateway stays one.
    		@downloadview_1 {
    			status 200
    			header X-Accel-Redirect /_internal/media/*
    		}
    		handle_response @downloadview_1 {
    			# Nothing of the gateway's answer is kept unless it is named.
    			copy_response_headers {
    				include Content-Type Content-Disposition Content-Encoding Set-Cookie Cache-Control Expires Content-Security-Policy X-Content-Type-Options X-Frame-Options Vary Link Content-Language X-Robots-Tag
    			}
    			root * FOLDER/media
    			# The file server answers nothing else.
    			@downloadview_method not method GET HEAD
    			method @downloadview_method GET
    			rewrite * {rp.header.X-Accel-Redirect}
    			uri strip_prefix /_internal/media
    			# A directory is neither redirected to nor listed. Symbolic links are followed, there is no switch: the gateway
    			# hands out names without them.
    			file_server {
    				disable_canonical_uris
    				index _none_
    			}
    		}

    		# A file of no rule: nothing is sent.
    		@downloadview_elsewhere {
    			status 200
    			header X-Accel-Redirect *
    		}
    		handle_response @downloadview_elsewhere {
    			error 404
    		}
    	}
    }

    # The error page for a file that vanished since is not the file.
    handle_errors {
    	header {
    		-Content-Type
    		-Content-Disposition
    		-Content-Encoding
    		-Content-Language
    		-Set-Cookie
    		-Cache-Control
    		-Expires
    		-ETag
    		-Link
    	}
    }
    "#);
}

#[test]
fn listens_where_the_proxy_can() {
    let places = ["[::1]:8080", "unix:/run/front end.sock"];
    let mut report = String::new();
    for backend in [Proxy::Nginx, Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        for place in places {
            let options = Options {
                form: Form::Standalone(place.parse().unwrap()),
                app: Some("[::]:8000".parse().unwrap()),
                proxy: None,
                ..Options::default()
            };
            let text = bare(backend, &["media"], &simple(backend), &options);
            let words = [
                "listen",
                "Listen",
                "bind",
                "error",
                "http://",
                "\"host",
                "\"port",
                "reverse",
                "ProxyPass",
                "server [",
                "server.port",
            ];
            let telling = |line: &&str| words.iter().any(|word| line.contains(word));
            for line in text.lines().filter(telling) {
                if !line.contains("log") && !line.contains("error 404") && !line.contains("_errors")
                {
                    report += &format!("{}: {}\n", backend.name(), line.trim());
                }
            }
        }
    }
    insta::assert_snapshot!(report, @r#"
    nginx: server [::1]:8000;
    nginx: listen [::1]:8080;
    nginx: proxy_pass http://downloadview;
    nginx: server [::1]:8000;
    nginx: listen "unix:/run/front end.sock";
    nginx: proxy_pass http://downloadview;
    apache: Listen [::1]:8080
    apache: ProxyPass "/" "http://[::1]:8000/" nocanon ttl=60 responsefieldsize=16384
    apache: <Proxy "http://[::1]:8000/">
    apache: error: apache cannot listen on unix:/run/front end.sock; name an IP address and a port with --listen
    lighttpd: server.bind = "[::1]"
    lighttpd: server.port = 8080
    lighttpd: "host" => "::1",
    lighttpd: "port" => 8000,
    lighttpd: server.bind = "/run/front end.sock"
    lighttpd: "host" => "::1",
    lighttpd: "port" => 8000,
    caddy: http://:8080 {
    caddy: bind ::1
    caddy: reverse_proxy [::1]:8000 {
    caddy: http:// {
    caddy: bind `unix//run/front end.sock`
    caddy: reverse_proxy [::1]:8000 {
    "#);
}

#[test]
fn quotes_paths_in_each_language() {
    let names = [
        "a b", "a\"b", "a\\b", "a\\", "a`b", "a`\\b", "a$b", "a${b}c", "a{b}", "a%b", "a#b;",
        "\u{e9}", "a\tb",
    ];
    let mut report = String::new();
    for backend in [Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        for name in names {
            let destination = match backend.takes_paths() {
                true => format!("destination_dir = '{name}'"),
                false => "destination_url = \"/_i/\"".to_owned(),
            };
            let tables = format!(
                "[optimize]\nbackend = \"{}\"\n[[optimize.rules]]\nsource_dir = '{name}'\n{destination}",
                backend.name()
            );
            let text = bare(backend, &[name], &tables, &Options::default());
            let telling = |line: &&str| line.contains("FOLDER");
            report += &text
                .lines()
                .filter(telling)
                .map(|line| format!("{}\n", line.trim()))
                .collect::<String>();
        }
    }
    insta::assert_snapshot!(report, @r#"
    XSendFilePath "FOLDER/a b"
    XSendFilePath "FOLDER/a\"b"
    XSendFilePath "FOLDER/a\\b"
    XSendFilePath "FOLDER/a\\"
    XSendFilePath "FOLDER/a`b"
    XSendFilePath "FOLDER/a`\\b"
    XSendFilePath "FOLDER/a$b"
    error: FOLDER/downloadview.toml: "FOLDER/a${b}c" cannot be written in Apache's language: `${` begins a variable and has no escape; use another path
    XSendFilePath "FOLDER/a{b}"
    XSendFilePath "FOLDER/a%b"
    XSendFilePath "FOLDER/a#b;"
    XSendFilePath "FOLDER/é"
    error: FOLDER/downloadview.toml: "FOLDER/a\tb" cannot be written in Apache's language: it holds a control character; use another path
    "FOLDER/a b",
    "FOLDER/a\"b",
    "FOLDER/a\b",
    error: FOLDER/downloadview.toml: "FOLDER/a\\" cannot be written in lighttpd's language: a backslash before a quotation mark or at the end has no escape; use another path
    "FOLDER/a`b",
    "FOLDER/a`\b",
    "FOLDER/a$b",
    "FOLDER/a${b}c",
    "FOLDER/a{b}",
    "FOLDER/a%b",
    "FOLDER/a#b;",
    "FOLDER/é",
    error: FOLDER/downloadview.toml: "FOLDER/a\tb" cannot be written in lighttpd's language: it holds a control character; use another path
    root * `FOLDER/a b`
    root * `FOLDER/a"b`
    root * `FOLDER/a\b`
    root * `FOLDER/a\`
    root * "FOLDER/a`b"
    error: FOLDER/downloadview.toml: "FOLDER/a`\\b" cannot be written in a Caddyfile: a backtick and a backslash cannot stand in one word; use another path
    root * `FOLDER/a$b`
    error: FOLDER/downloadview.toml: "FOLDER/a${b}c" cannot be written in a Caddyfile: braces hold placeholders and cannot be escaped everywhere; use another path
    error: FOLDER/downloadview.toml: "FOLDER/a{b}" cannot be written in a Caddyfile: braces hold placeholders and cannot be escaped everywhere; use another path
    root * FOLDER/a%b
    root * `FOLDER/a#b;`
    root * `FOLDER/é`
    error: FOLDER/downloadview.toml: "FOLDER/a\tb" cannot be written in a Caddyfile: it holds a control character; use another path
    "#);
}

/// The version of the module and of the server decide how names are read, so it is one for all rules.
#[test]
fn writes_the_escaping_of_the_rules() {
    let rules = |backend: &str, destination: [&str; 2], escaping: [&str; 2]| {
        let rule = |index: usize| {
            let escaping = escaping[index];
            format!(
                "[[optimize.rules]]\nsource_dir = \"{index}\"\n{}\n{escaping}\n",
                destination[index]
            )
        };
        format!(
            "[optimize]\nbackend = \"{backend}\"\n{}{}",
            rule(0),
            rule(1)
        )
    };
    let (raw, strict) = ("escaping = \"raw\"", "escaping = \"strict\"");
    let mut report = String::new();
    for escaping in [[raw, ""], [strict, strict], [strict, ""]] {
        for (backend, destination) in [
            (
                Proxy::Apache,
                ["destination_dir = \"0\"", "destination_dir = \"1\""],
            ),
            (
                Proxy::Caddy,
                ["destination_url = \"/_0/\"", "destination_url = \"/_1/\""],
            ),
        ] {
            let tables = rules(backend.name(), destination, escaping);
            let text = bare(backend, &["0", "1"], &tables, &Options::default());
            let telling = |line: &&str| {
                ["Unescape", "include", "error: "]
                    .iter()
                    .any(|word| line.contains(word))
            };
            report += &text
                .lines()
                .filter(telling)
                .map(|line| format!("{}\n", line.trim()))
                .collect::<String>();
            report += "---\n";
        }
    }
    insta::assert_snapshot!(report, @"
    error: FOLDER/downloadview.toml:7: the rule of line 3 has another `escaping`; write the same in both: it depends on the version of mod_xsendfile
    ---
    error: FOLDER/downloadview.toml:7: the rule of line 3 has another `escaping`, and both mean one proxy; write the same in both: it depends on the proxy's version
    ---
    XSendFileUnescape On
    ---
    include Content-Type Content-Disposition Content-Encoding Set-Cookie Cache-Control Expires Content-Security-Policy X-Content-Type-Options X-Frame-Options Vary Link Content-Language ETag
    include Content-Type Content-Disposition Content-Encoding Set-Cookie Cache-Control Expires Content-Security-Policy X-Content-Type-Options X-Frame-Options Vary Link Content-Language ETag
    ---
    error: FOLDER/downloadview.toml:7: the rule of line 3 has another `escaping`; write the same in both: it depends on the version of mod_xsendfile
    ---
    error: FOLDER/downloadview.toml:7: the rule of line 3 has another `escaping`, and both mean one proxy; write the same in both: it depends on the proxy's version
    ---
    ");
}

#[cfg(unix)]
#[test]
fn lighttpd_must_know_the_real_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().canonicalize().expect("its real path");
    std::fs::create_dir(root.join("real")).expect("a folder");
    std::os::unix::fs::symlink("real", root.join("link")).expect("a link");
    let tables = "[optimize]\nbackend = \"lighttpd\"\n[[optimize.rules]]\nsource_dir = \"link\"\ndestination_dir = \"link\"";
    let config = config(&root, tables);
    let error = print(Proxy::Lighttpd, &config, &Options::default()).unwrap_err();
    let error = error
        .to_string()
        .replace(root.to_str().expect("UTF-8"), "FOLDER");
    insta::assert_snapshot!(error, @r#"
    FOLDER/downloadview.toml:3: `destination_dir` FOLDER/link leads through a symbolic link, and lighttpd refuses links anywhere in a path; write destination_dir = "FOLDER/real"
    "#);
}

/// Two nginx, one Apache; rules of the proxy, of the file and of a view.
const ANNOUNCED: &str = "
[optimize]
backend = \"announced\"
[[optimize.rules]]
source_dir = \"shared\"
destination_url = \"/_shared/\"
backend = \"nginx\"
[optimize.proxies.front]
backend = \"nginx\"
secret = \"0123456789abcdef\"
[[optimize.proxies.front.rules]]
source_dir = \"own\"
destination_url = \"/_own/\"
[optimize.proxies.other]
backend = \"nginx\"
secret = \"SECRET\"
[optimize.proxies.side]
backend = \"SIDE\"
secret = \"SECRET\"
[[optimize.proxies.side.rules]]
source_dir = \"own\"
DESTINATION
[[views]]
route = \"/view\"
kind = \"path\"
path = \"view/a.txt\"
[[views.rules]]
source_dir = \"view\"
destination_url = \"/_view/\"
backend = \"nginx\"
";

fn announced(side: Proxy, secret: &str) -> String {
    let destination = match side.takes_paths() {
        true => "destination_dir = \"own\"",
        false => "destination_url = \"/_own/\"",
    };
    ANNOUNCED
        .replace("SIDE", side.name())
        .replace("DESTINATION", destination)
        .replace("SECRET", secret)
}

const FOLDERS: [&str; 3] = ["own", "shared", "view"];

#[test]
fn an_announced_proxy_has_its_own_rules_and_those_of_its_kind() {
    let tables = announced(Proxy::Apache, "fedcba9876543210");
    let mut report = String::new();
    for proxy in ["front", "other"] {
        let options = Options {
            proxy: Some(proxy.to_owned()),
            ..Options::default()
        };
        let text = printed(&FOLDERS, &tables, &options);
        let first = text.lines().take(2).chain(
            text.lines()
                .filter(|line| line.starts_with("location /_") || line.contains("X-Downloadview")),
        );
        report += &first
            .map(|line| format!("{}\n", line.trim()))
            .collect::<String>();
    }
    let apache = printed_for(Proxy::Apache, &FOLDERS, &tables, &Options::default());
    let telling = |line: &&str| line.contains("XSendFilePath \"") || line.contains("Downloadview");
    report += &apache
        .lines()
        .filter(telling)
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    insta::assert_snapshot!(report, @r#"
    # SECRET INSIDE: whoever can read this file can pose as this proxy and learn internal paths. Let nobody but the
    # proxy's user read it: chmod 600.
    proxy_set_header X-Downloadview-Proxy "front 0123456789abcdef";
    # SECRET INSIDE: whoever can read this file can pose as this proxy and learn internal paths. Let nobody but the
    # proxy's user read it: chmod 600.
    proxy_set_header X-Downloadview-Proxy "other fedcba9876543210";
        RequestHeader set X-Downloadview-Proxy "side fedcba9876543210"
        XSendFilePath "FOLDER/own"
    "#);
}

#[test]
fn a_secret_is_quoted_or_refused_and_never_shown() {
    let mut report = String::new();
    for side in [Proxy::Apache, Proxy::Lighttpd, Proxy::Caddy] {
        for secret in [
            "a'%b#c;d\\\"e\\\\f-ghijk",
            "a$b`c-defghijklmn",
            "a${b}-cdefghijklm",
            "abcdefghijklmnop\\\\",
        ] {
            let text = bare(
                side,
                &FOLDERS,
                &announced(side, secret),
                &Options::default(),
            );
            let telling =
                |line: &&str| line.contains("X-Downloadview") || line.starts_with("error");
            report += &text
                .lines()
                .filter(telling)
                .map(|line| format!("{}\n", line.trim()))
                .collect::<String>();
        }
    }
    let options = Options {
        proxy: Some("other".to_owned()),
        ..Options::default()
    };
    report += &printed(
        &FOLDERS,
        &announced(Proxy::Apache, "a$b-cdefghijklmno"),
        &options,
    );
    insta::assert_snapshot!(report, @r#"
    RequestHeader set X-Downloadview-Proxy "side a'%%b#c;d\"e\\f-ghijk"
    RequestHeader set X-Downloadview-Proxy "side a$b`c-defghijklmn"
    error: FOLDER/downloadview.toml: the secret of the proxy `side` cannot be written in Apache's language: `${` begins a variable and has no escape; use another secret: openssl rand -hex 32
    RequestHeader set X-Downloadview-Proxy "side abcdefghijklmnop\\"
    "X-Downloadview-Proxy" => "side a'%b#c;d\"e\f-ghijk",
    "X-Downloadview-Proxy" => "side a$b`c-defghijklmn",
    "X-Downloadview-Proxy" => "side a${b}-cdefghijklm",
    error: FOLDER/downloadview.toml: the secret of the proxy `side` cannot be written in lighttpd's language: a backslash before a quotation mark or at the end has no escape; use another secret: openssl rand -hex 32
    header_up X-Downloadview-Proxy `side a'%b#c;d"e\f-ghijk`
    header_up X-Downloadview-Proxy "side a$b`c-defghijklmn"
    error: FOLDER/downloadview.toml: the secret of the proxy `side` cannot be written in a Caddyfile: braces hold placeholders and cannot be escaped everywhere; use another secret: openssl rand -hex 32
    header_up X-Downloadview-Proxy `side abcdefghijklmnop\`
    error: FOLDER/downloadview.toml: the secret of the proxy `other` cannot be written in nginx's language: `$` begins a variable and has no escape; use another secret: openssl rand -hex 32
    "#);
}

#[test]
fn refuses_an_announced_proxy_that_is_not_clear() {
    let tables = announced(Proxy::Apache, "fedcba9876543210");
    let asked = |backend: Proxy, proxy: Option<&str>, tables: &str| {
        let options = Options {
            proxy: proxy.map(str::to_owned),
            ..Options::default()
        };
        printed_for(backend, &FOLDERS, tables, &options)
    };
    let errors = [
        asked(Proxy::Nginx, None, &tables),
        asked(Proxy::Nginx, Some("side"), &tables),
        asked(Proxy::Caddy, None, &tables),
        asked(Proxy::Apache, Some("nobody"), &tables),
        asked(
            Proxy::Nginx,
            Some("front"),
            "[optimize]\nbackend = \"nginx\"\n[[optimize.rules]]\nsource_dir = \"own\"\ndestination_url = \"/_own/\"",
        ),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r#"
    error: FOLDER/downloadview.toml: several announced proxies are nginx: front, other; name one with --proxy
    error: FOLDER/downloadview.toml: no announced proxy that is nginx has the name `side`; use one of: front, other
    error: FOLDER/downloadview.toml: no announced proxy is caddy; add a table [optimize.proxies.NAME] with `backend = "caddy"`
    error: FOLDER/downloadview.toml: no announced proxy that is apache has the name `nobody`; use one of: side
    error: FOLDER/downloadview.toml: there is no announced proxy `front`, the file announces none; leave --proxy out
    "#);
}

#[test]
fn headers_of_the_file_are_carried_over_but_for_those_that_the_proxy_keeps_anyway() {
    let tables = format!(
        "{}\n[headers]\nX-Own = \"a\"\nSet-Cookie = \"a=b\"\nExpires = \"0\"\n",
        media_rule("storage = \"media\"\ndestination_url = \"/_internal/media/\"")
    );
    let text = printed(&["media"], &tables, &Options::default());
    assert!(
        text.contains("add_header X-Own $upstream_http_x_own"),
        "{text}"
    );
    for name in ["add_header Set-Cookie", "add_header Expires"] {
        assert!(!text.contains(name), "{name} in {text}");
    }
}
