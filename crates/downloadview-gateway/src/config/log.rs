//! `[log]`: how much is logged, and in which form.

use tracing_subscriber::filter::EnvFilter;

use super::reader::Table;
use super::reader::scalar::{Fault, one_of};

/// How much is logged, and in which form.
/// ```toml
/// [log]
/// format = "json"
/// level = "info,downloadview=debug"
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `format`: the form of a line. Default: `"auto"`.
    pub format: LogFormat,
    /// `level`: one of `off`, `error`, `warn`, `info`, `debug` and `trace`, or directives in the syntax of `RUST_LOG`
    /// (`info,downloadview=debug`). If `RUST_LOG` is set, it counts instead. Refused: any other single word, which
    /// would be taken for the name of a target. Default: `info`.
    pub level: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `"auto"`: for people on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// `"human"`: for people.
    Human,
    /// `"json"`: one JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: "info".to_owned(),
        }
    }
}

impl LogSettings {
    /// Reads `[log]`. Keys that are absent, or were reported, have their defaults.
    pub(super) fn read(file: &mut Table<'_>) -> Self {
        const FORMATS: [(&str, LogFormat); 3] = [
            ("auto", LogFormat::Auto),
            ("human", LogFormat::Human),
            ("json", LogFormat::Json),
        ];

        let default = Self::default();
        let Some(mut table) = file.get("log").and_then(|value| value.table("[log]")) else {
            return default;
        };
        let format = table.parsed("format", |text| one_of(text, &FORMATS, &[]));
        let level = table.parsed("level", level);
        table.finish();
        Self {
            format: format.unwrap_or(default.format),
            level: level.unwrap_or(default.level),
        }
    }
}

/// Checks a level or directives. The text is kept: [`logging`](crate::logging) makes the filter.
fn level(text: &str) -> Result<String, Fault> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

    // A lone word that is not a level would be taken for the name of a target, and silence everything else.
    let lone_word = !text.contains(['=', ',', '[']) && !LEVELS.contains(&text);
    if lone_word || EnvFilter::try_new(text).is_err() {
        return Err(Fault::new(
            format!("`{text}` is not a log level"),
            "write off, error, warn, info, debug or trace, or directives such as \"info,downloadview=debug\"",
        ));
    }
    Ok(text.to_owned())
}
