//! Downloads of the files of a table that is known by name, on SQLite.

mod common;

use std::sync::Arc;

use common::{BADLY_DESCRIBED, Counted, NOT_FOUND, ask, bytes, database, nginx, request};
use downloadview::Optimizer;
use downloadview::view::ObjectView;
use downloadview_sea_orm::{Role, Table, TableError};
use http::StatusCode;

fn described() -> Table {
    Table::new("document")
        .lookup("slug", "slug")
        .file("file")
        .column(Role::Basename, "basename")
        .column(Role::ContentType, "content_type")
        .column(Role::Size, "size")
        .column(Role::Modified, "modified")
}

#[tokio::test]
async fn a_row_that_says_everything_is_delegated_with_one_statement_and_one_look() {
    let ((db, log), storage) = (database().await, Counted::new());
    let records = described().records(db).await.expect("fitting");
    log.lock().unwrap().clear();
    let view = ObjectView::new(Arc::clone(&storage), records);
    let response = ask(view, nginx(), request("slug", "hello-world")).await;
    assert_eq!(response.headers()["x-accel-redirect"], "/x/docs/hello.txt");
    assert_eq!(response.headers()["content-type"], "text/x-own");
    assert_eq!(response.headers()["etag"], "\"5f5e1000-6\"");
    assert_eq!(storage.counts(), (1, 0));
    assert_eq!(
        *log.lock().unwrap(),
        [
            "SELECT \"document\".\"file\", \"document\".\"basename\", \"document\".\"content_type\", \
             \"document\".\"size\", \"document\".\"modified\" FROM \"document\" \
             WHERE \"document\".\"slug\" = ? LIMIT 2"
        ]
    );
}

#[tokio::test]
async fn what_decorates_a_file_badly_is_ignored_and_the_file_is_served() {
    let ((db, _), storage) = (database().await, Counted::new());
    let records = described().records(db).await.expect("fitting");
    let view = ObjectView::new(Arc::clone(&storage), records);
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
async fn rows_that_cannot_be_right_are_404() {
    let ((db, _), storage) = (database().await, Counted::new());
    let records = described().records(db).await.expect("fitting");
    let view = ObjectView::new(Arc::clone(&storage), records);
    for slug in NOT_FOUND {
        for optimizer in [Optimizer::none(), nginx()] {
            let response = ask(view.clone(), optimizer, request("slug", slug)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{slug}");
            assert_eq!(bytes(response).await, b"Not Found\n", "{slug}");
        }
    }
}

#[tokio::test]
async fn an_attached_schema_and_a_view_of_sql_count_as_tables() {
    let ((db, _), storage) = (database().await, Counted::new());
    sea_orm::ConnectionTrait::execute_unprepared(
        &db,
        "CREATE VIEW published AS SELECT id, slug, file FROM document WHERE published",
    )
    .await
    .unwrap();
    let table = Table::new("published").lookup("ID", "id").file("FILE");
    let table = table.schema("main");
    let records = table.records(db).await.expect("fitting");
    let view = ObjectView::new(Arc::clone(&storage), records);
    for (id, status) in [("1", 200), ("3", 404), ("x", 404)] {
        let response = ask(view.clone(), nginx(), request("id", id)).await;
        assert_eq!(response.status(), status, "{id}");
    }
}

#[tokio::test]
async fn what_the_schema_does_not_have_is_named() {
    let (db, _) = database().await;
    let refused = async |table: Table| table.records(db.clone()).await.unwrap_err().to_string();
    assert_eq!(
        refused(Table::new("document").file("file")).await,
        "no column is named for the lookup"
    );
    assert_eq!(
        refused(Table::new("document").lookup("slug", "slug")).await,
        "no column is named for the file"
    );
    let named = |name: &str| Table::new(name).lookup("slug", "slug").file("file");
    assert_eq!(
        refused(named("documents")).await,
        "there is no table `documents`"
    );
    assert_eq!(
        refused(named("document").schema("other")).await,
        "there is no table `document`"
    );
    assert_eq!(
        refused(named("document; DROP TABLE document")).await,
        "there is no table `document; DROP TABLE document`"
    );
    assert_eq!(
        refused(described().column(Role::File, "path")).await,
        "there is no column `path`"
    );
    assert_eq!(
        refused(described().column(Role::File, "picture")).await,
        "column `picture` holds `BLOB`, and the file column is a text"
    );
    assert_eq!(
        refused(described().column(Role::Size, "slug")).await,
        "column `slug` holds `VARCHAR(80)`, and the size column is an integer"
    );
    assert_eq!(
        refused(described().lookup("modified", "slug")).await,
        "column `modified` holds `DATETIME`, and the lookup column is a text, an integer or a UUID"
    );
}

#[tokio::test]
async fn the_columns_that_there_are_come_with_the_error() {
    let (db, _) = database().await;
    let error = described().column(Role::Etag, "tag").records(db).await;
    match error.unwrap_err() {
        TableError::NoColumn { role, known, .. } => {
            assert_eq!(role, Role::Etag);
            assert!(known.contains(&"etag".to_owned()), "{known:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_renamed_column_is_an_error_and_not_another_row() {
    let ((db, _), storage) = (database().await, Counted::new());
    let table = Table::new("document").lookup("slug", "slug").file("file");
    let records = table.records(db.clone()).await.expect("fitting");
    let view = ObjectView::new(Arc::clone(&storage), records);
    let rename =
        "DELETE FROM document WHERE id > 1; ALTER TABLE document RENAME COLUMN slug TO slog";
    sea_orm::ConnectionTrait::execute_unprepared(&db, rename)
        .await
        .unwrap();
    let response = ask(view, nginx(), request("slug", "slug")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_uuid_of_seaorm_is_found_by_its_text() {
    let ((db, _), storage) = (database().await, Counted::new());
    // What SeaORM makes of a UUID column on SQLite.
    let rows = "CREATE TABLE owned (id uuid_text PRIMARY KEY, file TEXT); \
        INSERT INTO owned VALUES (x'67e5504410b1426f9247bb680e5fe0c8', 'docs/hello.txt')";
    sea_orm::ConnectionTrait::execute_unprepared(&db, rows)
        .await
        .unwrap();
    let table = Table::new("owned").lookup("id", "id").file("file");
    let view = ObjectView::new(
        Arc::clone(&storage),
        table.records(db).await.expect("fitting"),
    );
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    for (id, status) in [(uuid, 200), (&uuid.to_uppercase(), 404), ("1", 404)] {
        let response = ask(view.clone(), nginx(), request("id", id)).await;
        assert_eq!(response.status(), status, "{id}");
    }
}
