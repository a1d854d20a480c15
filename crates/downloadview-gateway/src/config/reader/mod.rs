//! Reads values of the file: walks its tables, keeps the place of everything, understands single values, and says what
//! is wrong where.
//! 1. `file` gives readers a [`Table`] and its [`Value`]s, and collects problems and places of secrets in the
//!    [`Source`];
//! 2. `scalar` and `paths` make types of single strings, or a `Fault`, which knows no place;
//! 3. `Value` makes a [`Problem`] of a fault, with the value's place;
//! 4. `secret` is a text that no `Debug` shows;
//! 5. `mask` replaces secrets by stars in the text that excerpts are cut from;
//! 6. `error` renders everything at the end.

mod error;
mod file;
mod mask;
pub(crate) mod paths;
pub(crate) mod scalar;
mod secret;

pub use self::error::{Colours, ConfigError, Problem};
pub(crate) use self::file::{At, Source, Table, Value};
pub(crate) use self::mask::lines as mask_lines;
pub use self::secret::Secret;
