//! The nginx configuration that is printed for a file, and what cannot be printed.

use std::path::Path;

use downloadview_gateway::config::{BackendKind, Config, Listen};
use downloadview_gateway::proxy_config::{Form, Options, ProxyConfigError, print};

/// A file with the tables given, whose relative paths start in `folder`.
fn config(folder: &Path, tables: &str) -> Config {
    let view =
        "[[views]]\nroute = \"/hello\"\nkind = \"virtual\"\ntext = \"hi\"\nbasename = \"a.txt\"\n";
    let text = format!("{tables}\n{view}");
    Config::parse(&text, &folder.join("downloadview.toml"))
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is printed for the tables, with FOLDER in place of the folder that relative paths start in.
fn printed(folders: &[&str], tables: &str, options: &Options) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in folders {
        std::fs::create_dir_all(folder.path().join(name)).expect("a folder for the test");
    }
    let config = config(folder.path(), tables);
    let text = print(BackendKind::Nginx, &config, options)
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
    };
    insta::assert_snapshot!(printed(&["media"], &tables, &options), @r#"
    # nginx in front of downloadview, printed by `downloadview proxy-config nginx --standalone`.
    # Start it unprivileged, with an empty folder of its own for the pid and temporary files:
    #     nginx -e stderr -p FOLDER -c THIS_FILE
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
                proxy_hide_header X-Reproxy-URL;

                # Room for long file names: headers larger than this together are a 502.
                proxy_buffer_size 16k;
                proxy_buffers 8 16k;
                # Answers that the gateway streams wait in these buffers, never on disk, where one is cut at 1 GiB.
                proxy_buffering on;
                proxy_max_temp_file_size 0;
            }

            # Files of the rule in line 8: reached by X-Accel-Redirect only, 404 for clients. Both paths end in a
            # slash, or ".." right after the prefix would climb out of the folder.
            location /_internal/media/ {
                internal;
                alias FOLDER/media/;
                # A directory would be answered with a redirect that shows this location's name.
                if (-d $request_filename) { return 404; }
                # The gateway hands out names without symbolic links; one that appears since is refused.
                disable_symlinks on from=FOLDER/media;
                # Ranges and resumed downloads need the file as it is, and as it is now.
                gzip off;
                open_file_cache off;
                if_modified_since before;
                sendfile on;
                tcp_nopush on;
                # Headers of the gateway's answer, carried over to the file; an empty one is not sent.
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
        proxy_hide_header X-Reproxy-URL;

        # Room for long file names: headers larger than this together are a 502.
        proxy_buffer_size 16k;
        proxy_buffers 8 16k;
        # Answers that the gateway streams wait in these buffers, never on disk, where one is cut at 1 GiB.
        proxy_buffering on;
        proxy_max_temp_file_size 0;
    }

    # Files of the rule in line 9: reached by X-Accel-Redirect only, 404 for clients. Both paths end in a
    # slash, or ".." right after the prefix would climb out of the folder.
    location /_internal/media/ {
        internal;
        alias FOLDER/media/;
        # A directory would be answered with a redirect that shows this location's name.
        if (-d $request_filename) { return 404; }
        # The gateway hands out names without symbolic links; one that appears since is refused.
        disable_symlinks on from=FOLDER/media;
        # Ranges and resumed downloads need the file as it is, and as it is now.
        gzip off;
        open_file_cache off;
        if_modified_since before;
        sendfile on;
        tcp_nopush on;
        # nginx obeys X-Accel-Charset only for charsets that its configuration names.
        charset utf-8;
        # Headers of the gateway's answer, carried over to the file; an empty one is not sent.
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
    location /_i/ {
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
    location /_i/ {
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
    location /_i/ {
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
    location /_i/ {
        alias "FOLDER/media/a b/";
        disable_symlinks on from=FOLDER/media;
    ---
    location /_i/media/ {
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    ---
    location /_i/ {
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
    insta::assert_snapshot!(locations(&["media/sub"], &twice), @r#"
    location /_i/ {
        alias FOLDER/media/;
        disable_symlinks on from=FOLDER/media;
    location /_i/sub/ {
        alias FOLDER/media/sub/;
        disable_symlinks on from=FOLDER/media/sub;
    "#);
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
    location /_i/ {
        alias "FOLDER/a b/";
        disable_symlinks on "from=FOLDER/a b";
    ---
    location /_i/ {
        alias "FOLDER/a\"b/";
        disable_symlinks on "from=FOLDER/a\"b";
    ---
    location /_i/ {
        alias "FOLDER/a\\b/";
        disable_symlinks on "from=FOLDER/a\\b";
    ---
    location /_i/ {
        alias "FOLDER/{a};#b/";
        disable_symlinks on "from=FOLDER/{a};#b";
    ---
    location /_i/ {
        alias "FOLDER/été/";
        disable_symlinks on "from=FOLDER/été";
    ---
    location /_i/ {
        alias FOLDER/a%20b/;
        disable_symlinks on from=FOLDER/a%20b;
    ---
    error: FOLDER/downloadview.toml: "FOLDER/a$b/" cannot be written in nginx's language: `$` begins a variable and has no escape; use another path
    ---
    error: FOLDER/downloadview.toml: "FOLDER/a\tb/" cannot be written in nginx's language: it holds a control character; use another path
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
        media_rule("source_url = \"https://origin.example/\"\ndestination_url = \"/_i/\""),
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
    error: FOLDER/downloadview.toml:8: `source_url = "https://origin.example/"`: files of other servers cannot be delegated in this version; take the rule out: the gateway streams them
    error: FOLDER/downloadview.toml:8: `%FF/` is no UTF-8 when it is decoded; write `storage` or `source_dir` in the rule
    error: FOLDER/downloadview.toml:12: `source_url = "/media/"` means two storages, with base_url "/media/" and "/media/other/"; write `storage` in the rule
    error: FOLDER/downloadview.toml:11: `/_i/` already means FOLDER/media/ in the rule of line 8; give each folder a `destination_url` of its own
    error: FOLDER/downloadview.toml:11: `/_i/other/` and `/_i/` of line 8 lie one below the other, in unrelated folders; give each folder a `destination_url` of its own
    error: FOLDER/downloadview.toml:11: `/_i/` has another `charset` in the rule of line 8; give each charset a `destination_url` of its own
    error: FOLDER/downloadview.toml: no rule delegates to `nginx`; set `backend = "nginx"` in [optimize] and add [[optimize.rules]]
    error: FOLDER/downloadview.toml: no rule delegates to `nginx`; set `backend = "nginx"` in [optimize] and add [[optimize.rules]]
    error: FOLDER/downloadview.toml: the gateway listens on 127.0.0.1:0, whose port the system chooses; name the port with --app ADDR
    "#);
}
