//! Rows of a table that is known by name only, as records of an `ObjectView`.
//!
//! [`Table`] holds names; [`Table::records`] checks them:
//!
//! 1. The schema of the database is asked for the table's columns (`schema`).
//! 2. Each role must have a column of that name and of a fitting type.
//! 3. The statement is run once, for a value that finds nothing in particular: rights are not part
//!    of a schema.
//!
//! Then each request runs that statement with its value (`plan`). Names are quoted, and stand as
//! the schema has them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use downloadview::content::Metadata;
use downloadview::view::{FileRecord, FindRecord};
use downloadview::{BuildError, Result};
use http::request::Parts;
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DbErr};

use crate::failure;
use crate::kind::wanted;
use crate::parameter::Parameter;
use crate::plan::{Plan, QUERY_TIMEOUT, Template, limited};
use crate::role::Role;
use crate::row::{Described, Selected, selection};
use crate::schema::{self, Column};

/// A table or view of the database, by name, with the names of its columns and what they are for.
/// Use it if there is no SeaORM entity, for instance if the names come from a configuration.
///
/// ```
/// use downloadview::storage::LocalStorage;
/// use downloadview::view::ObjectView;
/// use downloadview_sea_orm::{Role, Table, TableError};
/// use sea_orm::DatabaseConnection;
///
/// # async fn view(db: DatabaseConnection, media: LocalStorage) -> Result<(), TableError> {
/// let documents = Table::new("document")
///     .lookup("slug", "slug") // the route's parameter
///     .file("file")
///     .column(Role::Basename, "title")
///     .column(Role::Size, "size")
///     .records(db)
///     .await?; // all of these exist, and have fitting types
/// let view = ObjectView::new(media, documents);
/// # let _ = view;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Table {
    schema: Option<String>,
    name: String,
    lookup: Option<(String, Arc<dyn Parameter>)>,
    columns: Vec<(Role, String)>,
    timeout: Duration,
}

