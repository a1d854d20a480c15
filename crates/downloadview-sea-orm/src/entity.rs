//! Rows of a SeaORM entity as records of an `ObjectView`.
//!
//! [`EntityView`] collects what each column is for. [`EntityView::storage`] checks it: every role
//! has a column of a fitting type, and there is a lookup. The statement is made once, as a
//! `Template`, unless a filter depends on the request. For a request the value of the lookup is put
//! in, and `plan` runs the statement and reads the row.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use downloadview::content::Metadata;
use downloadview::storage::Storage;
use downloadview::view::{FileRecord, FindRecord, ObjectView};
use downloadview::{BuildError, Error, Result};
use http::request::Parts;
use sea_orm::sea_query::{Expr, IntoCondition};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, EntityTrait, IdenStatic as _, Iterable as _,
    PrimaryKeyToColumn as _, QueryFilter as _, QueryResult, QuerySelect as _, QueryTrait as _,
    Statement, TryGetable, Value,
};

use crate::kind::{Kind, wanted};
use crate::parameter::Parameter;
use crate::plan::{Plan, QUERY_TIMEOUT, Template, limited};
use crate::role::Role;
use crate::row::{Described, Selected, selection};

/// A filter that depends on the request.
type FilterBy = Arc<dyn Fn(&Parts) -> Result<Condition> + Send + Sync>;

/// Adds `ObjectView::entity::<document::Entity>(db)`: the beginning of a view over the rows of an
/// entity.
///
/// Import it without a name:
///
/// ```
/// # mod document {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "document")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub file: String,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use downloadview::view::ObjectView;
/// use downloadview_sea_orm::ObjectViewExt as _;
///
/// # fn begin(db: sea_orm::DatabaseConnection) {
/// let begun = ObjectView::entity::<document::Entity>(db).file(document::Column::File);
/// # let _ = begun; // and then `storage`
/// # }
/// ```
#[doc(alias = "ObjectDownloadView")]
pub trait ObjectViewExt: sealed::Sealed {
    /// Begins a view over the rows of an entity. Nothing is asked of the database before a request
    /// comes.
    fn entity<E: EntityTrait>(db: DatabaseConnection) -> EntityView<E> {
        EntityView::new(db)
    }
}

/// The only implementation, so that nobody has to write which `ObjectView` is meant.
impl ObjectViewExt for ObjectView<Undescribed> {}

/// Nobody else can implement the trait, so methods may be added to it.
mod sealed {
    pub trait Sealed {}

    impl Sealed for super::ObjectView<super::Undescribed> {}
}

/// The records of a view that does not know its entity yet. There are none: this type only makes
/// `ObjectView::entity` possible.
#[derive(Debug)]
pub enum Undescribed {}

impl FindRecord for Undescribed {
    type Record = EmptyRecord;

    async fn find(&self, _request: &Parts) -> Result<Option<EmptyRecord>> {
        match *self {}
    }
}

/// A record of [`Undescribed`].
#[derive(Debug)]
pub enum EmptyRecord {}

impl FileRecord for EmptyRecord {
    fn file(&self) -> Option<&str> {
        match *self {}
    }
}

/// A view over the rows of an entity, while it is described: which column finds a row, and what the
/// columns tell about the file.
///
/// Begun by [`ObjectViewExt::entity`] and ended by [`storage`](Self::storage).
///
/// ```
/// # mod document {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "document")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub file: String,
/// #         pub title: Option<String>,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use downloadview::storage::MemoryStorage;
/// use downloadview::view::ObjectView;
/// use downloadview_sea_orm::ObjectViewExt as _;
///
/// # fn view(db: sea_orm::DatabaseConnection) -> downloadview::Result<()> {
/// // Rows by primary key, from the route's parameter `id`.
/// let documents = ObjectView::entity::<document::Entity>(db)
///     .file(document::Column::File)
///     .basename(document::Column::Title)
///     .storage(MemoryStorage::new())?;
/// # let _ = documents;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct EntityView<E: EntityTrait> {
    db: DatabaseConnection,
    lookup: Option<(E::Column, Arc<dyn Parameter>)>,
    roles: Vec<(Role, E::Column)>,
    further: Vec<E::Column>,
    filter: Condition,
    filter_by: Option<FilterBy>,
    timeout: Duration,
}

