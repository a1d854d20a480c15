//! Files that belong to records: rows of a database, entries of a catalogue.
//!
//! The steps for a request: `find` returns the record (none is 404), `authorize` judges it, its
//! stored name becomes a `StorageName`, and an `ObjectFile` of the storage is returned with what
//! the record states. The file itself is not touched here. A stored name that is not valid is the
//! fault of whoever stored it: 404 for the client, and a warning in the log.

use std::fmt;
use std::sync::{Arc, LazyLock};

use http::request::Parts;

use super::options::view_options;
use super::{DownloadView, ViewOptions, view_setters};
use crate::content::Metadata;
use crate::error::{Error, Result};
use crate::file::ObjectFile;
use crate::said::OncePerMinute;
use crate::storage::{Storage, StorageName};

/// A record that names a file and may describe it: a row of a database, an entry of a catalogue.
///
/// Everything but the file has a default: unknown. What the record states of name, type, tag and
/// date counts more than what the storage knows. Whether the file exists, and how long it is, the
/// storage says.
///
/// ```
/// use downloadview::content::{ETag, Metadata};
/// use downloadview::view::FileRecord;
///
/// struct Document {
///     file: String,  // "5/9f2c.bin"
///     title: String, // "Annual report"
///     version: u32,
/// }
///
/// impl FileRecord for Document {
///     fn file(&self) -> Option<&str> {
///         Some(&self.file)
///     }
///
///     fn basename(&self) -> Option<String> {
///         Some(format!("{}.pdf", self.title))
///     }
///
///     fn metadata(&self) -> Metadata {
///         match ETag::strong(&format!("v{}", self.version)) {
///             Ok(etag) => Metadata::new().with_etag(etag),
///             Err(_) => Metadata::new(),
///         }
///     }
/// }
/// ```
pub trait FileRecord: Send + Sync + 'static {
    /// The file's name in the storage. `None` or an empty text means that the record has no file:
    /// 404.
    #[doc(alias = "file_field")]
    fn file(&self) -> Option<&str>;

    /// The name that the client sees. Default: the last part of [`file`](Self::file).
    #[doc(alias = "basename_field")]
    fn basename(&self) -> Option<String> {
        None
    }

    /// Date, tag, type and coding, as far as the record knows them. A size is ignored: that of the
    /// storage counts. Default: nothing is known.
    #[doc(alias = "size_field")]
    #[doc(alias = "modification_time_field")]
    fn metadata(&self) -> Metadata {
        Metadata::new()
    }
}

/// Finds the record that a request is for: by primary key, by slug, by anything in the request.
///
/// It is implemented for closures `|request: &Parts| async { … }`. A failure of the database should
/// be [`Error::Unavailable`] (503) if it passes by itself, else [`Error::Other`] (500);
/// `downloadview-sea-orm` does that.
///
/// ```
/// use downloadview::view::{FileRecord, FindRecord, RouteParameters};
/// use downloadview::{Error, Result};
/// use http::request::Parts;
///
/// struct Invoice(String);
///
/// impl FileRecord for Invoice {
///     fn file(&self) -> Option<&str> {
///         Some(&self.0)
///     }
/// }
///
/// /// Invoices by number, as the router found it in the path.
/// struct ByNumber;
///
/// impl FindRecord for ByNumber {
///     type Record = Invoice;
///
///     async fn find(&self, request: &Parts) -> Result<Option<Invoice>> {
///         let parameters = RouteParameters::of(request).ok_or(Error::NotFound)?;
///         let number = parameters.get("number").ok_or(Error::NotFound)?;
///         Ok(number.parse::<u64>().ok().map(|number| Invoice(format!("{number}.pdf"))))
///     }
/// }
/// ```
pub trait FindRecord: Send + Sync + 'static {
    /// The kind of record.
    type Record: FileRecord;

    /// The record for this request; `None` is 404.
    ///
    /// # Errors
    ///
    /// The error becomes the answer.
    fn find(&self, request: &Parts) -> impl Future<Output = Result<Option<Self::Record>>> + Send;
}

