//! What looking a record up costs: the library's object view over memory and over databases, handing off to nginx.

use std::time::Duration;

use anyhow::{Context, Result};

use super::ratio::{Quotient, median};
use super::tally::{Standing, Tally};
use super::{Contest, Opponent, connections_for, hold};
use crate::client::{self, Connection};
use crate::database::Database;
use crate::files::FILE_1_KIB;
use crate::lab::Lab;
use crate::peers;
use crate::request::Request;
use crate::server::Server;

/// How long every server is asked before its first turn, so that its connections to the database are open.
const WARMING: Duration = Duration::from_millis(100);

/// The table of what a database costs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Objects {
    pub(crate) sources: Vec<Source>,
    /// Turns during which other programs ran on the cores.
    pub(crate) disturbed: usize,
}

/// Where records came from, and what an answer cost then. Medians over the rounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// Answers in a second.
    pub(crate) per_second: f64,
    /// CPU time of an answer in microseconds, that of the database's server included.
    pub(crate) micros: f64,
    /// That of the database's server alone; `None` if there is none.
    pub(crate) database_micros: Option<f64>,
    /// `None` for memory itself.
    pub(crate) to_memory: Option<Relation>,
}

/// How a database relates to memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Relation {
    /// Below 1, the database answers less often.
    pub(crate) per_second: Quotient,
    /// Above 1, the database is dearer.
    pub(crate) micros: Quotient,
}

/// Measures object views.
pub(crate) fn object(lab: &Lab) -> Result<Objects> {
    let databases = Database::all(lab)?;
    let tally = hold(lab, || contest(lab, &databases))?;
    Ok(Objects::of(&tally))
}

fn contest(lab: &Lab, databases: &[Database]) -> Result<Contest> {
    let request = Request::document();
    let subject = peers::start_object_in_memory(lab)?;
    warm(&subject, &request)?;
    let head = head(&subject, &request)?;
    let opponents = databases.iter().map(|database| {
        let server = peers::start_object_over(lab, database)?;
        warm(&server, &request)?;
        peers::same_head(&head, &self::head(&server, &request)?).context(server.name.clone())?;
        Ok(Opponent {
            server,
            target: None,
        })
    });
    Ok(Contest {
        scenario: "objects".to_owned(),
        file: FILE_1_KIB,
        peers: opponents.collect::<Result<_>>()?,
        connections: connections_for(0),
        request,
        subject,
    })
}

fn head(server: &Server, request: &Request) -> Result<Vec<u8>> {
    Connection::open(server.address)?.fetch_head(request)
}

fn warm(server: &Server, request: &Request) -> Result<()> {
    let mut connections = client::open(server.address, connections_for(0))?;
    client::load(&mut connections, request, WARMING).with_context(|| server.name.clone())?;
    Ok(())
}

impl Objects {
    fn of(tally: &Tally) -> Self {
        let mut sources = Vec::new();
        if let Some((memory, databases)) = tally.standings.split_first() {
            sources.push(Source::of(memory, None));
            let related = databases
                .iter()
                .map(|it| Source::of(it, Some(Relation::of(it, memory))));
            sources.extend(related);
        }
        Self {
            sources,
            disturbed: tally.disturbed,
        }
    }
}

impl Source {
    fn of(standing: &Standing, to_memory: Option<Relation>) -> Self {
        let turns = standing.turns.iter();
        let database: Option<Vec<f64>> = turns.map(|turn| turn.database_micros).collect();
        Self {
            name: standing.name.clone(),
            per_second: median(&standing.per_second()),
            micros: median(&standing.micros()),
            database_micros: database.as_deref().map(median),
            to_memory,
        }
    }
}

impl Relation {
    fn of(database: &Standing, memory: &Standing) -> Self {
        Self {
            per_second: Quotient::of(&database.per_second(), &memory.per_second()),
            micros: Quotient::of(&database.micros(), &memory.micros()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::turn::Turn;
    use super::*;

    /// A server whose every answer costs so many microseconds, and which has nothing else to do.
    fn standing(name: &str, rounds: &[f64], database: Option<f64>) -> Standing {
        let turn = |micros: &f64| Turn {
            micros: *micros,
            database_micros: database,
            per_second: 1_000_000.0 / micros,
            disturbed: false,
        };
        Standing {
            name: name.to_owned(),
            target: None,
            turns: rounds.iter().map(turn).collect(),
        }
    }

    #[test]
    fn a_database_of_four_times_the_cost_answers_a_quarter_as_often() {
        let objects = Objects::of(&Tally {
            scenario: "objects".to_owned(),
            standings: vec![
                standing("memory", &[10.0, 20.0, 10.0], None),
                standing("database", &[40.0, 80.0, 40.0], Some(15.0)),
            ],
            repeated: 0,
            disturbed: 1,
        });
        assert_eq!(objects.disturbed, 1);
        let [memory, database] = objects.sources.as_slice() else {
            panic!("{objects:?}");
        };
        assert_eq!((memory.micros, memory.per_second), (10.0, 100_000.0));
        assert_eq!((memory.database_micros, memory.to_memory), (None, None));
        assert_eq!((database.micros, database.per_second), (40.0, 25_000.0));
        assert_eq!(database.database_micros, Some(15.0));
        let relation = database.to_memory.unwrap();
        assert_eq!(relation.micros.median, 4.0);
        assert_eq!(relation.per_second.median, 0.25);
    }
}
