//! A temporary folder with everything of one test: its files, its `downloadview.toml`, its servers' output.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use crate::app::ScriptedApp;
use crate::carriage::reason_in;
use crate::fetcher::Fetcher;
use crate::gateway::ProxyConfig;
use crate::program::Program;
use crate::proxy::Proxy;
use crate::server::{Server, hand_over};
use crate::{gateway, port, python};

const CONFIGURATION: &str = "downloadview.toml";
const SCRIPT: &str = "downloadview.js";

/// One test's world. Its folder goes with it.
///
/// ```text
/// downloadview.toml
/// media/            the storage's root
/// outside/          beside it, never to be served
/// client/           where programs run
/// ```
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    app: SocketAddr,
    /// Whether the proxies say who they are.
    announced: bool,
}

impl Site {
    /// A site with this configuration, in which `@LISTEN@` and `@MEDIA@` stand for the gateway's
    /// address and the storage's folder.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn new(configuration: &str) -> Self {
        Self::with_app(configuration, port::free())
    }

    /// A site of another configuration whose gateway is that of `other`.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn before(other: &Self, configuration: &str) -> Self {
        Self::with_app(configuration, other.app)
    }

    fn with_app(configuration: &str, app: SocketAddr) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("downloadview-")
            .tempdir()
            .expect("a temporary folder can be made");
        let announced = configuration.contains("backend = \"announced\"");
        let site = Self {
            folder,
            app,
            announced,
        };
        set_mode(site.folder.path(), 0o755);
        for name in ["media", "outside"] {
            make_folder(&site.path(name));
        }
        site.configure(configuration);
        site
    }

    /// Puts another configuration in the place of the one that is there, for a gateway that reads it anew.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn configure(&self, configuration: &str) {
        let text = served_by(configuration)
            .replace("@LISTEN@", &self.app.to_string())
            .replace("@MEDIA@", &self.path("media").to_string_lossy());
        self.replace(CONFIGURATION, text);
    }

    /// Where something of the site stands; `name` is relative to its folder and may hold any byte.
    #[must_use]
    pub fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.folder.path().join(OsStr::from_bytes(name.as_ref()))
    }

    /// Writes a file, readable by everyone, with the folders that lead to it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            make_folder(folder);
        }
        write(&path, content.as_ref());
    }

    /// Makes a folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_folder(&self, name: &str) {
        make_folder(&self.path(name));
    }

    /// Makes a folder that belongs to the servers' user, and lets nobody else in.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_own_folder(&self, name: &str) {
        let path = self.path(name);
        make_folder(&path);
        set_mode(&path, 0o750);
        hand_over(&path).expect("a folder can be given to the servers' user");
    }

    /// Makes a FIFO that nobody writes to: who opens it for reading waits for ever.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_fifo(&self, name: &str) {
        let path = self.path(name);
        mkfifoat(CWD, &path, Mode::from_raw_mode(0o644)).expect("a FIFO can be made");
    }

    /// Makes a symbolic link that holds `target` as it is: absolute, or relative to the link's folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make_link(&self, name: &str, target: impl AsRef<Path>) {
        symlink(target, self.path(name)).expect("a link can be made");
    }

    /// Removes a file.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("the file can be removed");
    }

    /// Puts another file in the place of one, at once (`rename`).
    ///
    /// # Panics
    /// When it cannot be written or renamed.
    pub fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        let new = self.path(format!("{name}.new"));
        write(&new, content.as_ref());
        fs::rename(new, self.path(name)).expect("the file can be renamed");
    }

    /// Makes a file an hour older, so that its date is a strong validator (RFC 9110, 8.8.2.2).
    ///
    /// # Panics
    /// When its time cannot be set.
    pub fn age(&self, name: &str) {
        let hour_ago = SystemTime::now() - Duration::from_secs(60 * 60);
        let file = fs::File::open(self.path(name));
        file.and_then(|file| file.set_modified(hour_ago))
            .expect("the file's time can be set");
    }

    /// Waits until a file is two seconds old: before that, whole seconds do not tell its state.
    ///
    /// # Panics
    /// When its time is not known.
    pub fn let_settle(&self, name: &str) {
        let metadata = fs::metadata(self.path(name)).expect("the file is there");
        let written = metadata.modified().expect("it has a time");
        while written
            .elapsed()
            .is_ok_and(|age| age < Duration::from_secs(2))
        {
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Takes all permissions from a file. The servers are never root, so it stops them.
    ///
    /// # Panics
    /// When the mode cannot be set.
    pub fn make_unreadable(&self, name: &str) {
        set_mode(&self.path(name), 0);
    }

    /// Starts the gateway, `downloadview serve`.
    ///
    /// # Panics
    /// When it cannot be built or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_gateway(&self) -> Server {
        must(gateway::serve(&self.config(), self.app, self.folder.path()))
    }

    /// Starts the gateway in other surroundings: through lines of sh that end in `exec "$@"`.
    ///
    /// # Panics
    /// When it cannot be built or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_gateway_through(&self, shell: &str) -> Server {
        let (config, folder) = (self.config(), self.folder.path());
        must(gateway::serve_through(shell, &config, self.app, folder))
    }

    /// What `downloadview serve` complains of when it refuses to start.
    ///
    /// # Panics
    /// When it starts.
    #[must_use]
    #[track_caller]
    pub fn refusal_of_gateway(&self) -> String {
        match gateway::serve(&self.config(), self.app, self.folder.path()) {
            Ok(_) => panic!("the gateway starts"),
            Err(error) => format!("{error:#}"),
        }
    }

    /// Starts a proxy with the configuration that `downloadview proxy-config` prints for this site.
    ///
    /// # Panics
    /// When the proxy is not installed, or either program fails; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_proxy(&self, proxy: Proxy) -> Server {
        self.start_proxy_amid(proxy, |printed| printed)
    }

    /// Starts a proxy with that configuration after `surroundings` wrote into it what a site has besides.
    ///
    /// # Panics
    /// When the proxy is not installed, or either program fails; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_proxy_amid(
        &self,
        proxy: Proxy,
        surroundings: impl FnOnce(String) -> String,
    ) -> Server {
        self.start_proxy_given(proxy, &[], surroundings)
    }

    /// As [`Site::start_proxy_amid`], with more arguments for `downloadview proxy-config`.
    ///
    /// # Panics
    /// When the proxy is not installed, or either program fails; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_proxy_given(
        &self,
        proxy: Proxy,
        arguments: &[&str],
        surroundings: impl FnOnce(String) -> String,
    ) -> Server {
        let address = port::free();
        let (config, folder) = (self.config(), self.folder.path());
        let asked = ProxyConfig {
            proxy,
            announced: self.announced,
            config: &config,
            address,
            arguments,
        };
        let printed = must(gateway::proxy_config(&asked, folder));
        self.start_proxy_with(proxy, &surroundings(printed), address)
    }

    /// As [`Site::start_proxy_given`], for one that fetches files itself, with its script if it has one.
    ///
    /// # Panics
    /// When the proxy is not installed, or either program fails; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_fetcher(
        &self,
        fetcher: Fetcher,
        arguments: &[&str],
        surroundings: impl FnOnce(String) -> String,
    ) -> Server {
        let mut arguments = arguments.to_vec();
        let script = self.path(SCRIPT).display().to_string();
        if fetcher.scripted {
            let printed = gateway::proxy_script(&self.config(), self.folder.path());
            self.write(SCRIPT, must(printed));
            arguments.extend(["--script", &script]);
        }
        self.start_proxy_given(fetcher.proxy, &arguments, surroundings)
    }

    /// What `downloadview proxy-config` prints of this site for a proxy that is there already.
    ///
    /// # Panics
    /// When it refuses.
    #[must_use]
    #[track_caller]
    pub fn snippet(&self, proxy: Proxy) -> String {
        let folder = self.folder.path();
        must(gateway::proxy_snippet(proxy.name(), &self.config(), folder))
    }

    /// Starts a proxy with a configuration of one's own, which must make it listen on `address`.
    ///
    /// # Panics
    /// When the proxy is not installed or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_proxy_with(
        &self,
        proxy: Proxy,
        configuration: &str,
        address: SocketAddr,
    ) -> Server {
        self.start_proxy_through("exec \"$@\"", proxy, configuration, address)
    }

    /// The same in other surroundings: through lines of sh that end in `exec "$@"`, with the site's folder as `$SITE`.
    ///
    /// # Panics
    /// When the proxy is not installed or does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_proxy_through(
        &self,
        shell: &str,
        proxy: Proxy,
        configuration: &str,
        address: SocketAddr,
    ) -> Server {
        let prefix = self.path(proxy.name());
        make_folder(&prefix);
        hand_over(&prefix).expect("a folder can be given to the servers' user");
        let file = format!("{}.conf", proxy.name());
        self.write(&file, configuration);
        let file = self.path(&file);
        must(proxy.start_through(shell, &prefix, &file, address, self.folder.path()))
    }

    /// The header line with which an application hands a file of the storage to `proxy`.
    #[must_use]
    pub fn hand_off(&self, proxy: Proxy, name: &str) -> String {
        let target = proxy.target(&self.path("media"), name.as_bytes());
        format!(
            "{}: {}\r\n",
            proxy.header(),
            String::from_utf8_lossy(&target)
        )
    }

    /// Why the gateway streams a request to `target`, as `downloadview explain` tells it.
    ///
    /// # Errors
    /// When it would not stream it, or `explain` fails.
    pub fn reason_to_stream(&self, target: &str) -> Result<String> {
        let explanation = gateway::explain(&self.config(), target, self.folder.path())?;
        reason_in(&explanation)
    }

    /// What `downloadview proxy-config` prints of a whole server of this site, to be changed and started with
    /// [`start_proxy_with`](Self::start_proxy_with).
    ///
    /// # Panics
    /// When it refuses.
    #[must_use]
    #[track_caller]
    pub fn printed(&self, proxy: Proxy, address: SocketAddr) -> String {
        let (config, folder) = (self.config(), self.folder.path());
        let asked = ProxyConfig {
            proxy,
            announced: self.announced,
            config: &config,
            address,
            arguments: &[],
        };
        must(gateway::proxy_config(&asked, folder))
    }

    /// Gives a folder to the servers' user, who may then write into it.
    ///
    /// # Panics
    /// When it is not there.
    pub fn give(&self, name: &str) {
        hand_over(&self.path(name)).expect("a folder can be given to the servers' user");
    }

    /// Sets the mode of a file or folder.
    ///
    /// # Panics
    /// When the mode cannot be set.
    pub fn set_mode(&self, name: &str, mode: u32) {
        set_mode(&self.path(name), mode);
    }

    /// Starts an application in the gateway's place that answers every request with these bytes.
    #[must_use]
    pub fn start_scripted_app(&self, answer: impl Into<Vec<u8>>) -> ScriptedApp {
        ScriptedApp::start(self.app, answer.into())
    }

    /// Starts a server that is a script of Python, with the address and the port as its arguments. With `package`, what it
    /// imports beside the standard library: `cargo xtask test` installs that into a folder of this name.
    ///
    /// # Panics
    /// When it does not start; the message holds its output.
    #[must_use]
    #[track_caller]
    pub fn start_python(&self, script: &str, package: Option<&str>) -> Server {
        self.write("server.py", script);
        let folder = self.path("python");
        make_folder(&folder);
        hand_over(&folder).expect("a folder can be given to the servers' user");
        let (script, address) = (self.path("server.py"), port::free());
        must(python::start(&script, package, address, &folder))
    }

    /// A program in the folder `client`, which is the home of all that run here. `package` is Debian's that brings it.
    ///
    /// # Panics
    /// When the folder cannot be made.
    #[must_use]
    pub fn program(&self, name: &str, package: &'static str) -> Program {
        let folder = self.path("client");
        make_folder(&folder);
        hand_over(&folder).expect("a folder can be given to the servers' user");
        Program::new(name, package, &folder)
    }

    /// The gateway's address.
    #[must_use]
    pub fn app(&self) -> SocketAddr {
        self.app
    }

    /// An address on loopback where nothing listens, for a server of one's own.
    #[must_use]
    pub fn free_address(&self) -> SocketAddr {
        port::free()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path(CONFIGURATION)
    }
}