impl<F, Fut, R> FindRecord for F
where
    F: Fn(&Parts) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<R>>> + Send,
    R: FileRecord,
{
    type Record = R;

    async fn find(&self, request: &Parts) -> Result<Option<R>> {
        self(request).await
    }
}

/// What a permission check says: the result of the closure of [`ObjectView::authorize`].
///
/// ```
/// use downloadview::storage::MemoryStorage;
/// use downloadview::view::{FileRecord, ObjectView, Permission};
/// use http::request::Parts;
///
/// struct Document { file: String, is_published: bool }
///
/// impl FileRecord for Document {
///     fn file(&self) -> Option<&str> {
///         Some(&self.file)
///     }
/// }
///
/// let find = |_: &Parts| async {
///     Ok(Some(Document { file: "draft.pdf".into(), is_published: false }))
/// };
/// let view = ObjectView::new(MemoryStorage::new(), find);
/// let view = view.authorize(|_request, document: &Document| match document.is_published {
///     true => Permission::Allow,
///     false => Permission::Hide, // 404, whether there is a draft or not
/// });
/// # let _ = view;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// The caller may have the file.
    Allow,
    /// The caller may not have it, but may know that it exists: 403.
    Forbid,
    /// The caller may not even know that it exists: 404.
    Hide,
}

/// What [`ObjectView::basename_with`] makes of a record.
type Basename<R> = Arc<dyn Fn(&R) -> Option<String> + Send + Sync>;

/// The check of [`ObjectView::authorize`].
type Authorize<R> = Arc<dyn Fn(&Parts, &R) -> Permission + Send + Sync>;

/// A view for files that records name: use it when a row of a database says which file it is.
///
/// For rows in a database `downloadview-sea-orm` has a [`FindRecord`]. If the URL itself names the
/// file, use [`StorageView`](super::StorageView).
///
/// ```
/// use downloadview::storage::MemoryStorage;
/// use downloadview::view::{FileRecord, ObjectView, Permission};
/// use downloadview::{DownloadView, Result};
/// use http::request::Parts;
///
/// struct Document {
///     file: String,
///     title: String,
///     public: bool,
/// }
///
/// impl FileRecord for Document {
///     fn file(&self) -> Option<&str> {
///         Some(&self.file)
///     }
///
///     fn basename(&self) -> Option<String> {
///         Some(format!("{}.pdf", self.title))
///     }
/// }
///
/// async fn by_slug(slug: String) -> Result<Option<Document>> {
/// #   let _ = slug;
///     Ok(None) // SELECT file, title, public FROM document WHERE slug = ?
/// }
///
/// let find = |request: &Parts| by_slug(request.uri.path().trim_matches('/').to_owned());
/// let view = ObjectView::new(MemoryStorage::new(), find)
///     .authorize(|_request, document: &Document| match document.public {
///         true => Permission::Allow,
///         false => Permission::Hide,
///     });
/// # let _ = view.into_service();
/// ```
#[doc(alias = "ObjectDownloadView")]
pub struct ObjectView<F: FindRecord> {
    storage: Arc<dyn Storage>,
    find: F,
    authorize: Option<Authorize<F::Record>>,
    basename: Option<Basename<F::Record>>,
    options: ViewOptions,
}

impl<F: FindRecord> ObjectView<F> {
    /// The files of `storage` that the records of `find` name. Everybody may have them, until
    /// [`authorize`](Self::authorize) says otherwise.
    pub fn new(storage: impl Storage, find: F) -> Self {
        Self {
            storage: Arc::new(storage),
            find,
            authorize: None,
            basename: None,
            options: ViewOptions::default(),
        }
    }

