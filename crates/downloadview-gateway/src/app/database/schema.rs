//! Checks the names of an object view against the database's schema.
//! Called at start and at each reload, for one view after the other. What does not fit becomes a problem at the place
//! of the key that names it. A database that is down, or did not answer, does not stop the start: the first
//! request checks then.

use std::ops::Range;
use std::sync::Arc;

use downloadview_sea_orm::{Role, Table, TableError};
use http::request::Parts;

use super::records::lookup;
use super::{Database, Problem, Records};
use crate::app::parameters::Parameters;
use crate::config::{DatabaseKind, Identifier, ObjectConfig, listing, nearest};

/// The rows of the view; `None` if a name does not fit, with what to say of it in `problems`.
pub(super) async fn check(
    object: &ObjectConfig,
    parameters: Parameters,
    database: &Arc<Database>,
    problems: &mut Vec<Problem>,
) -> Option<Records> {
    // Longer than `Records` waits, who must be first to know of a query that takes too long.
    let patience = database.query_timeout.saturating_mul(2);
    let table = table(object, parameters).query_timeout(patience);
    let mut checked = None;
    // A database that let one check wait lets the others wait too.
    if !database.health.is_down() && !database.health.is_examined() {
        match table.records(database.pool.clone()).await {
            Ok(records) => checked = Some(records),
            Err(error) if error.is_temporary() => database.has_failed(reason(&error)),
            Err(error) => {
                problems.push(problem(object, database, &error));
                return None;
            }
        }
    }
    Some(Records::new(database, table, checked))
}

fn table(object: &ObjectConfig, parameters: Parameters) -> Table {
    let mut table = Table::new(&object.table.name)
        .lookup(&object.lookup.name, move |request: &Parts| {
            lookup(parameters.first(request))
        })
        .file(&object.file.name);
    if let Some(schema) = &object.table.schema {
        table = table.schema(schema);
    }
    for (_, role, column) in optional(object) {
        if let Some(column) = column {
            table = table.column(role, &column.name);
        }
    }
    table
}

/// The keys of columns that a view may leave out.
fn optional(object: &ObjectConfig) -> [(&'static str, Role, Option<&Identifier>); 6] {
    let basename = object.basename.as_ref();
    let content_type = object.content_type.as_ref();
    let content_encoding = object.content_encoding.as_ref();
    [
        ("basename_field", Role::Basename, basename),
        ("content_type_field", Role::ContentType, content_type),
        (
            "content_encoding_field",
            Role::ContentEncoding,
            content_encoding,
        ),
        ("size_field", Role::Size, object.size.as_ref()),
        ("modified_field", Role::Modified, object.modified.as_ref()),
        ("etag_field", Role::Etag, object.etag.as_ref()),
    ]
}

/// The key that names the column of a role, and its place in the file.
fn place(object: &ObjectConfig, role: Role) -> (&'static str, Range<usize>) {
    if role == Role::Lookup {
        return ("lookup", object.lookup.span.clone());
    }
    let mut named = optional(object).into_iter();
    match named.find(|(_, known, _)| *known == role) {
        Some((key, _, Some(column))) => (key, column.span.clone()),
        _ => ("file_field", object.file.span.clone()),
    }
}

fn problem(object: &ObjectConfig, database: &Database, error: &TableError) -> Problem {
    let (table, name) = (&object.table, &object.database);
    match error {
        TableError::NoColumn {
            role,
            column,
            known,
            ..
        } => {
            let (key, span) = place(object, *role);
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            let help = match nearest(column, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("it has {}", listing(&known, "and")),
            };
            let message = format!("`{key}`: table `{table}` has no column `{column}`");
            (span, message, help)
        }
        TableError::WrongType { role, wanted, .. } => {
            let (key, span) = place(object, *role);
            let help = format!("name a column that holds {wanted}");
            (span, format!("`{key}`: {error}"), help)
        }
        TableError::NoTable { .. } => {
            let message = format!("`table`: database `{name}` has no table `{table}`");
            let help = "name one that it has and its user may read; one of another schema as \"schema.table\"";
            (table.span.clone(), message, help.to_owned())
        }
        error => {
            let message = format!("`table`: `{table}` cannot be read: {}", reason(error));
            let help = match database.url.kind() {
                DatabaseKind::Sqlite => {
                    "let the gateway's user read the file; in WAL mode it must write in its folder too"
                }
                _ => "let the database's user SELECT from it",
            };
            (table.span.clone(), message, help.to_owned())
        }
    }
}

fn reason(error: &TableError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    source.unwrap_or_else(|| error.to_string())
}
