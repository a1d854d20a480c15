//! How one file name travels: by the proxy or by the gateway, and whether the bytes are the file's own.

use anyhow::{Context, Result, bail, ensure};

use crate::http::Response;
use crate::names::{shown, strict};
use crate::world::World;

/// Who sent a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carriage {
    /// The proxy.
    Delegated,
    /// The gateway, for the reason that `downloadview explain` tells.
    Streamed(String),
}

/// Writes a file of this name, downloads it through the proxy, and tells who sent it. Its content is its name, so
/// that another file's bytes would be noticed.
///
/// # Errors
/// Another status, other bytes, a hand-off header that does not hold this name in the proxy's escaping, or one that
/// reached the client.
pub fn carry(world: &World, name: &[u8]) -> Result<(Carriage, Response)> {
    let label = || format!("{} behind {}", shown(name), world.proxy.name());
    world.site.write([b"media/", name].concat(), name);
    let target = format!("/files/{}", strict(name));
    let carriage = who_sends(world, name, &target).with_context(label)?;

    let answer = world.front.get(&target);
    let came = || format!("{}: {}", label(), answer.head());
    ensure!(answer.status == 200, came());
    ensure!(
        answer.body == name,
        "{}other bytes: {:?}",
        came(),
        answer.text()
    );
    let leaked = answer.has("X-Accel-Redirect") || answer.has("X-Sendfile");
    ensure!(!leaked, "{}the hand-off reached the client", came());
    Ok((carriage, answer))
}

/// The gateway's own answer tells: an empty body is the proxy's to fill.
fn who_sends(world: &World, name: &[u8], target: &str) -> Result<Carriage> {
    let direct = world.gateway.get(target);
    ensure!(
        direct.status == 200,
        "the gateway answers {}",
        direct.head()
    );
    let handed_off = direct.all(world.proxy.header());
    if handed_off.is_empty() {
        ensure!(
            direct.body == name,
            "the gateway streams {:?}",
            direct.text()
        );
        return world.site.reason_to_stream(target).map(Carriage::Streamed);
    }
    let expected = world.proxy.target(&world.site.path("media"), name);
    let expected = String::from_utf8_lossy(&expected);
    ensure!(handed_off == [&*expected], "handed off as {handed_off:?}");
    ensure!(direct.body.is_empty(), "handed off with a body");
    Ok(Carriage::Delegated)
}

/// The reason in what `downloadview explain` printed.
pub(crate) fn reason_in(explanation: &str) -> Result<String> {
    let lines = explanation.lines();
    let reason = lines
        .filter_map(|line| line.split_once("streamed by the gateway: "))
        .map(|(_, reason)| reason.to_owned())
        .next();
    match reason {
        Some(reason) => Ok(reason),
        None => bail!("no reason to stream in\n{explanation}"),
    }
}