    /// Decides for each request and record, after the record was found and before the file is
    /// looked at. Default: everybody may have every file. A second call replaces the first.
    #[must_use]
    pub fn authorize(
        mut self,
        authorize: impl Fn(&Parts, &F::Record) -> Permission + Send + Sync + 'static,
    ) -> Self {
        self.authorize = Some(Arc::new(authorize));
        self
    }

    /// Makes the name that the client sees of the record, for instance of several columns, in place
    /// of [`FileRecord::basename`]. Default, also where it is `None` or empty: that one. A second
    /// call replaces the first, and a name among the options of the view replaces both.
    ///
    /// ```
    /// # use downloadview::storage::MemoryStorage;
    /// # use downloadview::view::{FileRecord, ObjectView};
    /// # use http::request::Parts;
    /// # struct Document { title: String, file: String }
    /// # impl FileRecord for Document {
    /// #     fn file(&self) -> Option<&str> { Some(&self.file) }
    /// # }
    /// # let find = |_: &Parts| async { Ok(None::<Document>) };
    /// # let view = ObjectView::new(MemoryStorage::new(), find);
    /// // `Third quarter` and `2026/q3.pdf` are `Third quarter.pdf`.
    /// let view = view.basename_with(|document| {
    ///     let (_, extension) = document.file.rsplit_once('.')?;
    ///     Some(format!("{}.{extension}", document.title))
    /// });
    /// # let _ = view;
    /// ```
    #[must_use]
    pub fn basename_with(
        mut self,
        basename: impl Fn(&F::Record) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.basename = Some(Arc::new(basename));
        self
    }

    view_setters!();

    /// The name that the client sees, if the record tells one.
    fn basename_of(&self, record: &F::Record) -> Option<String> {
        let told = |name: &String| !name.is_empty();
        let made = self.basename.as_ref().and_then(|make| make(record));
        made.filter(told).or_else(|| record.basename().filter(told))
    }

    /// Asks `authorize`, if it was set.
    fn check(&self, request: &Parts, record: &F::Record) -> Result<()> {
        let Some(authorize) = &self.authorize else {
            return Ok(());
        };
        match authorize(request, record) {
            Permission::Allow => Ok(()),
            Permission::Forbid => Err(Error::Forbidden),
            Permission::Hide => Err(Error::NotFound),
        }
    }
}

/// The name of a record's file. A name that cannot be stored is the fault of whoever stored it, not
/// of the client: 404, and a warning in the log, for each kind of mistake at most once a minute.
fn stored_name(name: &str) -> Result<StorageName> {
    static SAID: LazyLock<OncePerMinute<String>> = LazyLock::new(OncePerMinute::default);

    StorageName::parse(name).map_err(|error| {
        if SAID.is_due(error.to_string()) {
            tracing::warn!(%error, "a record names a file that cannot be; said once a minute");
        }
        Error::NotFound
    })
}

impl<F: FindRecord> DownloadView for ObjectView<F> {
    type File = ObjectFile;

    async fn file(&self, request: &Parts) -> Result<ObjectFile> {
        let record = self.find.find(request).await?.ok_or(Error::NotFound)?;
        self.check(request, &record)?;
        let name = record.file().filter(|name| !name.is_empty());
        let name = stored_name(name.ok_or(Error::NotFound)?)?;
        let file = ObjectFile::of(Arc::clone(&self.storage), name, record.metadata());
        Ok(match self.basename_of(&record) {
            Some(basename) => file.basename(basename),
            None => file,
        })
    }

    view_options!();
}

impl<F: FindRecord + Clone> Clone for ObjectView<F> {
    fn clone(&self) -> Self {
        Self {
            storage: Arc::clone(&self.storage),
            find: self.find.clone(),
            authorize: self.authorize.clone(),
            basename: self.basename.clone(),
            options: self.options.clone(),
        }
    }
}

impl<F: FindRecord> fmt::Debug for ObjectView<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectView")
            .field("storage", &self.storage)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
