//! What the sittings of a scenario brought: the turns of every server, round by round, and the rows made of them.

use super::Contest;
use super::ratio::{Comparison, Cost, Ratio};
use super::turn::Turn;

/// What the sittings of a scenario brought so far.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) scenario: String,
    /// The subject's, then those of each peer.
    pub(super) standings: Vec<Standing>,
    /// Turns that were taken again.
    pub(super) repeated: usize,
    /// Turns that stayed disturbed.
    pub(super) disturbed: usize,
}

/// One server's turns, round by round.
#[derive(Debug)]
pub(super) struct Standing {
    /// The server's name.
    pub(super) name: String,
    /// The least ratio that the project promises, if it promises one.
    pub(super) target: Option<f64>,
    pub(super) turns: Vec<Turn>,
}

impl Tally {
    /// That of a contest that has not begun.
    pub(super) fn of(contest: &Contest) -> Self {
        let targets = contest.peers.iter().map(|peer| peer.target);
        let standings = contest
            .servers()
            .zip(std::iter::once(None).chain(targets))
            .map(|(server, target)| Standing {
                name: server.name.clone(),
                target,
                turns: Vec::new(),
            });
        Self {
            scenario: contest.scenario.clone(),
            standings: standings.collect(),
            repeated: 0,
            disturbed: 0,
        }
    }

    /// A row for each peer; one without a peer if there is none.
    pub(super) fn ratios(&self) -> Vec<Ratio> {
        let Some((subject, peers)) = self.standings.split_first() else {
            return Vec::new();
        };
        let own = subject.micros();
        let row = |peer| Ratio {
            scenario: self.scenario.clone(),
            subject: Cost::of(&subject.name, &own),
            peer,
            disturbed: self.disturbed,
        };
        if peers.is_empty() {
            return vec![row(None)];
        }
        let compared = peers.iter().map(|peer| {
            let costs = peer.micros();
            let cost = Cost::of(&peer.name, &costs);
            row(Some(Comparison::new(cost, &costs, &own, peer.target)))
        });
        compared.collect()
    }
}

impl Standing {
    /// CPU time of an answer in microseconds, round by round.
    pub(super) fn micros(&self) -> Vec<f64> {
        self.turns.iter().map(|turn| turn.micros).collect()
    }

    /// Answers in a second, round by round.
    pub(super) fn per_second(&self) -> Vec<f64> {
        self.turns.iter().map(|turn| turn.per_second).collect()
    }
}
