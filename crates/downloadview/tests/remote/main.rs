//! Files of other servers, against one that does exactly as a script says, byte by byte.

mod origin;
mod plain;