impl<E: EntityTrait> EntityView<E> {
    pub(crate) fn new(db: DatabaseConnection) -> Self {
        Self {
            db,
            lookup: None,
            roles: Vec::new(),
            further: Vec::new(),
            filter: Condition::all(),
            filter_by: None,
            timeout: QUERY_TIMEOUT,
        }
    }

    /// The column that finds the row, and what it is compared with: a parameter of the route, or a
    /// closure. Its values should be unique. Default: the primary key, and the parameter of its
    /// name.
    ///
    /// A text that is not a value of the column, such as letters for a number, is 404. So is one
    /// that several rows have. The database decides which texts are equal: for MySQL, by default,
    /// upper and lower case are equal, and so are texts with and without spaces at the end.
    #[doc(alias = "slug_field")]
    #[doc(alias = "slug_url_kwarg")]
    #[doc(alias = "pk_url_kwarg")]
    pub fn lookup(mut self, column: E::Column, parameter: impl Parameter) -> Self {
        self.lookup = Some((column, Arc::new(parameter)));
        self
    }

    /// The column with the file's name in the storage. Required. A row where it is NULL or empty is
    /// 404.
    #[doc(alias = "file_field")]
    pub fn file(self, column: E::Column) -> Self {
        self.role(Role::File, column)
    }

    /// The column with the name that the client sees. Default, also for rows where it is NULL or
    /// empty: the last part of the file's name.
    #[doc(alias = "basename_field")]
    pub fn basename(self, column: E::Column) -> Self {
        self.role(Role::Basename, column)
    }

    /// The column with the media type. Default, also for rows where it is NULL: by name.
    #[doc(alias = "mime_type_field")]
    pub fn content_type(self, column: E::Column) -> Self {
        self.role(Role::ContentType, column)
    }

    /// The column with the coding that the stored bytes already have, such as `gzip`. Default:
    /// none.
    #[doc(alias = "encoding_field")]
    pub fn content_encoding(self, column: E::Column) -> Self {
        self.role(Role::ContentEncoding, column)
    }

    /// The column with the size in bytes. The length of the answer is that of the storage's file,
    /// whatever the row states.
    #[doc(alias = "size_field")]
    pub fn size(self, column: E::Column) -> Self {
        self.role(Role::Size, column)
    }

    /// The column with the time of the last change: a date with time (UTC if it has no zone), or an
    /// integer of seconds since 1970. It should be the file's own date, because conditions and
    /// resumed downloads are judged by it. Default: the date of the storage's file.
    #[doc(alias = "modification_time_field")]
    pub fn modified(self, column: E::Column) -> Self {
        self.role(Role::Modified, column)
    }

    /// The column with the entity tag, with or without its quotes. Default: the tag of the
    /// storage's file.
    pub fn etag(self, column: E::Column) -> Self {
        self.role(Role::Etag, column)
    }

    /// A further column to select, for [`EntityRecord::get`] in a check of permissions.
    pub fn column(mut self, column: E::Column) -> Self {
        self.further.push(column);
        self
    }

    /// Leaves out rows, for instance those that are not published. What is left out is 404. If
    /// there are several filters, all must hold.
    #[doc(alias = "queryset")]
    pub fn filter(mut self, condition: impl IntoCondition) -> Self {
        self.filter = self.filter.add(condition.into_condition());
        self
    }

    /// Leaves out rows depending on the request, for instance those of other users. A second call
    /// replaces the first. An error of the closure is the answer.
    #[doc(alias = "get_queryset")]
    pub fn filter_by(
        mut self,
        condition: impl Fn(&Parts) -> Result<Condition> + Send + Sync + 'static,
    ) -> Self {
        self.filter_by = Some(Arc::new(condition));
        self
    }

    /// How long the statement may take, with the wait for a connection. Default: 10 s. Then 503.
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The storage whose files the rows name. This ends the description.
    ///
    /// # Errors
    ///
    /// If no column [names the file](Self::file), if there is no [`lookup`](Self::lookup) although
    /// the primary key has several columns, and if a column has a type that its role cannot take.
    pub fn storage(
        self,
        storage: impl Storage,
    ) -> Result<ObjectView<EntityRecords<E>>, BuildError> {
        Ok(ObjectView::new(storage, self.records()?))
    }

