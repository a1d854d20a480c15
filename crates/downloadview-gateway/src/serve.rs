//! `downloadview serve`: the gateway from start to stop.

use anyhow::Context as _;

use crate::app;
use crate::config::{Config, Listen};
use crate::logging;
use crate::server::{self, Listener};

/// Serves the views of `config` until SIGTERM or SIGINT, listening on `listen` or where the file says.
///
/// # Errors
///
/// Anything that stands in the way of starting; once it listens, nothing does.
pub fn serve(config: &Config, listen: Option<Listen>) -> anyhow::Result<()> {
    logging::init(&config.log)?;
    let listen = listen.unwrap_or_else(|| config.listen.clone());
    server::runtime(&config.server)?.block_on(async {
        let app = app::build(config).await?;
        let listener = Listener::bind(&listen)
            .await
            .with_context(|| format!("cannot listen on {listen}"))?;
        tracing::info!(%listen, views = config.views.len(), "listening");
        let summary = server::serve_until_signal(listener, app, &config.server).await?;
        match summary {
            Some(ended) => tracing::info!(
                accepted = ended.accepted,
                aborted = ended.aborted,
                "stopped"
            ),
            None => tracing::info!("stopped at once"),
        }
        Ok(())
    })
}