impl Table {
    /// The table or view `name`. Names are written as they are stored, and are quoted wherever they
    /// are used.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
            lookup: None,
            columns: Vec::new(),
            timeout: QUERY_TIMEOUT,
        }
    }

    /// The column that finds the row, and what it is compared with: a parameter of the route, or a
    /// closure. Its values should be unique. Required.
    ///
    /// A text that is not a value of the column, such as letters for a number, is 404. So is one
    /// that several rows have. The database decides which texts are equal: for MySQL, by default,
    /// upper and lower case are equal, and so are texts with and without spaces at the end.
    pub fn lookup(mut self, column: impl Into<String>, parameter: impl Parameter) -> Self {
        self.lookup = Some((column.into(), Arc::new(parameter)));
        self
    }

    /// The column with the file's name in the storage. Required. A row where it is NULL or empty is
    /// 404.
    pub fn file(self, column: impl Into<String>) -> Self {
        self.column(Role::File, column)
    }

    /// The schema that holds the table; for MySQL the database, for SQLite the attached database.
    /// Default: where the connection looks.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// A column, and what it is for. If a role gets several columns, the last one counts.
    /// [`Role::Lookup`] is ignored here, because [`lookup`](Self::lookup) also needs a parameter.
    pub fn column(mut self, role: Role, name: impl Into<String>) -> Self {
        if role != Role::Lookup {
            self.columns.retain(|(known, _)| *known != role);
            self.columns.push((role, name.into()));
        }
        self
    }

    /// How long a statement may take, with the wait for a connection. Default: 10 s. Then 503.
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks names and types against the schema, and that the rows may be read.
    ///
    /// # Errors
    ///
    /// What does not fit, or why the database could not be asked. [`TableError::is_temporary`]
    /// tells whether to try again.
    pub async fn records(&self, db: DatabaseConnection) -> Result<TableRecords, TableError> {
        let (lookup, parameter) = self.lookup.as_ref().ok_or(Role::Lookup).map_err(unnamed)?;
        if !self.columns.iter().any(|(role, _)| *role == Role::File) {
            return Err(unnamed(Role::File));
        }
        let asked = schema::columns(&db, self.schema.as_deref(), &self.name);
        let known = self.in_time(asked).await?;
        if known.is_empty() {
            return Err(TableError::NoTable {
                table: self.name.clone(),
            });
        }
        let backend = db.get_database_backend();
        let (lookup, declared) = fitting(backend, &known, Role::Lookup, lookup)?;
        let selected = self.columns.iter();
        let selected = selected.map(|(role, name)| Ok(fitting(backend, &known, *role, name)?.0));
        let columns = selected.collect::<Result<Vec<_>, TableError>>()?;
        let cast = schema::lookup_cast(backend, declared);
        let template = self.template(backend, &lookup, cast, &columns)?;
        // Rights are not part of a schema; whether the statement works shows when it runs.
        let tried = db.query_all_raw(template.with(lookup.kind.any_lookup()));
        self.in_time(tried).await?;
        let plan = Plan {
            db,
            table: self.name.clone(),
            lookup: lookup.kind,
            columns,
            timeout: self.timeout,
            complaints: Arc::default(),
        };
        Ok(TableRecords {
            plan,
            parameter: Arc::clone(parameter),
            template,
        })
    }

    /// The answer of the database, if it comes in time.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, TableError> {
        let answer = tokio::time::timeout(self.timeout, answer).await;
        Ok(answer.map_err(|_| TableError::TimedOut)??)
    }

    /// The statement, with a place for the value.
    fn template(
        &self,
        backend: DatabaseBackend,
        lookup: &Selected,
        cast: Option<&'static str>,
        columns: &[Selected],
    ) -> Result<Template, DbErr> {
        let placeholder = lookup.kind.any_lookup();
        let value = Expr::val(placeholder.clone());
        let value = match cast {
            Some(name) => value.cast_as(name),
            None => value,
        };
        let statement = self.statement(backend, &lookup.name, value, columns);
        let statement = limited(backend.build(&statement));
        Template::new(statement, &placeholder).ok_or_else(|| {
            DbErr::Custom("the statement does not begin with the value looked for".to_owned())
        })
    }

    /// The statement. Every column is named together with its table: SQLite takes a quoted name
    /// that it does not know for a text, and would find the wrong rows after a column is renamed.
    fn statement(
        &self,
        backend: DatabaseBackend,
        lookup: &str,
        value: Expr,
        columns: &[Selected],
    ) -> SelectStatement {
        let of_table = |column: &str| Expr::col((Alias::new(&self.name), Alias::new(column)));
        let mut statement = Query::select();
        for column in columns {
            statement.expr(selection(column, of_table(&column.name), backend));
        }
        statement.and_where(of_table(lookup).eq(value));
        let table = Alias::new(&self.name);
        match &self.schema {
            Some(schema) => statement.from((Alias::new(schema), table)),
            None => statement.from(table),
        };
        statement
    }
}

fn unnamed(role: Role) -> TableError {
    TableError::Unnamed { role }
}

/// The column if its type fits, and that type in the database's words.
fn fitting<'a>(
    backend: DatabaseBackend,
    known: &'a [Column],
    role: Role,
    name: &str,
) -> Result<(Selected, &'a str), TableError> {
    let found = known
        .iter()
        .find(|column| schema::is_same_name(backend, &column.name, name));
    let Some(found) = found else {
        return Err(TableError::NoColumn {
            role,
            column: name.to_owned(),
            known: known.iter().map(|column| column.name.clone()).collect(),
        });
    };
    if !found.kind.fits(role, backend) {
        return Err(TableError::WrongType {
            role,
            column: name.to_owned(),
            found: found.declared.clone(),
            wanted: wanted(role),
        });
    }
    let selected = Selected {
        role,
        name: found.name.clone(),
        kind: found.kind.clone(),
    };
    Ok((selected, &found.declared))
}

