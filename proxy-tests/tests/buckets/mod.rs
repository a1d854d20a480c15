//! What every bucket must do as a storage, whichever server has it: the cases, and the application before it.

pub(crate) mod conditions;
pub(crate) mod keys;
pub(crate) mod reading;

use std::sync::Arc;

use axum::Router;
use downloadview::storage::{Storage, StorageName};
use downloadview::view::StorageView;
use downloadview_axum::view;
use proxy_tests::{Application, Request, Response, Site};

/// A server with one bucket.
pub(crate) trait Cloud {
    fn start() -> Self;
    fn put(&self, key: &str, body: &[u8]);
    fn bucket(&self, prefix: &str) -> Arc<dyn Storage>;
    /// All requests for objects so far.
    fn asked(&self) -> String;
    /// How many requests the end of a file takes.
    const SUFFIX: usize = 1;
    /// Whether the server closes its connection after a 416, and does not say so.
    const CLOSES_AFTER_416: bool = false;
    /// Keys that the server takes for others.
    const MISTAKEN: &[&str] = &[];

    /// Whether the server has no valid answer to a request for a range of a file of this size.
    fn fails_at(range: &str, size: usize) -> bool;
}

/// All tests of one kind of bucket.
macro_rules! all {
    ($cloud:ty) => {
        crate::buckets::cases!(
            $cloud:
            reading: a_bucket_is_a_storage,
            reading: every_range_comes_as_from_memory,
            reading: several_ranges_come_as_one_multipart,
            reading: head_says_what_get_says,
            conditions: an_unchanged_object_is_304_with_one_request,
            conditions: an_object_in_another_state_is_412,
            conditions: a_part_of_the_same_state_takes_one_request,
            conditions: a_part_of_a_state_that_is_gone_becomes_the_whole_new_file_with_two_requests,
            keys: an_odd_key_is_found_as_it_is,
            keys: a_name_that_is_not_a_key_is_not_found_or_refused_and_leaves_the_bucket_in_peace,
            keys: a_prefix_is_part_of_each_key,
            keys: an_object_that_is_not_there_is_404_without_a_word_of_the_stores,
        );
    };
}

macro_rules! cases {
    ($cloud:ty: $($room:ident: $case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                crate::buckets::$room::$case(&<$cloud as crate::buckets::Cloud>::start());
            }
        )*
    };
}

#[allow(unused_imports)] // Each test takes what it needs.
pub(crate) use self::keys::ODD;
pub(crate) use {all, cases};

/// The files of a storage under the paths that are their names.
pub(crate) struct Served {
    _app: Application,
    site: Site,
}

impl Served {
    pub(crate) fn new(storage: impl Storage) -> Self {
        let site = Site::new("");
        let router = Router::new().fallback_service(view(StorageView::new(storage)));
        Self {
            _app: Application::start(site.app(), async { router }),
            site,
        }
    }

    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Response {
        let answer = request.send(self.site.app());
        answer.unwrap_or_else(|error| panic!("{request:?}: {error:#}"))
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.send(&Request::get(target))
    }

    /// The answer, and how many requests it took.
    #[track_caller]
    fn count(&self, cloud: &impl Cloud, request: &Request) -> (Response, usize) {
        let requests = || cloud.asked().matches(" HTTP/1.1\r\n").count();
        let before = requests();
        let answer = self.send(request);
        (answer, requests() - before)
    }
}

/// Runs what the library does on its own.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(work)
}

pub(crate) fn name(text: &str) -> StorageName {
    StorageName::parse(text).expect("a name")
}