    fn role(mut self, role: Role, column: E::Column) -> Self {
        self.roles.retain(|(known, _)| *known != role);
        self.roles.push((role, column));
        self
    }

    fn records(self) -> Result<EntityRecords<E>, BuildError> {
        let (column, parameter) = match self.lookup {
            Some(lookup) => lookup,
            None => primary_key::<E>()?,
        };
        let lookup = fitting::<E>(&self.db, Role::Lookup, column)?.kind;
        if !self.roles.iter().any(|(role, _)| *role == Role::File) {
            return Err(misconfigured::<E>(
                "no column names the file: call `.file(Column::...)`",
            ));
        }
        let selected = self.roles.iter();
        let selected = selected.map(|(role, column)| fitting::<E>(&self.db, *role, *column));
        let plan = Plan {
            lookup,
            columns: selected.collect::<Result<_, BuildError>>()?,
            table: E::default().table_name().to_owned(),
            timeout: self.timeout,
            db: self.db,
            complaints: Arc::default(),
        };
        let columns: Vec<_> = self.roles.iter().map(|(_, column)| *column).collect();
        let mut records = EntityRecords {
            plan,
            column,
            parameter,
            columns,
            further: self.further,
            filter: self.filter,
            filter_by: self.filter_by,
            template: None,
        };
        if records.filter_by.is_none() {
            let placeholder = records.plan.lookup.any_lookup();
            let statement = records.statement(placeholder.clone(), Condition::all());
            records.template = Template::new(statement, &placeholder);
        }
        Ok(records)
    }
}

/// The primary key and the parameter of its name.
fn primary_key<E: EntityTrait>() -> Result<(E::Column, Arc<dyn Parameter>), BuildError> {
    let mut keys = E::PrimaryKey::iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(misconfigured::<E>(
            "the primary key has several columns: call `.lookup(Column::..., \"parameter\")`",
        ));
    };
    let column = key.into_column();
    let name = column.as_str().to_owned();
    Ok((column, Arc::new(name)))
}

/// A column, if its type fits its role.
fn fitting<E: EntityTrait>(
    db: &DatabaseConnection,
    role: Role,
    column: E::Column,
) -> Result<Selected, BuildError> {
    let name = column.as_str().to_owned();
    let kind = Kind::of(column.def().get_column_type(), db.get_database_backend());
    if kind.fits(role, db.get_database_backend()) {
        return Ok(Selected { role, name, kind });
    }
    let wanted = wanted(role);
    Err(misconfigured::<E>(&format!(
        "column `{name}` cannot be the {role} column, which is {wanted}"
    )))
}

fn misconfigured<E: EntityTrait>(what: &str) -> BuildError {
    let table = E::default().table_name().to_owned();
    BuildError::new(format!("object view over `{table}`: {what}"))
}

/// The rows of an entity, found with one statement that selects the columns in use.
/// [`EntityView::storage`] makes it. Its name is needed where a view is kept:
///
/// ```
/// # mod document {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "document")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub file: String,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use downloadview::storage::MemoryStorage;
/// use downloadview::{BuildError, view::ObjectView};
/// use downloadview_sea_orm::{EntityRecords, ObjectViewExt as _};
/// use sea_orm::DatabaseConnection;
///
/// struct Views {
///     documents: ObjectView<EntityRecords<document::Entity>>,
/// }
///
/// fn views(db: DatabaseConnection) -> Result<Views, BuildError> {
///     let documents = ObjectView::entity::<document::Entity>(db)
///         .file(document::Column::File)
///         .storage(MemoryStorage::new())?;
///     Ok(Views { documents })
/// }
/// ```
pub struct EntityRecords<E: EntityTrait> {
    plan: Plan,
    column: E::Column,
    parameter: Arc<dyn Parameter>,
    /// Those of the plan, in its order.
    columns: Vec<E::Column>,
    further: Vec<E::Column>,
    filter: Condition,
    filter_by: Option<FilterBy>,
    /// Unless the statement depends on the request.
    template: Option<Template>,
}

