//! A row of the table of CPU time: two servers, what an answer cost each, and the ratio of the two.

/// A row of the table of CPU time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) scenario: String,
    pub(crate) subject: Cost,
    /// `None` where a run without the gateway leaves nothing to compare with.
    pub(crate) peer: Option<Comparison>,
    /// Turns of the scenario during which other programs ran on the cores.
    pub(crate) disturbed: usize,
}

/// What an answer costs a server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cost {
    pub(crate) server: String,
    /// Median over the rounds, in microseconds of CPU time.
    pub(crate) micros: f64,
}

/// A peer's side of a row. A ratio is the peer's CPU time divided by the subject's: above 1, the subject is cheaper.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) peer: Cost,
    pub(crate) ratio: Quotient,
    /// The least `ratio` that the project promises.
    pub(crate) target: Option<f64>,
}

/// How one server's rounds relate to another's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quotient {
    /// Of the single rounds' quotients.
    pub(crate) median: f64,
    /// Half of the rounds' quotients lie between these.
    pub(crate) quartiles: (f64, f64),
}

impl Cost {
    /// The median of a server's rounds.
    pub(super) fn of(server: &str, rounds: &[f64]) -> Self {
        Self {
            server: server.to_owned(),
            micros: median(rounds),
        }
    }
}

impl Quotient {
    /// Divides round by round.
    pub(crate) fn of(rounds: &[f64], by: &[f64]) -> Self {
        let rounds = rounds.iter().zip(by);
        let quotients: Vec<f64> = rounds.map(|(one, by)| one / by).collect();
        Self {
            median: median(&quotients),
            quartiles: (quantile(&quotients, 0.25), quantile(&quotients, 0.75)),
        }
    }
}

impl Comparison {
    /// Compares round by round.
    pub(super) fn new(peer: Cost, costs: &[f64], own: &[f64], target: Option<f64>) -> Self {
        Self {
            peer,
            ratio: Quotient::of(costs, own),
            target,
        }
    }

    /// Whether the promise is kept; `None` where there is none.
    pub(crate) fn met(&self) -> Option<bool> {
        self.target.map(|target| self.ratio.median >= target)
    }
}

/// The value in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the values lies, between two of them where it must.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    let at = |place: f64| sorted.get(place as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor()), at(place.ceil()));
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(costs: &[f64], own: &[f64], target: Option<f64>) -> Comparison {
        let peer = Cost {
            server: "peer".to_owned(),
            micros: 1.0,
        };
        Comparison::new(peer, costs, own, target)
    }

    #[test]
    fn a_dearer_peer_has_a_ratio_above_one() {
        assert_eq!(comparison(&[20.0], &[10.0], None).ratio.median, 2.0);
    }

    #[test]
    fn an_even_number_of_rounds_favours_neither_middle() {
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), 2.5);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn one_wild_round_moves_neither_the_ratio_nor_its_spread() {
        let calm = comparison(&[10.0, 11.0, 12.0, 13.0, 14.0], &[10.0; 5], None);
        let wild = comparison(&[10.0, 11.0, 12.0, 13.0, 90.0], &[10.0; 5], None);
        assert_eq!(calm, wild);
        let expected = Quotient {
            median: 1.2,
            quartiles: (1.1, 1.3),
        };
        assert_eq!(calm.ratio, expected);
    }

    #[test]
    fn a_ratio_above_its_target_is_met_and_one_below_is_not() {
        assert_eq!(comparison(&[8.1], &[10.0], Some(0.80)).met(), Some(true));
        assert_eq!(comparison(&[7.9], &[10.0], Some(0.80)).met(), Some(false));
        assert_eq!(comparison(&[7.9], &[10.0], None).met(), None);
    }
}
