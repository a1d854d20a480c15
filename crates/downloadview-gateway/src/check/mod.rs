//! `downloadview check`: asks a live set-up, and says which part is wrong.
//!
//! 1. the configuration is read and built, as `serve` does it;
//! 2. the running process is asked whether it has the same one ([`witness`](crate::witness));
//! 3. for each view a file is chosen (`subject`): one that is placed for it (`placed`), or one that is there;
//! 4. what should come of a request is worked out by the application's own steps, as `explain` prints them (`expected`);
//! 5. views that are not for everybody are asked as nobody may (`gate`);
//! 6. the application is asked (`application`), then each proxy (`proxied`), over a `client` with tickets;
//! 7. what the [`probe`](crate::probe) finds wrong becomes a [`Finding`]: the guilty part, and what to change (`advice`,
//!    with the lines that `proxy-config` prints from `lines`, those that are one too many from `surplus`, the `obstacle`s among the folders of a file, and the `user`
//!    who should be let in);
//! 8. each proxy is asked what it makes of a client that lies about itself (`forged`), and of one that does not read
//!    (`unread`).
//!
//! Files are only written below the folders of local storages, and removed whatever happens. Nothing else is changed.

mod advice;
mod application;
mod client;
mod clock;
mod expected;
mod finding;
mod forged;
mod gate;
mod left;
mod lines;
mod obstacle;
mod placed;
mod proxied;
mod report;
mod run;
mod setup;
mod subject;
mod surplus;
mod unread;
mod user;

use std::collections::HashMap;

pub use self::finding::{Finding, Part, Report, Verdict};
pub use self::report::Paint;
pub use self::run::run;
pub use self::setup::{Named, Options};

use self::application::Application;
use self::expected::Truth;
use self::finding::Findings;
use self::proxied::{Proxied, Shown};
use self::setup::Setup;
use self::subject::Subject;
use crate::app::{self, App};
use crate::config::{Colours, Config, ConfigError};

/// Checks what the options say; `tell` hears of each finding at once.
///
/// ```
/// use downloadview_gateway::check::{Options, check};
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("downloadview.toml");
/// # std::fs::write(&file, "[[views]]\nroute = \"/a\"\nkind = \"virtual\"\ntext = \"a\"\nbasename = \"a.txt\"\n")?;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let options = Options::new(&file).offline();      // the file alone
/// let report = check(&options, &mut |finding| println!("{}", finding.what)).await;
/// assert_eq!(report.exit_code(), 0);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn check(options: &Options, tell: &mut (dyn FnMut(&Finding) + Send)) -> Report {
    let mut findings = Findings::new(tell);
    if let Some((setup, app)) = prepare(options, &mut findings).await {
        ask(&setup, &app, &mut findings).await;
    }
    findings.into_report()
}

/// Configuration, and what it is about: `None` where nothing further can be asked.
async fn prepare(options: &Options, findings: &mut Findings<'_>) -> Option<(Setup, App)> {
    let file = options.file.display().to_string();
    let config = match Config::load(&options.file) {
        Ok(config) => config,
        Err(error) => {
            let text = error.render(Colours::Never).to_string();
            let finding = Finding::wrong("configuration", Part::Configuration, file, text);
            findings
                .add(finding.change("correct the file; `downloadview serve` refuses it likewise"));
            return None;
        }
    };
    findings.add(Finding::right("configuration", file.clone(), "valid"));
    if options.offline {
        return None;
    }
    // The folder of copies is the running gateway's: a second process would clear away what is being written there.
    let mut without_spool = config.clone();
    without_spool.spool = None;
    let app = match app::build(&without_spool).await {
        Ok(app) => app,
        Err(error) => {
            findings.add(not_built(&error, file));
            return None;
        }
    };
    match Setup::new(config, options) {
        Ok(setup) => Some((setup, app)),
        Err(error) => {
            let text = format!("{error:#}");
            findings.add(Finding::unknown("command line", "--proxy and --file", text));
            None
        }
    }
}

/// Tables and columns are the only thing of a file that is held against something else when it is built.
fn not_built(error: &anyhow::Error, file: String) -> Finding {
    match error.downcast_ref::<ConfigError>() {
        Some(error) => {
            let text = error.render(Colours::Never).to_string();
            Finding::wrong("database", Part::Database, file, text)
                .change("make the database and the columns that the file names agree")
        }
        None => Finding::wrong("configuration", Part::Storage, file, format!("{error:#}"))
            .change("the file is valid, and what it is about is not there as it says"),
    }
}

async fn ask(setup: &Setup, app: &App, findings: &mut Findings<'_>) {
    let application = Application::new(setup);
    let answers = application.hello(findings).await;
    if setup.config.signing.is_some() {
        findings.add_if(clock::check(setup, "application", &setup.app).await);
    }
    for proxy in &setup.proxies {
        findings.add_if(clock::check(setup, &proxy.label, &proxy.address).await);
    }
    if setup.proxies.is_empty() && setup.config.rules().any(|rule| rule.backend.is_some()) {
        findings.add(Finding::note(
            "proxies",
            "no --proxy NAME=URL was given, so none was asked",
        ));
    }
    let subjects = subject::of_all(setup, findings);
    for subject in &subjects {
        if !passes(setup, subject, findings).await {
            continue;
        }
        let mut shown: HashMap<&str, Shown> = HashMap::new();
        for case in &subject.cases {
            let truth = match Truth::of(app, &case.path).await {
                Ok(truth) => truth,
                Err(trouble) => {
                    findings.add(trouble.finding(subject, case));
                    continue;
                }
            };
            if let Some(trouble) = truth.refused(app, case).await {
                findings.add(trouble.finding(subject, case));
                continue;
            }
            findings.add(truth.storage(subject, case));
            if answers {
                application
                    .check(app, subject, case, &truth, findings)
                    .await;
            }
            for proxy in &setup.proxies {
                let shown = shown.entry(&proxy.label).or_default();
                if !shown.leaves(case.kind) {
                    continue;
                }
                let proxied = Proxied {
                    setup,
                    app,
                    proxy,
                    subject,
                    case,
                    truth: &truth,
                    is_known: answers,
                };
                proxied.check(shown, findings).await;
            }
        }
    }
    if let Some(case) = subjects.first().and_then(|it| it.cases.first())
        && answers
    {
        for proxy in &setup.proxies {
            findings.add_if(forged::check(setup, proxy, case).await);
            findings.add_if(unread::check(setup, proxy, case).await);
        }
    }
}

/// Whether a file of a view can be asked for by somebody who may have it; a view for everybody has no gate.
async fn passes(setup: &Setup, subject: &Subject, findings: &mut Findings<'_>) -> bool {
    let Some(case) = subject.cases.first().filter(|_| subject.gate.is_there) else {
        return true;
    };
    gate::check(setup, subject, findings).await;
    if subject.gate.stays_closed {
        let what = format!("view {}", subject.route);
        let came = "nobody is known who may have its files";
        findings.add(
            Finding::unknown(&what, "", came)
                .change("give the credentials of one: --header 'Cookie: session=…'"),
        );
        return false;
    }
    match gate::opens(setup, subject, case).await {
        Ok(()) => true,
        Err(finding) => {
            findings.add(finding);
            false
        }
    }
}
