//! What a client has to wait for, and what it costs, where others are served beside it: by the same thread, or by a
//! disk.
//!
//! Each server is started anew for every sitting, and the servers take turns; a figure is the median of the sittings.
//! Beside each figure stands its quotient by that of nginx, sitting by sitting.

mod cold;
mod fairness;
mod probe;
mod slow;

use anyhow::{Context, Result};

pub(crate) use self::cold::cold;
pub(crate) use self::fairness::fairness;
pub(crate) use self::slow::slow;
use crate::gateway::{self, Mode};
use crate::lab::Lab;
use crate::peers::nginx;
use crate::scenario::ratio::Quotient;
use crate::server::Server;

/// A row of the table of what is felt and paid beside others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Felt {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) server: String,
    /// The median of the sittings, and between what half of them lie.
    pub(crate) figure: Quotient,
    /// The same divided by the figure of the nginx that comes last; `None` for that one itself.
    pub(crate) to_nginx: Option<Quotient>,
}

/// One kind of figure that each sitting brings.
struct Figure {
    what: String,
    unit: &'static str,
}

type Start<'a> = Box<dyn Fn() -> Result<Server> + 'a>;

/// The gateway, an earlier build of it if the run has one, and nginx. The last one is what the others are compared with.
fn servers(lab: &Lab) -> Vec<Start<'_>> {
    let mut starts: Vec<Start<'_>> = Vec::new();
    if let Some(binary) = &lab.binaries.gateway {
        starts.push(Box::new(|| gateway::start(lab, binary, Mode::Stream)));
    }
    if let Some(start) = gateway::starts_before(lab, Mode::Stream) {
        starts.push(Box::new(start));
    }
    starts.push(Box::new(|| nginx::start_static(lab)));
    starts
}

/// Lets the servers take turns, of which the last one is nginx. `turn` brings a value for each of `figures`.
fn compare(
    lab: &Lab,
    starts: &[Start<'_>],
    figures: &[Figure],
    turn: impl Fn(&Server) -> Result<Vec<f64>>,
) -> Result<Vec<Felt>> {
    let mut names = vec![String::new(); starts.len()];
    // By server and figure: the values of the sittings.
    let mut values = vec![vec![Vec::new(); figures.len()]; starts.len()];
    for sitting in 1..=lab.plan.sittings {
        eprintln!(
            "measuring {}, sitting {sitting} of {} …",
            figures.first().map_or("", |figure| &figure.what),
            lab.plan.sittings
        );
        for (place, start) in starts.iter().enumerate() {
            lab.wait_for_calm()?;
            let server = start()?;
            names[place].clone_from(&server.name);
            let turn = turn(&server).with_context(|| server.name.clone())?;
            for (of_figure, value) in values[place].iter_mut().zip(turn) {
                of_figure.push(value);
            }
        }
    }
    let (nginx, one) = (starts.len() - 1, vec![1.0; lab.plan.sittings]);
    let mut rows = Vec::new();
    for (number, figure) in figures.iter().enumerate() {
        for (place, name) in names.iter().enumerate() {
            let of_server = &values[place][number];
            rows.push(Felt {
                what: figure.what.clone(),
                unit: figure.unit,
                server: name.clone(),
                figure: Quotient::of(of_server, &one),
                to_nginx: (place != nginx).then(|| Quotient::of(of_server, &values[nginx][number])),
            });
        }
    }
    Ok(rows)
}
