//! Whose a rule is, and so which proxy carries it out.
//! | rule of | nothing in front | one proxy | announced proxies |
//! |---|---|---|---|
//! | `[[optimize.rules]]`, `[[views.rules]]` | `backend`, if the rule has it | `backend`, else it | `backend`, required |
//! | `[[optimize.proxies.NAME.rules]]` | | | the proxy `NAME`; `backend` is refused |

use super::proxy::Proxy;
use crate::config::reader::Table;
use crate::config::reader::scalar::Fault;

/// Whose rules are read, and so who carries them out.
#[derive(Debug, Clone)]
pub(crate) enum RuleOwner {
    /// The file's or a view's, where this proxy stands in front, if one does.
    Config(Option<Proxy>),
    /// The file's or a view's, where proxies of these kinds are announced.
    Announced(Vec<Proxy>),
    /// An announced proxy's, which is this one; `None` if the file does not say it so that it could be understood.
    Proxy(Option<Proxy>),
}

impl RuleOwner {
    /// Nobody carries out a redirect, so it names no proxy; an announced proxy's own is for the requests through it.
    pub(super) fn refuse_backend(&self, table: &mut Table<'_>) -> Option<Proxy> {
        if let Some(value) = table.get("backend") {
            value.refuse(Fault::new(
                "clients are redirected without a proxy's help",
                "take it out",
            ));
        }
        None
    }

    /// Who carries a rule out: the proxy that it names, or has because it is a proxy's, or that stands in front.
    pub(super) fn read_backend(&self, table: &mut Table<'_>) -> Option<Proxy> {
        let value = table.get("backend");
        match (self, value) {
            (Self::Proxy(proxy), None) => *proxy,
            (Self::Proxy(proxy), Some(value)) => {
                value.refuse(Fault::new(
                    "the rules of a proxy are for that proxy",
                    "take it out, or move the rule to [[optimize.rules]]",
                ));
                *proxy
            }
            (Self::Config(default), None) => *default,
            (Self::Config(default), Some(value)) => value.parsed(Proxy::read).or(*default),
            (Self::Announced(_), None) => {
                table.report(
                    "this rule names no backend, and several proxies may be announced",
                    "add backend = \"nginx\": the rule then counts for the announced proxies of that kind",
                );
                None
            }
            (Self::Announced(announced), Some(value)) => value.parsed(|text| {
                let proxy = Proxy::read(text)?;
                // A proxy with a mistake of its own is missing here.
                let all_known = value.is_first_problem();
                if all_known && !announced.contains(&proxy) {
                    return Err(Fault::new(
                        format!("no announced proxy is {text}, so nothing would use this rule"),
                        format!("add a table [optimize.proxies.NAME] with backend = \"{text}\""),
                    ));
                }
                Ok(proxy)
            }),
        }
    }
}
