//! The matrix: a row for each view, a column for each proxy. A cell is a colour, a word and a time; the rest is in its
//! details.

use minijinja::{Value, context};

use super::shown;
use crate::demo::grid::{Cell, Hop};
use crate::demo::views::{VIEWS, View};

/// The rows of the views that are for everybody.
pub(super) fn of_all(hops: &[Hop], cells: &[Cell]) -> Vec<Value> {
    let open = VIEWS.iter().filter(|view| view.fixed_to.is_none());
    let rows = open.enumerate().map(|(row, view)| {
        let shown = hops.iter().enumerate();
        let shown = shown.map(|(column, hop)| cell(&format!("v{row}-{column}"), view, hop, cells));
        context! {
            name => view.name,
            path => view.path,
            cells => shown.collect::<Vec<_>>(),
        }
    });
    rows.collect()
}

/// The rows of the views that are for one proxy each: what the same view is for each of them stands in one row.
pub(super) fn of_one(hops: &[Hop], cells: &[Cell]) -> Vec<Value> {
    let of = |hop: &Hop| {
        let proxy = hop.proxy;
        VIEWS
            .iter()
            .filter(move |view| view.fixed_to == Some(proxy))
    };
    let Some(first) = hops.iter().find(|hop| !hop.is_direct()) else {
        return Vec::new();
    };
    let rows = of(first).enumerate().map(|(row, view)| {
        let (_, name) = view.name.split_once(", ").unwrap_or_default();
        let shown = hops.iter().enumerate().map(|(column, hop)| {
            let view = of(hop).nth(row);
            view.map_or(Value::from(()), |view| {
                cell(&format!("f{row}-{column}"), view, hop, cells)
            })
        });
        context! { name => name, cells => shown.collect::<Vec<_>>() }
    });
    rows.collect()
}

/// A cell as the template shows it.
fn cell(id: &str, view: &View, hop: &Hop, cells: &[Cell]) -> Value {
    let found = cells
        .iter()
        .find(|cell| cell.view == view.name && cell.proxy == hop.proxy);
    let Some(cell) = found else {
        return Value::from(());
    };
    context! {
        id => id,
        view => cell.view,
        proxy => shown(cell.proxy),
        path => view.path,
        url => cell.url.clone(),
        outcome => cell.outcome,
        header => cell.header.clone(),
        verified => cell.verified,
        reason => cell.reason.clone(),
        milliseconds => format!("{:.1}", cell.time.as_secs_f64() * 1000.0),
    }
}
