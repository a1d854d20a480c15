//! Rows of a table that is known by name only, as records of an `ObjectView`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use downloadview::Result;
use downloadview::content::Metadata;
use downloadview::view::{FileRecord, FindRecord};
use http::request::Parts;
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, Value};

use crate::failure;
use crate::kind::wanted;
use crate::parameter::Parameter;
use crate::plan::{Plan, QUERY_TIMEOUT, Template, limited};
use crate::role::Role;
use crate::row::{Described, Selected};
use crate::schema::{self, Column};

/// A table or view by name, with the names of its columns and what they are for.
///
/// ```
/// use downloadview::storage::LocalStorage;
/// use downloadview::view::ObjectView;
/// use downloadview_sea_orm::{Role, Table, TableError};
/// use sea_orm::DatabaseConnection;
///
/// # async fn view(db: DatabaseConnection, media: LocalStorage) -> Result<(), TableError> {
/// let documents = Table::new("document", "slug", "slug", "file")
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
    lookup: String,
    columns: Vec<(Role, String)>,
    parameter: Arc<dyn Parameter>,
    timeout: Duration,
}

impl Table {
    /// The table `name`, whose column `lookup` is compared with `parameter` (of the route, or a closure) and should be
    /// unique, and whose column `file` names the file in the storage.
    ///
    /// Names stand as they are stored; they are quoted wherever they are used. A text that is no value of the column, such
    /// as letters for a number, is 404, and so is one that several rows have. Which texts are equal is the database's
    /// business: to MySQL, by default, upper and lower case are, with blanks at the end or without.
    pub fn new(
        name: impl Into<String>,
        lookup: impl Into<String>,
        parameter: impl Parameter,
        file: impl Into<String>,
    ) -> Self {
        Self {
            schema: None,
            name: name.into(),
            lookup: lookup.into(),
            columns: vec![(Role::File, file.into())],
            parameter: Arc::new(parameter),
            timeout: QUERY_TIMEOUT,
        }
    }

    /// The schema that holds the table; for MySQL the database, for SQLite the attached one. Default: where the
    /// connection looks.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// A column and what it is for. The last one counts for each role.
    pub fn column(mut self, role: Role, name: impl Into<String>) -> Self {
        if role == Role::Lookup {
            self.lookup = name.into();
            return self;
        }
        self.columns.retain(|(known, _)| *known != role);
        self.columns.push((role, name.into()));
        self
    }

    /// How long the statement may take, the wait for a connection included; then 503. Default: 10 s.
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks the names and types against the schema, and that the rows may be read.
    ///
    /// # Errors
    ///
    /// What does not fit, or why the database could not be asked.
    pub async fn records(&self, db: DatabaseConnection) -> Result<TableRecords, TableError> {
        let asked = schema::columns(&db, self.schema.as_deref(), &self.name);
        let known = tokio::time::timeout(self.timeout, asked);
        let known = known.await.map_err(|_| TableError::TimedOut)??;
        if known.is_empty() {
            return Err(TableError::NoTable {
                table: self.name.clone(),
            });
        }
        let lookup = fitting(&db, &known, Role::Lookup, &self.lookup)?;
        let selected = self.columns.iter();
        let selected = selected.map(|(role, name)| fitting(&db, &known, *role, name));
        let columns = selected.collect::<Result<Vec<_>, _>>()?;
        let placeholder = lookup.kind.any_lookup();
        let statement = self.statement(&lookup.name, placeholder.clone(), &columns);
        let statement = limited(db.get_database_backend().build(&statement));
        let template = Template::new(statement, &placeholder);
        let template = template.ok_or_else(|| {
            DbErr::Custom("the statement does not begin with the value looked for".to_owned())
        })?;
        let plan = Plan {
            db,
            table: self.name.clone(),
            lookup: lookup.kind,
            columns,
            timeout: self.timeout,
        };
        // Rights are not part of a schema; whether the statement works shows when it runs.
        let tried = plan.db.query_all_raw(template.with(placeholder));
        let tried = tokio::time::timeout(self.timeout, tried);
        tried.await.map_err(|_| TableError::TimedOut)??;
        Ok(TableRecords {
            plan,
            parameter: Arc::clone(&self.parameter),
            template,
        })
    }

    fn statement(&self, lookup: &str, value: Value, columns: &[Selected]) -> SelectStatement {
        let mut statement = Query::select();
        statement
            .columns(columns.iter().map(|column| Alias::new(&column.name)))
            .and_where(Expr::col(Alias::new(lookup)).eq(value));
        let table = Alias::new(&self.name);
        match &self.schema {
            Some(schema) => statement.from((Alias::new(schema), table)),
            None => statement.from(table),
        };
        statement
    }
}

fn fitting(
    db: &DatabaseConnection,
    known: &[Column],
    role: Role,
    name: &str,
) -> Result<Selected, TableError> {
    let backend = db.get_database_backend();
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
    Ok(Selected {
        role,
        name: found.name.clone(),
        kind: found.kind.clone(),
    })
}

/// Why a [`Table`] cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no such table, or the user may not know of it.
    #[error("there is no table `{table}`")]
    NoTable {
        /// The name asked for.
        table: String,
    },
    /// The table has no such column.
    #[error("there is no column `{column}`")]
    NoColumn {
        /// What it was to be.
        role: Role,
        /// The name asked for.
        column: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// The column holds values that its role cannot take.
    #[error("column `{column}` holds `{found}`, and the {role} column is {wanted}")]
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
    /// Whether it may pass by itself: the database is not there, or not now.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::TimedOut => true,
            Self::Database(error) => failure::is_temporary(error),
            _ => false,
        }
    }
}

/// The error of a request that needed the table.
impl From<TableError> for downloadview::Error {
    fn from(error: TableError) -> Self {
        match error {
            TableError::TimedOut => failure::timed_out(),
            TableError::Database(error) => failure::error(error),
            unfit => Self::Misconfigured {
                what: unfit.to_string(),
            },
        }
    }
}

/// The rows of a checked [`Table`], found with one statement that selects the columns in use.
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

/// What a row of a [`Table`] says of its file.
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
