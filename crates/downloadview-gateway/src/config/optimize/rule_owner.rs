//! Whose a rule is, and so which backend carries it out.

use super::backend::BackendKind;
use crate::config::reader::Table;
use crate::config::reader::scalar::Fault;

/// Whose rules are read, and so whose backend they have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RuleOwner<'a> {
    /// The file's or a view's, where this is the backend of `[optimize]`.
    Config(BackendKind),
    /// The file's or a view's, where proxies of these kinds are announced.
    Announced(&'a [BackendKind]),
    /// An announced proxy's, which is this one.
    Proxy(BackendKind),
}

impl<'a> RuleOwner<'a> {
    /// The owner of rules that no announced proxy has for itself.
    pub(crate) fn of(backend: BackendKind, announced: &'a [BackendKind]) -> Self {
        match backend {
            BackendKind::Announced => Self::Announced(announced),
            backend => Self::Config(backend),
        }
    }

    /// The backend of a rule that names none.
    pub(crate) fn default_backend(self) -> BackendKind {
        match self {
            Self::Config(backend) | Self::Proxy(backend) => backend,
            Self::Announced(_) => BackendKind::Announced,
        }
    }

    /// The backend that the rule names, or has because it is a proxy's.
    pub(crate) fn read_backend(self, table: &mut Table<'_>) -> Option<BackendKind> {
        let value = table.get("backend");
        match (self, value) {
            (Self::Proxy(backend), None) => Some(backend),
            (Self::Proxy(backend), Some(value)) => {
                value.refuse(Fault::new(
                    "the rules of a proxy are for that proxy",
                    "take it out, or move the rule to [[optimize.rules]]",
                ));
                Some(backend)
            }
            (Self::Config(_), value) => value?.parsed(BackendKind::read_proxy),
            (Self::Announced(_), None) => {
                table.report(
                "this rule names no backend, and several proxies may be announced",
                "add backend = \"nginx\": the rule then counts for the announced proxies of that kind",
            );
                None
            }
            (Self::Announced(announced), Some(value)) => value.parsed(|text| {
                let backend = BackendKind::read_proxy(text)?;
                // A proxy with a mistake of its own is missing here.
                let all_known = value.is_first_problem();
                if all_known && !announced.contains(&backend) {
                    return Err(Fault::new(
                        format!("no announced proxy is {text}, so nothing would use this rule"),
                        format!("add a table [optimize.proxies.NAME] with backend = \"{text}\""),
                    ));
                }
                Ok(backend)
            }),
        }
    }
}
