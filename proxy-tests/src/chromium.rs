//! Chromium without a window, driven over its pipe by the Chrome DevTools Protocol: JSON, each message with a zero byte at its
//! end.
//!
//! One tab, looked at and clicked on as somebody would. It runs as the servers' user, in a folder of its own, into which it
//! saves downloads.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Cursor, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::picture::Picture;
use crate::server::unprivileged;
use crate::site::Site;

/// The page of a demonstration takes seconds where machines are busy.
const DEADLINE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(20);

/// It reads commands from descriptor 3 and answers on 4.
const PIPES: &str = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null";

/// One browser with one tab. It ends with the value.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    /// What it told without being asked, oldest first.
    events: Vec<Value>,
    commands: u64,
    tab: Option<String>,
    folder: PathBuf,
}

/// A file that was saved.
#[derive(Debug, PartialEq, Eq)]
pub struct Saved {
    /// Its name in the folder for downloads.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

impl Chromium {
    /// Starts one whose files all lie in a folder of `site`.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    #[must_use]
    #[track_caller]
    pub fn start(site: &Site) -> Self {
        site.make_own_folder("browser");
        let folder = &site.path("browser");
        let said = File::create(folder.join("chromium.output")).expect("a file can be made");
        let mut command = Command::new("sh");
        command.args(["-c", PIPES, "sh", "chromium"]).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--mute-audio",
            "--remote-debugging-pipe",
            "--user-data-dir=profile",
        ]);
        command.current_dir(folder).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said)
            .process_group(0);
        let mut child = unprivileged(&mut command).spawn().expect("sh starts");
        let to = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let (tell, from) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while let Ok(1..) = answers.read_until(0, &mut message) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else {
                    return;
                };
                if tell.send(value).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let mut browser = Self {
            child,
            to,
            from,
            events: Vec::new(),
            commands: 0,
            tab: None,
            folder: folder.to_owned(),
        };
        browser.open_tab();
        browser
    }

    #[track_caller]
    fn open_tab(&mut self) {
        let tab = self.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": tab["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", &attach);
        self.tab = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
        let downloads = self.folder.join("downloads");
        let save = json!({ "behavior": "allow", "downloadPath": downloads, "eventsEnabled": true });
        self.call("Browser.setDownloadBehavior", &save);
    }

    /// Shows a URL, and waits until all of it is there.
    ///
    /// # Panics
    /// When it does not come, or is not a page.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        self.events.clear();
        let answer = self.call("Page.navigate", &json!({ "url": url }));
        assert_eq!(answer["errorText"], Value::Null, "{url}");
        self.wait_for("Page.loadEventFired", url);
    }

    /// The screen's width in CSS pixels, and whether the user prefers dark colours.
    ///
    /// # Panics
    /// When the browser refuses.
    #[track_caller]
    pub fn set_screen(&mut self, width: u32, is_dark: bool) {
        let size =
            json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", &media);
    }

    /// What a script gives, once its promise is kept.
    ///
    /// # Panics
    /// When it throws.
    #[track_caller]
    pub fn evaluate(&mut self, script: &str) -> Value {
        let ask = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &ask);
        let thrown = &answer["exceptionDetails"];
        let shown: String = script.chars().take(200).collect();
        assert_eq!(*thrown, Value::Null, "{shown}");
        answer["result"]["value"].clone()
    }

    /// Moves to the middle of what a selector finds, and clicks on it once it is drawn: a click is for what was last drawn.
    ///
    /// # Panics
    /// When it finds nothing, or something lies over it.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let quoted = Value::from(selector);
        let place = self.evaluate(&format!(
            "(async () => {{ const it = document.querySelector({quoted}); it.scrollIntoView({{ block: 'center', behavior: 'instant' }});\
             const frame = () => new Promise(requestAnimationFrame); await frame(); await frame();\
             const box = it.getClientRects()[0]; const x = box.x + box.width / 2, y = box.y + box.height / 2;\
             const top = document.elementFromPoint(x, y); return {{ x, y, isOnTop: it.contains(top) }} }})()"
        ));
        assert_eq!(place["isOnTop"], true, "{selector}: {place}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// What a click on a link saves. It is taken out of the folder.
    ///
    /// # Panics
    /// When nothing is saved.
    #[track_caller]
    pub fn save(&mut self, selector: &str) -> Saved {
        let folder = self.folder.join("downloads");
        self.events.clear();
        self.click(selector);
        let deadline = Instant::now() + DEADLINE;
        loop {
            let progress = self.wait_for("Browser.downloadProgress", selector);
            match progress["params"]["state"].as_str() {
                Some("completed") => break,
                Some("inProgress") => {}
                other => panic!("{selector}: {other:?}"),
            }
            assert!(Instant::now() < deadline, "{selector}: it does not end");
        }
        let saved = fs::read_dir(&folder).expect("the folder for downloads");
        let saved: Vec<_> = saved.map(|entry| entry.expect("an entry").path()).collect();
        let [path] = saved.as_slice() else {
            panic!("{selector}: {saved:?}");
        };
        let content = fs::read(path).expect("it can be read");
        fs::remove_file(path).expect("it can be removed");
        let name = path.file_name().expect("a name").to_string_lossy();
        Saved {
            name: name.into_owned(),
            content,
        }
    }

    /// What went wrong on the page since it was opened: uncaught exceptions, and what the console shows as an error or a
    /// warning.
    #[must_use]
    #[track_caller]
    pub fn problems(&mut self) -> Vec<String> {
        // What was told before this answer is there with it.
        self.evaluate("0");
        let is_problem = |event: &&Value| {
            let told = &event["params"];
            let level = |level: &Value| matches!(level.as_str(), Some("error" | "warning"));
            match event["method"].as_str() {
                Some("Runtime.exceptionThrown") => true,
                Some("Log.entryAdded") => level(&told["entry"]["level"]),
                Some("Runtime.consoleAPICalled") => level(&told["type"]),
                _ => false,
            }
        };
        let problems = self.events.iter().filter(is_problem);
        problems.map(ToString::to_string).collect()
    }

    /// Status and headers of the answers that came for a URL since the last page was opened: its media's too.
    #[must_use]
    #[track_caller]
    pub fn answers(&mut self, url: &str) -> Vec<Value> {
        self.evaluate("0");
        let of_url = |event: &&Value| {
            event["method"] == "Network.responseReceived"
                && event["params"]["response"]["url"] == url
        };
        let answers = self.events.iter().filter(of_url);
        answers
            .map(|event| event["params"]["response"].clone())
            .collect()
    }

    /// Whether it began to save something since the last page was opened.
    #[must_use]
    pub fn has_saved(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|event| event["method"] == "Browser.downloadWillBegin")
    }

    /// What is on the screen.
    ///
    /// # Panics
    /// When there is no picture of it.
    #[must_use]
    #[track_caller]
    pub fn picture(&mut self) -> Picture {
        let picture = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let encoded = picture["data"].as_str().expect("a picture");
        let bytes = STANDARD.decode(encoded).expect("Base64");
        Picture::read(Cursor::new(bytes))
    }

    /// The first event of this kind that was not waited for yet.
    #[track_caller]
    fn wait_for(&mut self, method: &str, what: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        let mut looked_at = 0;
        loop {
            let new = self.events[looked_at..].iter();
            if let Some(place) = new.clone().position(|event| event["method"] == method) {
                return self.events.remove(looked_at + place);
            }
            looked_at = self.events.len();
            let message = self.receive(deadline);
            assert!(message.is_some(), "no {method}: {what}\n{}", self.output());
            self.events.extend(message);
        }
    }

    #[track_caller]
    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.commands += 1;
        let mut command = json!({ "id": self.commands, "method": method, "params": parameters });
        if let Some(tab) = &self.tab {
            command["sessionId"] = json!(tab);
        }
        let text = format!("{command}\0");
        let sent = self.to.write_all(text.as_bytes());
        sent.unwrap_or_else(|error| panic!("{method}: {error}\n{}", self.output()));
        let deadline = Instant::now() + DEADLINE;
        loop {
            let Some(message) = self.receive(deadline) else {
                panic!(
                    "no answer to {method}; it takes `apt-get install --no-install-recommends chromium`, which `cargo xtask test` \
                     does\n{}",
                    self.output()
                );
            };
            if message["id"] != self.commands {
                self.events.push(message);
                continue;
            }
            assert_eq!(message["error"], Value::Null, "{method}");
            return message["result"].clone();
        }
    }

    fn receive(&self, deadline: Instant) -> Option<Value> {
        let patience = deadline.saturating_duration_since(Instant::now());
        self.from.recv_timeout(patience).ok()
    }

    fn output(&self) -> String {
        let text = fs::read(self.folder.join("chromium.output")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Chromium {
    /// With all its processes; the group's leader is not yet waited for, so the group is its own.
    fn drop(&mut self) {
        let group = Pid::from_child(&self.child);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.wait();
        // Its folder is removed next, and they may write into it until they are gone.
        let deadline = Instant::now() + DEADLINE;
        while rustix::process::test_kill_process_group(group).is_ok() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}
