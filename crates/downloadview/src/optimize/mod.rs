//! Decides for every download that passes who sends the bytes: a proxy, or the application.
//!
//! [`Optimizer`] holds the rules. [`answer()`] is the one way from a download to its response:
//!
//! 1. A rule takes the file and its backend can carry the name: delegated, never opened here.
//! 2. A rule sends the client to where the file is: 302, never opened here.
//! 3. A [spool](crate::spool) has a copy of it, or makes one, for such a rule.
//! 4. Else it is streamed by [`delivery`](crate::delivery).
//!
//! What happened, and why, stands as an [`Outcome`] in the response's extensions.
//!
//! [`OptimizeLayer`] puts this around handlers and views. Layers may be nested: an inner layer adds
//! its rules to the download, and the outermost one answers. Place it *inside* compression. A body
//! that something between view and layer replaced or changed is no longer the download's, and is
//! sent as it is.

mod announced;
mod answer;
mod asked;
mod body;
mod decide;
mod denied;
mod front;
mod future;
mod layer;
mod once;
mod optimizer;
mod outcome;
mod pages;
mod plan;
mod remote;
mod service;
mod settings;
#[cfg(all(feature = "fs", unix))]
mod spooled;
#[cfg(test)]
pub(crate) mod tests;
mod trace;

pub use self::announced::{Announced, MIN_SECRET_LEN, PROXY_HEADER};
pub use self::answer::{
    Unanswered, answer, answer_denied, answer_error, answer_now, answer_now_in,
};
pub use self::asked::{Asked, ReadsOutcome};
pub use self::body::ResponseBody;
pub use self::front::Front;
pub use self::future::ResponseFuture;
pub use self::layer::OptimizeLayer;
pub use self::optimizer::{Optimizer, OptimizerBuilder, Unmatched};
pub use self::outcome::{Extent, Outcome, Reason};
pub use self::service::Optimize;
pub use self::trace::{RuleVerdict, Step, Trace};