impl<E: EntityTrait> EntityRecords<E> {
    /// The statement. The lookup comes first, so that its value is the first one.
    fn statement(&self, value: Value, further: Condition) -> Statement {
        let backend = self.plan.db.get_database_backend();
        let mut select = E::find().select_only();
        for (described, column) in self.plan.columns.iter().zip(&self.columns) {
            let expression = column.select_as(Expr::col((E::default(), *column)));
            let selected = selection(described, expression, backend);
            select = select.expr_as(selected, column.as_str());
        }
        let select = select
            .columns(self.further.iter().copied())
            .filter(self.column.eq(value))
            .filter(self.filter.clone())
            .filter(further);
        limited(select.build(backend))
    }
}

impl<E: EntityTrait> FindRecord for EntityRecords<E> {
    type Record = EntityRecord<E>;

    async fn find(&self, request: &Parts) -> Result<Option<EntityRecord<E>>> {
        let text = self.parameter.value(request)?;
        let Some(value) = self.plan.value(&text) else {
            return Ok(None);
        };
        let statement = match (&self.template, &self.filter_by) {
            (Some(template), _) => template.with(value),
            (None, Some(filter_by)) => self.statement(value, filter_by(request)?),
            (None, None) => self.statement(value, Condition::all()),
        };
        let found = self.plan.run(statement).await?;
        Ok(found.map(|(row, described)| EntityRecord {
            row,
            described,
            entity: PhantomData,
        }))
    }
}

/// The selected columns of a row: what a check of permissions sees. Its `Debug` shows nothing of
/// the row, which may hold secrets.
///
/// ```
/// # mod document {
/// #     use sea_orm::entity::prelude::*;
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
/// #     #[sea_orm(table_name = "document")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)]
/// #         pub id: i32,
/// #         pub file: String,
/// #         pub public: bool,
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use downloadview::view::Permission;
/// use downloadview_sea_orm::EntityRecord;
/// use http::request::Parts;
///
/// /// For `ObjectView::authorize`, after `.column(document::Column::Public)`.
/// fn check(_: &Parts, record: &EntityRecord<document::Entity>) -> Permission {
///     match record.get::<bool>(document::Column::Public) {
///         Ok(true) => Permission::Allow,
///         _ => Permission::Hide,
///     }
/// }
/// # let _ = check;
/// ```
pub struct EntityRecord<E> {
    row: QueryResult,
    described: Described,
    entity: PhantomData<fn() -> E>,
}

impl<E: EntityTrait> EntityRecord<E> {
    /// The value of a selected column, for a check of permissions: see [`EntityView::column`].
    ///
    /// # Errors
    ///
    /// [`Error::Other`] if the column was not selected, or is of another type. A column that may be
    /// NULL needs an `Option`.
    pub fn get<T: TryGetable>(&self, column: E::Column) -> Result<T> {
        self.row.try_get("", column.as_str()).map_err(Error::other)
    }
}

impl<E: EntityTrait> FileRecord for EntityRecord<E> {
    fn file(&self) -> Option<&str> {
        self.described.file.as_deref()
    }

    fn basename(&self) -> Option<String> {
        self.described.basename.clone()
    }

    fn metadata(&self) -> Metadata {
        self.described.metadata.clone()
    }
}

impl<E: EntityTrait> Clone for EntityRecords<E> {
    fn clone(&self) -> Self {
        Self {
            plan: self.plan.clone(),
            column: self.column,
            parameter: Arc::clone(&self.parameter),
            columns: self.columns.clone(),
            further: self.further.clone(),
            filter: self.filter.clone(),
            filter_by: self.filter_by.clone(),
            template: self.template.clone(),
        }
    }
}

impl<E: EntityTrait> fmt::Debug for EntityView<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityView")
            .field("entity", &E::default())
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl<E: EntityTrait> fmt::Debug for EntityRecords<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityRecords")
            .field("entity", &E::default())
            .field("lookup", &self.column)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// What the row says stays out: it may hold secrets.
impl<E: EntityTrait> fmt::Debug for EntityRecord<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityRecord")
            .field("entity", &E::default())
            .finish_non_exhaustive()
    }
}
