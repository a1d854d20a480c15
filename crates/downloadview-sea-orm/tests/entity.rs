//! Downloads of the files of a SeaORM entity, on SQLite.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use common::{
    BADLY_DESCRIBED, Counted, Log, NOT_FOUND, ask, bytes, database, document, nginx, request,
};
use document::Column;
use downloadview::view::{ObjectView, Permission};
use downloadview::{DownloadView as _, Error, Optimizer};
use downloadview_sea_orm::{EntityRecord, EntityRecords, EntityView, ObjectViewExt as _};
use http::StatusCode;
use http::request::Parts;
use sea_orm::{ColumnTrait as _, Condition, ConnectionTrait as _, DatabaseConnection};

fn described(db: DatabaseConnection) -> EntityView<document::Entity> {
    ObjectView::entity::<document::Entity>(db)
        .lookup(Column::Slug, "slug")
        .file(Column::File)
        .basename(Column::Basename)
        .content_type(Column::ContentType)
        .content_encoding(Column::ContentEncoding)
        .size(Column::Size)
        .modified(Column::Modified)
        .etag(Column::Etag)
}

type View = ObjectView<EntityRecords<document::Entity>>;

fn built(view: EntityView<document::Entity>, storage: &Arc<Counted>) -> View {
    view.storage(Arc::clone(storage)).expect("fitting columns")
}

fn statements(log: &Log) -> Vec<String> {
    log.lock().expect("unpoisoned").clone()
}

#[tokio::test]
async fn a_row_that_says_everything_is_delegated_with_one_statement_and_one_look() {
    let ((db, log), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    let response = ask(view, nginx(), request("slug", "hello-world")).await;
    let headers = response.headers();
    assert_eq!(headers["x-accel-redirect"], "/x/docs/hello.txt");
    assert_eq!(headers["content-type"], "text/x-own");
    assert_eq!(headers["etag"], "\"5f5e1000-6\"");
    let name = "attachment; filename=\"Grusse.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt";
    assert_eq!(headers["content-disposition"], name);
    assert_eq!(storage.counts(), (1, 0));
    let names = [
        "file",
        "basename",
        "content_type",
        "content_encoding",
        "size",
        "modified",
        "etag",
    ];
    let columns = names.map(|name| format!("\"document\".\"{name}\" AS \"{name}\""));
    let columns = columns.join(", ");
    assert_eq!(
        statements(&log),
        [format!(
            "SELECT {columns} FROM \"document\" WHERE \"document\".\"slug\" = ? LIMIT 2"
        )]
    );
}

#[tokio::test]
async fn streamed_it_says_the_same() {
    let ((db, log), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    let response = ask(view, Optimizer::none(), request("slug", "hello-world")).await;
    assert_eq!(response.headers()["content-type"], "text/x-own");
    assert_eq!(
        response.headers()["last-modified"],
        "Sun, 13 Sep 2020 12:26:40 GMT"
    );
    assert_eq!(bytes(response).await, b"Hello\n");
    assert_eq!(storage.counts(), (0, 1));
    assert_eq!(statements(&log).len(), 1);
}

#[tokio::test]
async fn what_a_row_leaves_open_comes_from_the_file() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    let response = ask(view, Optimizer::none(), request("slug", "plain")).await;
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"hello.txt\""
    );
    assert_eq!(headers["content-length"], "6");
}

#[tokio::test]
async fn a_row_may_state_tag_and_coding() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    let response = ask(view, Optimizer::none(), request("slug", "tagged")).await;
    assert_eq!(response.headers()["etag"], "\"v1\"");
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn what_decorates_a_file_badly_is_ignored_and_the_file_is_served() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    for slug in BADLY_DESCRIBED {
        let response = ask(view.clone(), Optimizer::none(), request("slug", slug)).await;
        assert_eq!(response.status(), StatusCode::OK, "{slug}");
        let headers = response.headers();
        assert_eq!(
            headers["content-type"], "text/plain; charset=utf-8",
            "{slug}"
        );
        assert_eq!(headers["content-length"], "6", "{slug}");
        assert!(!headers.contains_key("x-evil"), "{slug}");
        assert_eq!(bytes(response).await, b"Hello\n", "{slug}");
    }
}

#[tokio::test]
async fn rows_that_cannot_be_right_are_404_streamed_and_delegated() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    for slug in NOT_FOUND {
        for optimizer in [Optimizer::none(), nginx()] {
            let response = ask(view.clone(), optimizer, request("slug", slug)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{slug}");
            assert_eq!(bytes(response).await, b"Not Found\n", "{slug}");
        }
    }
}

#[tokio::test]
async fn a_stored_client_name_cannot_forge_a_header_or_leave_its_folder() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    let response = ask(view, nginx(), request("slug", "strange-name")).await;
    let name = response.headers()["content-disposition"].to_str().unwrap();
    assert!(!name.contains(['/', '\r', '\n']), "{name}");
    assert!(name.starts_with("attachment; filename=\""), "{name}");
}

