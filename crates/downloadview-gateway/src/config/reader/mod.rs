//! Reads values of the file: walks its tables, keeps the place of everything, understands single values, and says what
//! is wrong where.

mod error;
mod file;
mod mask;
pub(crate) mod paths;
pub(crate) mod scalar;

pub use self::error::{Colours, ConfigError, Problem};
pub(crate) use self::file::{At, Source, Table, Value};
pub(crate) use self::mask::lines as mask_lines;
