//! `[server]`: limits of the HTTP listener.
//!
//! Times are durations (`"10s"`), sizes are bytes or have a unit (`"48KiB"`); `"off"` lifts a limit where the key
//! says so, and 0 is refused but for `shutdown_timeout`. A change takes a restart.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use super::reader::scalar::{Fault, duration, or_off, positive_duration, size};
use super::reader::{Table, Value};

/// Limits of the HTTP listener.
/// ```toml
/// [server]
/// max_connections = 1024
/// shutdown_timeout = "30s"
/// write_timeout = "2m"
/// download_timeout = "off"
/// write_buffer = "48KiB"
/// ```
///
/// `"0s"` is refused for every key but `shutdown_timeout`, and so is 0 for a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// `max_connections`: connections served at the same time; more wait in the system's queue.
    /// Lowered at start, with a warning, to what the limit of open files suffices for. Default: 4096.
    pub max_connections: usize,
    /// `shutdown_timeout`: how long running downloads may go on after a request to stop. Default: 30 s.
    pub shutdown_timeout: Duration,
    /// `header_timeout`: how long a client may take to send the head of a request. Default: 10 s.
    pub header_timeout: Duration,
    /// `idle_timeout`: how long a connection may stay open between two requests. Default: 75 s, more than the 60 s
    /// after which generated proxy configuration closes it from its side.
    pub idle_timeout: Duration,
    /// `write_timeout`: a client that took nothing for so long, as far as its kernel tells, is cut; one that took bytes and
    /// then stopped, after twice that time at the latest; `None` ("off") waits for ever. Default: 60 s.
    pub write_timeout: Option<Duration>,
    /// `download_timeout`: how long one answer may take in all, however fast the client reads; `None` ("off") lets it
    /// take for ever. Default: off, because a large file over a slow line is not an attack.
    pub download_timeout: Option<Duration>,
    /// `write_buffer`: bytes of an answer that may wait in the process for one connection, at least 8 KiB; also the
    /// limit of a request's head. Default: 48 KiB; 64 KiB cost as much CPU time and 16 KiB more for each slow client.
    pub write_buffer: usize,
    /// `notsent_lowat`: unsent bytes that the kernel may hold for one TCP connection (`TCP_NOTSENT_LOWAT`), nearly
    /// four times as many for clients that take files, while memory for that is left; `None` ("off") leaves it to the system, which
    /// may hold megabytes. Default: 512 KiB.
    pub notsent_lowat: Option<u32>,
    /// `sendfile`: whether the kernel sends local files of 64 KiB and more itself (Linux), without a copy in the process;
    /// off, they are read and written like everything else. Default: true.
    pub sendfile: bool,
    /// `threads`: threads that serve connections. Default: one for each core.
    pub threads: NonZeroUsize,
}

/// hyper refuses a smaller buffer.
const SMALLEST_WRITE_BUFFER: usize = 8 << 10;

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            shutdown_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Some(Duration::from_secs(60)),
            download_timeout: None,
            write_buffer: 48 << 10,
            notsent_lowat: Some(512 << 10),
            sendfile: true,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl ServerSettings {
    /// Reads `[server]`. Keys that are absent, or were reported, have their defaults.
    pub(super) fn read(file: &mut Table<'_>) -> Self {
        let default = Self::default();
        let Some(mut table) = file.get("server").and_then(|value| value.table("[server]")) else {
            return default;
        };
        let max_connections = table.get("max_connections").and_then(|value| count(&value));
        let shutdown_timeout = table.parsed("shutdown_timeout", duration);
        let header_timeout = table.parsed("header_timeout", positive_duration);
        let idle_timeout = table.parsed("idle_timeout", positive_duration);
        let write_timeout = table.parsed("write_timeout", or_off(positive_duration));
        let download_timeout = table.parsed("download_timeout", or_off(positive_duration));
        let write_buffer = table
            .get("write_buffer")
            .and_then(|value| write_buffer(&value));
        let notsent_lowat = table
            .get("notsent_lowat")
            .and_then(|value| notsent_lowat(&value));
        let sendfile = table.get("sendfile").and_then(|value| value.boolean());
        let threads = table.get("threads").and_then(|value| count(&value));
        table.finish();
        Self {
            max_connections: max_connections.map_or(default.max_connections, NonZeroUsize::get),
            shutdown_timeout: shutdown_timeout.unwrap_or(default.shutdown_timeout),
            header_timeout: header_timeout.unwrap_or(default.header_timeout),
            idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
            write_timeout: write_timeout.unwrap_or(default.write_timeout),
            download_timeout: download_timeout.unwrap_or(default.download_timeout),
            write_buffer: write_buffer.unwrap_or(default.write_buffer),
            notsent_lowat: notsent_lowat.unwrap_or(default.notsent_lowat),
            sendfile: sendfile.unwrap_or(default.sendfile),
            threads: threads.unwrap_or(default.threads),
        }
    }
}

/// A number of things, at least one.
fn count(value: &Value<'_>) -> Option<NonZeroUsize> {
    let number = value.integer()?;
    let count = usize::try_from(number).ok().and_then(NonZeroUsize::new);
    value.understood(count.ok_or_else(|| {
        Fault::new(
            format!("{number} is too few"),
            "write a number from 1 upwards",
        )
    }))
}

/// A size that hyper takes: it panics at less than 8 KiB.
fn write_buffer(value: &Value<'_>) -> Option<usize> {
    let bytes = usize::try_from(value.number_or(size)?).unwrap_or(usize::MAX);
    let large_enough = bytes >= SMALLEST_WRITE_BUFFER;
    value.understood(large_enough.then_some(bytes).ok_or_else(|| {
        Fault::new(
            format!("{bytes} bytes are too few"),
            "write \"8KiB\" or more",
        )
    }))
}

/// The outer option: whether it was understood. The inner: whether it is on.
fn notsent_lowat(value: &Value<'_>) -> Option<Option<u32>> {
    if value.is_word("off") {
        return Some(None);
    }
    let bytes = value.number_or(size)?;
    let bytes = u32::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    value.understood(bytes.map(Some).ok_or_else(|| {
        Fault::new(
            "a limit of unsent bytes lies between 1 byte and 4 GiB",
            "write \"128KiB\", or \"off\" for no limit",
        )
    }))
}