/// Why a [`Table`] cannot be used. All but the last two are mistakes in names or types, which a
/// person must correct.
///
/// ```
/// use downloadview_sea_orm::TableError;
/// assert!(TableError::TimedOut.is_temporary());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The [`Table`] names no column for the lookup, or none for the file.
    #[error("no column is named for the {role}")]
    #[non_exhaustive]
    Unnamed {
        /// What has no column.
        role: Role,
    },
    /// There is no such table, or the user of the database may not know of it.
    #[error("there is no table `{table}`")]
    #[non_exhaustive]
    NoTable {
        /// The name asked for.
        table: String,
    },
    /// The table has no such column.
    #[error("there is no column `{column}`")]
    #[non_exhaustive]
    NoColumn {
        /// What it was to be.
        role: Role,
        /// The name asked for.
        column: String,
        /// The names of the columns that there are.
        known: Vec<String>,
    },
    /// The column holds values that its role cannot take.
    #[error("column `{column}` holds `{found}`, and the {role} column is {wanted}")]
    #[non_exhaustive]
    WrongType {
        /// What it was to be.
        role: Role,
        /// Its name.
        column: String,
        /// Its type, in the database's words.
        found: String,
        /// What the role takes.
        wanted: &'static str,
    },
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The database could not be asked, or refused.
    #[error("the database could not be asked")]
    Database(#[from] DbErr),
}

impl TableError {
    /// Whether it may pass by itself: the database does not answer, or refuses for now.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::TimedOut => true,
            Self::Database(error) => failure::is_temporary(error),
            _ => false,
        }
    }
}

/// The error of a request that needed the table: 503 or 500.
impl From<TableError> for downloadview::Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::TimedOut => failure::timed_out(),
            TableError::Database(error) => failure::error(error),
            unfit => BuildError::new(unfit.to_string()).into(),
        }
    }
}

/// The rows of a checked [`Table`], found with one statement that selects the columns in use. Give
/// it to [`ObjectView::new`](downloadview::view::ObjectView::new).
///
/// ```
/// use downloadview::storage::MemoryStorage;
/// use downloadview::view::ObjectView;
/// use downloadview_sea_orm::{Table, TableError, TableRecords};
/// use sea_orm::{ConnectionTrait as _, Database};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let db = Database::connect("sqlite::memory:").await?;
/// db.execute_unprepared("CREATE TABLE document (id INTEGER, file TEXT)").await?;
/// let table = Table::new("document").lookup("id", "id").file("file");
///
/// let documents: TableRecords = table.records(db.clone()).await?;
/// let view: ObjectView<TableRecords> = ObjectView::new(MemoryStorage::new(), documents);
/// # let _ = view;
///
/// // A name that the schema does not have is an error here, not one of a request.
/// let misspelt = table.file("flie").records(db).await;
/// assert!(matches!(misspelt, Err(TableError::NoColumn { .. })));
/// # Ok::<(), TableError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct TableRecords {
    plan: Plan,
    parameter: Arc<dyn Parameter>,
    template: Template,
}

impl FindRecord for TableRecords {
    type Record = TableRecord;

    async fn find(&self, request: &Parts) -> Result<Option<TableRecord>> {
        let text = self.parameter.value(request)?;
        let Some(value) = self.plan.value(&text) else {
            return Ok(None);
        };
        let found = self.plan.run(self.template.with(value)).await?;
        Ok(found.map(|(_, described)| TableRecord(described)))
    }
}

/// What a row of a [`Table`] tells about its file: its [`FileRecord`] methods, for a check of
/// permissions. Other columns of the row were not selected. Its `Debug` shows nothing of the row,
/// which may hold secrets.
///
/// ```
/// use downloadview::view::{FileRecord as _, ObjectView, Permission};
/// use downloadview_sea_orm::{TableRecord, TableRecords};
///
/// fn guarded(view: ObjectView<TableRecords>) -> ObjectView<TableRecords> {
///     view.authorize(|_, record: &TableRecord| match record.file() {
///         Some(file) if file.starts_with("drafts/") => Permission::Hide,
///         _ => Permission::Allow,
///     })
/// }
/// # let _ = guarded;
/// ```
pub struct TableRecord(Described);

impl FileRecord for TableRecord {
    fn file(&self) -> Option<&str> {
        self.0.file.as_deref()
    }

    fn basename(&self) -> Option<String> {
        self.0.basename.clone()
    }

    fn metadata(&self) -> Metadata {
        self.0.metadata.clone()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("schema", &self.schema)
            .field("name", &self.name)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TableRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableRecords")
            .field("table", &self.plan.table)
            .field("columns", &self.plan.columns)
            .finish_non_exhaustive()
    }
}

/// What the row says stays out: it may hold secrets.
impl fmt::Debug for TableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableRecord").finish_non_exhaustive()
    }
}