#[tokio::test]
async fn the_primary_key_is_the_default_lookup_and_takes_numbers_only() {
    let ((db, log), storage) = (database().await, Counted::new());
    let view = ObjectView::entity::<document::Entity>(db).file(Column::File);
    let view = built(view, &storage);
    let response = ask(view.clone(), nginx(), request("id", "1")).await;
    assert_eq!(response.headers()["x-accel-redirect"], "/x/docs/hello.txt");
    let ran = statements(&log).len();
    for id in ["one", "1 OR 1=1", "01", "+1", "99999999999999999999", "1.0"] {
        let response = ask(view.clone(), nginx(), request("id", id)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{id}");
    }
    assert_eq!(
        statements(&log).len(),
        ran,
        "no statement for what is not a number"
    );
    let huge = i64::MAX.to_string();
    let response = ask(view, nginx(), request("id", &huge)).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_model_may_have_several_files() {
    let ((db, _), storage) = (database().await, Counted::new());
    for (column, content) in [(Column::File, "Hello\n"), (Column::OtherFile, "Other\n")] {
        let view = built(described(db.clone()).file(column), &storage);
        let response = ask(view, Optimizer::none(), request("slug", "hello-world")).await;
        assert_eq!(bytes(response).await, content.as_bytes());
    }
}

#[tokio::test]
async fn filters_leave_rows_out() {
    let ((db, _), storage) = (database().await, Counted::new());
    let published = described(db.clone()).filter(Column::Published.eq(true));
    let published = built(published, &storage);
    let by_owner = described(db).filter_by(|request: &Parts| {
        let owner = request.headers.get("x-user");
        let owner = owner.and_then(|owner| owner.to_str().ok());
        let owner = owner.ok_or(Error::Forbidden)?;
        Ok(Condition::all().add(Column::Owner.eq(owner)))
    });
    let by_owner = built(by_owner, &storage);
    let status = async |view: &View, slug, user: Option<&'static str>| {
        let mut request = request("slug", slug);
        if let Some(user) = user {
            request
                .headers_mut()
                .insert("x-user", user.parse().unwrap());
        }
        ask(view.clone(), nginx(), request).await.status()
    };
    assert_eq!(status(&published, "plain", None).await, 200);
    assert_eq!(status(&published, "draft", None).await, 404);
    assert_eq!(status(&by_owner, "hello-world", Some("ada")).await, 200);
    assert_eq!(status(&by_owner, "hello-world", Some("bob")).await, 404);
    assert_eq!(status(&by_owner, "plain", Some("ada")).await, 404);
    assert_eq!(status(&by_owner, "hello-world", None).await, 403);
}

#[tokio::test]
async fn a_permission_check_reads_further_columns() {
    let ((db, log), storage) = (database().await, Counted::new());
    let view = described(db).column(Column::Owner);
    let view =
        built(view, &storage).authorize(|request, record: &EntityRecord<document::Entity>| {
            let user = request
                .headers
                .get("x-user")
                .map(|user| user.to_str().unwrap_or(""));
            match record.get::<Option<String>>(Column::Owner) {
                Ok(owner) if user.is_some() && owner.as_deref() == user => Permission::Allow,
                _ => Permission::Forbid,
            }
        });
    let mut ada = request("slug", "hello-world");
    ada.headers_mut().insert("x-user", "ada".parse().unwrap());
    assert_eq!(ask(view.clone(), nginx(), ada).await.status(), 200);
    let nobody = request("slug", "hello-world");
    assert_eq!(ask(view, nginx(), nobody).await.status(), 403);
    assert_eq!(statements(&log).len(), 2);
    assert_eq!(storage.counts(), (1, 0));
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_the_first_request() {
    let ((db, _), storage) = (database().await, Counted::new());
    let refused = |view: EntityView<document::Entity>| match view.storage(Arc::clone(&storage)) {
        Err(error) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let entity = || ObjectView::entity::<document::Entity>(db.clone());
    assert_eq!(
        refused(entity()),
        "object view over `document`: no column names the file: call `.file(Column::...)`"
    );
    assert_eq!(
        refused(entity().file(Column::Published)),
        "object view over `document`: column `published` cannot be the file column, which is a text"
    );
    assert_eq!(
        refused(entity().file(Column::File).size(Column::Slug)),
        "object view over `document`: column `slug` cannot be the size column, which is an integer"
    );
    assert_eq!(
        refused(
            entity()
                .file(Column::File)
                .lookup(Column::Published, "slug")
        ),
        "object view over `document`: column `published` cannot be the lookup column, which is a text, an integer or a UUID"
    );
}

#[tokio::test]
async fn a_route_without_the_parameter_is_the_servers_mistake() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db), &storage);
    let response = ask(view, nginx(), request("name", "hello-world")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(bytes(response).await, b"Internal Server Error\n");
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_503_with_retry_after() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = described(db.clone()).query_timeout(Duration::from_millis(50));
    let view = built(view, &storage);
    // The pool's only connection is taken.
    let held = sea_orm::TransactionTrait::begin(&db).await.expect("begun");
    let response = ask(view.clone(), nginx(), request("slug", "plain")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "5");
    // By the time-out of the view; that of the pool is longer, and another error.
    let (parts, ()) = request("slug", "plain").into_parts();
    match view.file(&parts).await {
        Err(Error::Unavailable { source, .. }) => assert_eq!(source.kind(), ErrorKind::TimedOut),
        other => panic!("{other:?}"),
    }
    held.rollback().await.expect("ended");
    // Without that time-out: what a busy machine takes for it is not what is asked here.
    let view = built(described(db), &storage);
    let response = ask(view, nginx(), request("slug", "plain")).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_table_that_vanished_is_500_and_says_nothing() {
    let ((db, _), storage) = (database().await, Counted::new());
    let view = built(described(db.clone()), &storage);
    db.execute_unprepared("DROP TABLE document").await.unwrap();
    let response = ask(view, nginx(), request("slug", "plain")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(bytes(response).await, b"Internal Server Error\n");
}
