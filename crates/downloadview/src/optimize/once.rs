//! Remembers for which routes something was logged, so that it is logged once for each.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// At most so many routes are remembered, in case that routes are not few.
const MOST: usize = 1024;

/// The routes for which something was logged.
#[derive(Debug, Default)]
pub(super) struct OncePerRoute(Mutex<HashSet<String>>);

impl OncePerRoute {
    /// Whether this is the first time for `route`. All requests without a route count as one.
    pub(super) fn is_first(&self, route: Option<&str>) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let route = route.unwrap_or_default();
        said.len() < MOST && !said.contains(route) && said.insert(route.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_first_once_for_each_route_and_bounded() {
        let once = OncePerRoute::default();
        let first = [Some("/a"), Some("/a"), None, Some("/b"), None];
        let first = first.map(|route| once.is_first(route));
        assert_eq!(first, [true, false, true, true, false]);
        let more = (0..2 * MOST).filter(|n| once.is_first(Some(&n.to_string())));
        assert_eq!(more.count(), MOST - 3);
    }
}
