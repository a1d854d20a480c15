//! Whether a local copy of a file may be made for a proxy: what a view says, and `spool` obeys.

/// Whether a local copy of a file may be made for a proxy, where no rule takes the file as it is.
/// It counts only under an [`Optimizer`](crate::Optimizer) that has a [spool](crate::spool).
///
/// ```
/// use downloadview::response::Spooling;
/// use downloadview::{DownloadResponse, file::VirtualFile};
///
/// let once = VirtualFile::from_chunks("now.csv", ["a;b\n", "1;2\n"]);
/// let response = DownloadResponse::new(once).spooling(Spooling::Always);
/// # let _ = response;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spooling {
    /// No copy is made: the application streams the file.
    Off,
    /// A copy is made of a file that has a [key](crate::File::cache_key). The default.
    #[default]
    Keyed,
    /// Of a file without a key too. Its copy is for the one request that it was made for, and is
    /// removed when its lease ends.
    Always,
}
