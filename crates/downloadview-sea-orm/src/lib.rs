//! [`downloadview`] for SeaORM: downloads of files that rows of a database name.
//!
//! ```
//! # mod document {
//! #     use sea_orm::entity::prelude::*;
//! #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
//! #     #[sea_orm(table_name = "document")]
//! #     pub struct Model {
//! #         #[sea_orm(primary_key)]
//! #         pub id: i32,
//! #         #[sea_orm(unique)]
//! #         pub slug: String,
//! #         pub file: String,
//! #         pub basename: Option<String>,
//! #         pub size: i64,
//! #         pub changed: DateTimeUtc,
//! #         pub published: bool,
//! #         pub owner: String,
//! #     }
//! #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//! #     pub enum Relation {}
//! #     impl ActiveModelBehavior for ActiveModel {}
//! # }
//! use downloadview::storage::LocalStorage;
//! use downloadview::view::{ObjectView, Permission};
//! use downloadview_sea_orm::{EntityRecord, ObjectViewExt as _};
//! use sea_orm::{ColumnTrait as _, DatabaseConnection};
//!
//! # fn routes(db: DatabaseConnection, media: LocalStorage) -> downloadview::Result<()> {
//! let documents = ObjectView::entity::<document::Entity>(db)
//!     .lookup(document::Column::Slug, "slug") // the route's parameter; default: the primary key
//!     .file(document::Column::File)
//!     .basename(document::Column::Basename)
//!     .size(document::Column::Size)
//!     .modified(document::Column::Changed) // what HEAD, caches and resumed downloads go by
//!     .filter(document::Column::Published.eq(true))
//!     .column(document::Column::Owner)
//!     .storage(media)?
//!     .authorize(|request, record: &EntityRecord<document::Entity>| {
//!         let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
//!         match record.get::<String>(document::Column::Owner) {
//!             Ok(owner) if user == Some(&owner) => Permission::Allow,
//!             _ => Permission::Hide,
//!         }
//!     });
//! // Router::new().route_service("/documents/{slug}", downloadview_axum::view(documents))
//! # let _ = documents;
//! # Ok(())
//! # }
//! ```
//!
//! Each request is one statement. It selects the columns in use and binds the value that is looked
//! for.
//!
//! What a row states of type, tag and date counts more than what the storage knows. Whether the
//! file exists, and how long it is, the storage says.
//!
//! | case | answer | log |
//! |---|---|---|
//! | no row, several rows, or a text that the column cannot hold | 404 | several rows: a warning |
//! | a file name that is not valid (it climbs out of the storage) | 404 | a warning |
//! | a type, date, size or tag that is not valid | the value is ignored | a warning, once a minute for each column |
//! | a database that does not answer | 503 with `Retry-After` | an error |
//!
//! [`Table`] does the same for tables that are known by name only, and checks the names against the
//! schema.
//!
//! Drivers are SeaORM's own: enable `sqlx-sqlite`, `sqlx-postgres` or `sqlx-mysql` there.

mod entity;
mod failure;
mod kind;
mod parameter;
mod plan;
mod role;
mod row;
mod schema;
mod table;

pub use self::entity::{EntityRecord, EntityRecords, EntityView, ObjectViewExt};
pub use self::failure::is_stale;
pub use self::parameter::Parameter;
pub use self::role::Role;
pub use self::table::{Table, TableError, TableRecord, TableRecords};
