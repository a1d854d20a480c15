//! Documents as rows of a database, for the object views to look up: the entity, and the one row that there is.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use sea_orm::{
    ActiveModelTrait as _, ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection,
    Schema, Set,
};

use super::files::Files;

#[allow(unreachable_pub, reason = "SeaORM's macros make everything public")]
pub(super) mod document {
    //! The entity.

    use sea_orm::entity::prelude::*;

    /// A document: one file that the row describes, and one that it only names.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "document")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        /// What it is called in URLs.
        #[sea_orm(unique)]
        pub slug: String,
        /// Where the file lies in the storage.
        pub file: String,
        /// What clients are to call it; by itself it is called as it lies there.
        pub basename: String,
        pub content_type: String,
        /// In bytes; the storage knows better.
        pub size: i64,
        pub modified: DateTimeUtc,
        /// Where the other file lies. Its size and date are looked up there.
        pub another_file: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Makes a database with the document `hello-world` among the files that it names.
pub(super) async fn create(files: &Files) -> anyhow::Result<DatabaseConnection> {
    let path = files.path("documents.sqlite");
    let why = format!("cannot make the database {}", path.display());
    let create = async {
        let db = Database::connect(new_file(path)).await?;
        let schema = Schema::new(db.get_database_backend());
        db.execute(&schema.create_table_from_entity(document::Entity))
            .await?;
        hello_world(files)?.insert(&db).await?;
        anyhow::Ok(db)
    };
    create.await.context(why)
}

/// Any path will do: as part of a URL, one with a `?` would be two.
fn new_file(path: PathBuf) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:");
    options
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| options.filename(&path).create_if_missing(true));
    options
}

/// What is stated of a file has to be true: validators are made of it.
fn hello_world(files: &Files) -> anyhow::Result<document::ActiveModel> {
    const FILE: &str = "object/file.txt";

    let file = fs::metadata(files.path("media").join(FILE))?;
    Ok(document::ActiveModel {
        slug: Set("hello-world".to_owned()),
        file: Set(FILE.to_owned()),
        basename: Set("hello-world.txt".to_owned()),
        content_type: Set("text/plain; charset=utf-8".to_owned()),
        size: Set(file.len().try_into()?),
        modified: Set(file.modified()?.into()),
        another_file: Set("object-other/another_file.txt".to_owned()),
        ..Default::default()
    })
}
