//! Commands of the gateway on a site, but for those that serve or print configurations.

use crate::gateway;
use crate::server::{Server, User};
use crate::site::Site;

impl Site {
    /// What `downloadview check` prints of this site as JSON, and the code that it ends with.
    ///
    /// # Panics
    /// When it cannot be started, or says nothing.
    #[must_use]
    #[track_caller]
    pub fn check(&self, arguments: &[String], user: User) -> (i32, String) {
        let found = gateway::check(&self.config(), arguments, user, &self.path(""));
        found.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Starts `downloadview check` beside the gateway of this site, which runs. It prints JSON.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start_check(&self, arguments: &[String]) -> Server {
        let started = gateway::start_check(&self.config(), arguments, self.app(), &self.path(""));
        started.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// What `downloadview spool` prints, run by the servers' user.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    #[track_caller]
    pub fn spool(&self, arguments: &[&str]) -> String {
        let printed = gateway::spool(&self.config(), arguments, &self.path(""));
        printed.unwrap_or_else(|error| panic!("{error:#}"))
    }
}
