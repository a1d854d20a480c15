//! Says what is wrong in the configuration file, where, and how to fix it.
//! [`ConfigError`] is the only error of [`Config`](crate::config::Config). Its text is the file's with secrets masked,
//! so that it may be printed and logged.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The configuration cannot be used: the file is unreadable, or it holds at least one mistake.
///
/// `Display` prints every problem with its file, line, column, excerpt and help, without colours.
/// ```
/// use downloadview_gateway::config::Config;
///
/// let text = "listen = 8000\n[[views]]\nroute = '/a'\nkind = 'path'\npath = '/srv/a.pdf'";
/// let error = Config::parse(text, "gateway.toml".as_ref()).unwrap_err();
/// let problem = &error.problems()[0];
/// assert_eq!((problem.line(), problem.column()), (1, 10));
/// assert!(problem.help().is_some());
/// ```
#[derive(Debug)]
pub struct ConfigError {
    file: PathBuf,
    reason: Reason,
}

/// Why there is no configuration.
#[derive(Debug)]
enum Reason {
    /// The file could not be read.
    Unreadable(io::Error),
    /// The file was read, and holds mistakes: all of them, not the first alone.
    Invalid {
        text: String,
        problems: Vec<Problem>,
    },
}

/// One mistake in the file.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(crate) span: Range<usize>,
    /// What is wrong, with the key's name.
    pub(crate) message: String,
    /// What to write in its place.
    pub(crate) help: Option<String>,
    /// Another place that contradicts this one, and what stands there.
    pub(crate) related: Option<(Range<usize>, String)>,
    line: usize,
    column: usize,
}

/// Whether a rendered error carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Plain text, for files and pipes.
    Never,
    /// ANSI escape sequences, for terminals.
    Always,
}

impl ConfigError {
    pub(crate) fn unreadable(file: &Path, error: io::Error) -> Self {
        Self {
            file: file.to_owned(),
            reason: Reason::Unreadable(error),
        }
    }

    /// Sorts the problems by their place, so that the report reads like the file. `text` is shown in excerpts.
    pub(crate) fn invalid(file: &Path, text: String, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        for problem in &mut problems {
            (problem.line, problem.column) = position(&text, problem.span.start);
        }
        Self {
            file: file.to_owned(),
            reason: Reason::Invalid { text, problems },
        }
    }

    /// The mistakes in the order of the file; empty when the file could not be read at all.
    pub fn problems(&self) -> &[Problem] {
        match &self.reason {
            Reason::Unreadable(_) => &[],
            Reason::Invalid { problems, .. } => problems,
        }
    }

    /// The whole report, one paragraph for each mistake.
    pub fn render(&self, colours: Colours) -> String {
        let renderer = match colours {
            Colours::Never => Renderer::plain(),
            Colours::Always => Renderer::styled(),
        };
        match &self.reason {
            Reason::Unreadable(error) => {
                let message = format!("cannot read {}: {error}", self.file.display());
                let help = "name the file with --config FILE or DOWNLOADVIEW_CONFIG";
                let title = Level::ERROR.primary_title(&message);
                renderer.render(&[title.element(Level::HELP.message(help))])
            }
            Reason::Invalid { text, problems } => {
                let file = self.file.display().to_string();
                let paragraphs: Vec<_> = problems
                    .iter()
                    .map(|problem| renderer.render(&[problem.paragraph(text, &file)]))
                    .collect();
                paragraphs.join("\n\n")
            }
        }
    }
}

impl Problem {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
            related: None,
            line: 1,
            column: 1,
        }
    }

    /// States how to correct it.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at a second place, such as the first of two equal names.
    pub(crate) fn related(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// The line of the mistake, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column of the mistake in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, if there is anything to say beyond the message.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    fn paragraph<'a>(&'a self, text: &'a str, file: &'a str) -> Group<'a> {
        let mut snippet = Snippet::source(text)
            .path(file)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        if let Some((span, label)) = &self.related {
            snippet = snippet.annotation(AnnotationKind::Context.span(span.clone()).label(label));
        }
        let group = Level::ERROR.primary_title(&self.message).element(snippet);
        match &self.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colours::Never))
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Unreadable(error) => Some(error),
            Reason::Invalid { .. } => None,
        }
    }
}

/// Line and column, both counted from 1, of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