#[track_caller]
/// Says whether the kernel sends files, if the configuration leaves it open: for one half of the tests it does, for the
/// other it does not. Which half is told by the test's name, so that a test is the same each time.
/// `DOWNLOADVIEW_TEST_SENDFILE` says `true` or `false` for all of them, or `swapped`.
fn served_by(configuration: &str) -> String {
    if configuration.contains("sendfile") {
        return configuration.to_owned();
    }
    let test = std::thread::current();
    let sum: u32 = test.name().unwrap_or_default().bytes().map(u32::from).sum();
    let sendfile = match std::env::var("DOWNLOADVIEW_TEST_SENDFILE").as_deref() {
        Ok("true") => true,
        Ok("false") => false,
        Ok("swapped") => !sum.is_multiple_of(2),
        _ => sum.is_multiple_of(2),
    };
    let stated = format!("[server]\nsendfile = {sendfile}\n");
    match configuration.contains("[server]\n") {
        true => configuration.replacen("[server]\n", &stated, 1),
        false => format!("{configuration}\n{stated}"),
    }
}

fn must<T>(result: anyhow::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:#}"),
    }
}

fn make_folder(path: &Path) {
    fs::create_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    set_mode(path, 0o755);
}

fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    set_mode(path, 0o644);
}

/// Set rather than asked for at creation, so that nobody's umask decides what a test shows.
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
