//! `downloadview spool`: what lies in the folder of `[spool]`, listed, verified and removed.
//!
//! 1. the folder is looked at, as a [`Survey`] of the library sees it;
//! 2. what may go is chosen, and removed one by one, each looked at once more;
//! 3. what was found and what was done is printed: a table, or one line of JSON.

mod progress;
mod report;

use std::io;

use anyhow::Context as _;
use downloadview::spool::{Entry, Removed, Survey};

use self::progress::Progress;
pub use self::report::Report;
use self::report::{Done, Row};
use crate::app;
use crate::cli::{SpoolCommand, SpoolLookArgs};
use crate::config::Config;

/// Does what the command line says; the report tells whether something is wrong.
///
/// # Errors
///
/// The configuration cannot be read or has no `[spool]`, or the folder cannot be read.
pub fn run(command: &SpoolCommand) -> anyhow::Result<Report> {
    match command {
        SpoolCommand::List(look) => {
            let folder = Looked::at(look)?;
            let all = folder.entries.iter().map(|entry| (entry, Done::Listed));
            Ok(folder.report(all))
        }
        SpoolCommand::Verify(look) => {
            let folder = Looked::at(look)?;
            let done = folder.verify();
            Ok(folder.report(done))
        }
        SpoolCommand::Prune(args) => {
            let folder = Looked::at(&args.look)?;
            let go = folder.survey.to_prune(&folder.entries, args.unused_for);
            let done = folder.remove(&go, args.dry_run);
            Ok(folder.report(done))
        }
        SpoolCommand::Clear(args) => {
            let folder = Looked::at(&args.look)?;
            let go = folder.survey.to_clear(&folder.entries);
            let done = folder.remove(&go, args.dry_run);
            Ok(folder.report(done).cleared(&folder.entries))
        }
    }
}

/// The folder, and what lay in it when it was looked at.
struct Looked {
    dir: String,
    survey: Survey,
    entries: Vec<Entry>,
}

impl Looked {
    fn at(look: &SpoolLookArgs) -> anyhow::Result<Self> {
        let config = Config::load(&look.config.file)?;
        let file = config.file.display();
        let spool = config.spool.as_ref();
        let spool = spool.with_context(|| {
            format!("{file}: there is no [spool]; add one with `dir`, or name another file")
        })?;
        let dir = spool.dir.display().to_string();
        let survey = app::survey(&config, spool)?;
        let mut entries = Vec::new();
        let mut progress = Progress::start("looked at");
        let walked = survey.walk(|entry| {
            progress.file(0);
            entries.push(entry);
        });
        drop(progress);
        walked.with_context(|| format!("the spool folder {dir} cannot be read"))?;
        entries.sort_by(|one, other| other.used.cmp(&one.used).then(one.name.cmp(&other.name)));
        Ok(Self {
            dir,
            survey,
            entries,
        })
    }

    fn verify(&self) -> Vec<(&Entry, Done)> {
        let files = self.entries.len() as u64;
        let bytes = self.entries.iter().map(|entry| entry.bytes).sum();
        let mut progress = Progress::start("verified").of(files, bytes);
        let mut done = Vec::new();
        for entry in &self.entries {
            let faults = self.survey.verify(entry, |bytes| progress.bytes(bytes));
            progress.file(0);
            let faults = faults
                .into_iter()
                .map(|fault| (entry, Done::Faulty(fault.to_string())));
            done.extend(faults);
        }
        done
    }

    fn remove<'e>(&self, go: &[&'e Entry], dry_run: bool) -> Vec<(&'e Entry, Done)> {
        let bytes = go.iter().map(|entry| entry.bytes).sum();
        let mut progress = Progress::start("removed").of(go.len() as u64, bytes);
        let mut removed = |entry: &&'e Entry| {
            let done = match dry_run {
                true => Done::WouldGo,
                false => match self.survey.remove(entry) {
                    Ok(Removed::Yes) => Done::Gone,
                    Ok(Removed::InUse) => Done::InUse,
                    Ok(_) => return None,
                    Err(error) => Done::Faulty(cannot_remove(&error)),
                },
            };
            progress.file(entry.bytes);
            Some((*entry, done))
        };
        go.iter().filter_map(&mut removed).collect()
    }

    fn report<'e>(&self, done: impl IntoIterator<Item = (&'e Entry, Done)>) -> Report {
        let rows = done.into_iter().map(|(entry, done)| Row::of(entry, done));
        Report::new(
            &self.dir,
            self.survey.max_bytes(),
            &self.entries,
            rows.collect(),
        )
    }
}

fn cannot_remove(error: &io::Error) -> String {
    format!("cannot be removed: {error}; the user who runs this must own the folder")
}
