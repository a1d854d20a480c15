//! The path of a view: fixed segments, `{parameter}`s and a `{*rest}` at the end.

use std::borrow::Cow;
use std::fmt;

use downloadview::view::normalized;

use crate::config::reader::scalar::Fault;

/// The paths that a view answers: `/files/{*path}`. In the syntax of `matchit` 0.8, which is axum 0.8's.
///
/// | written | matches |
/// |---|---|
/// | `/terms` | this path alone |
/// | `/files/{name}` | one segment |
/// | `/files/{*path}` | the rest of the path, one segment or more; only at the end |
/// | `{{`, `}}` | the brace itself |
///
/// Refused: a route that does not begin with a slash, a segment that begins with `:` or `*`, characters that a URL
/// holds only percent-encoded, and two parameters of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pattern: String,
    parameters: Vec<String>,
}

impl Route {
    /// The route as the file says it.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The names of the parameters, in order, without the `*` of a catch-all.
    pub fn parameters(&self) -> &[String] {
        &self.parameters
    }

    /// The part before the first parameter.
    pub fn fixed_start(&self) -> &str {
        let end = self.pattern.find('{').unwrap_or(self.pattern.len());
        &self.pattern[..end]
    }

    /// A router that knows this route and no other.
    pub(crate) fn router(&self) -> matchit::Router<()> {
        let mut router = matchit::Router::new();
        let inserted = router.insert(self.pattern.as_str(), ());
        inserted.expect("`read` has tried it");
        router
    }

    /// The pattern in the one spelling of its paths.
    pub(crate) fn normalized(&self) -> String {
        normalized_pattern(&self.pattern)
    }

    /// Whether no router can hold both routes, in this or another spelling.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        let clash = |one: &str, other: &str| {
            let mut router = matchit::Router::new();
            router.insert(one, ()).is_ok() && router.insert(other, ()).is_err()
        };
        clash(&self.pattern, &other.pattern) || clash(&self.normalized(), &other.normalized())
    }

    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        check_characters(text)?;
        matchit::Router::new().insert(text, ()).map_err(|error| {
            Fault::new(
                format!("`{text}` is not a route: {error}"),
                help(text, &error),
            )
        })?;
        let parameters = parameters(text);
        let twice = parameters
            .iter()
            .enumerate()
            .find(|(index, name)| parameters[..*index].contains(name));
        if let Some((_, name)) = twice {
            return Err(Fault::new(
                format!("`{text}` has two parameters `{name}`"),
                "give each parameter a name of its own",
            ));
        }
        Ok(Self {
            pattern: text.to_owned(),
            parameters,
        })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

/// Refuses what `matchit` would take literally, so that the route would match no request.
fn check_characters(text: &str) -> Result<(), Fault> {
    if !text.starts_with('/') {
        return Err(Fault::new(
            format!("`{text}` does not start with `/`"),
            format!("write \"/{text}\""),
        ));
    }
    if text
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || b"?#".contains(&byte))
    {
        return Err(Fault::new(
            format!("{text:?} holds a character that no URL's path holds bare"),
            "percent-encode it: `%20` for a space, `%3F` for `?`, `%23` for `#`",
        ));
    }
    // Older routers wrote parameters so; axum 0.8 refuses them at start.
    if text
        .split('/')
        .any(|segment| segment.starts_with([':', '*']))
    {
        return Err(Fault::new(
            format!("`{text}` has a segment that starts with `:` or `*`"),
            "write a parameter as `{name}`, the rest of the path as `{*name}`",
        ));
    }
    Ok(())
}

/// How to fix a route that `matchit` refuses.
fn help(text: &str, error: &matchit::InsertError) -> Cow<'static, str> {
    if let Some(meant) = with_star_in_front(text) {
        return format!("did you mean \"{meant}\"?").into();
    }
    match error {
        matchit::InsertError::InvalidParamSegment => {
            "let one parameter end its segment: \"/files/{name}\", \"/v-{version}\"".into()
        }
        matchit::InsertError::InvalidCatchAll => {
            "put `{*name}` last, after a slash: \"/files/{*path}\"".into()
        }
        _ => "close each `{name}`, and write `{{` for the brace itself".into(),
    }
}

/// The route that was meant by one whose rest is written as other programs write it: `{path*}`.
fn with_star_in_front(text: &str) -> Option<String> {
    let (before, name) = text.strip_suffix("*}")?.rsplit_once('{')?;
    let meant = format!("{before}{{*{name}}}");
    Route::read(&meant).is_ok().then_some(meant)
}

/// A pattern whose fixed parts are in the one spelling of paths, in which a brace is always escaped.
fn normalized_pattern(pattern: &str) -> String {
    let (mut text, mut fixed) = (String::with_capacity(pattern.len()), String::new());
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        let doubled = rest.starts_with("{{") || rest.starts_with("}}");
        let parameter = match character {
            '{' if !doubled => rest.find('}').map(|end| end + 1),
            _ => None,
        };
        let end = parameter.unwrap_or(character.len_utf8() * (1 + usize::from(doubled)));
        if let Some(end) = parameter {
            text.push_str(&normalized(&fixed));
            text.push_str(&rest[..end]);
            fixed.clear();
        } else {
            fixed.push(character);
        }
        rest = &rest[end..];
    }
    text.push_str(&normalized(&fixed));
    text
}

/// The names between single braces. `matchit` has accepted the route before, so each brace is closed.
fn parameters(text: &str) -> Vec<String> {
    let literal = text.replace("{{", "").replace("}}", "");
    let inside = literal.split('{').skip(1);
    inside
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.trim_start_matches('*').to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_parts_of_a_route_have_one_spelling() {
        for (pattern, expected) in [
            ("/a", "/a"),
            ("/%61/{b}/%7Bc{{", "/a/{b}/%7Bc%7B"),
            ("/./a+b/v-%2B{version}", "/a+b/v-+{version}"),
            ("/{{}}/\"/%zz/{*rest}", "/%7B%7D/%22/%25zz/{*rest}"),
            ("/{a%41}", "/{a%41}"),
        ] {
            assert_eq!(normalized_pattern(pattern), expected, "{pattern}");
        }
    }
}
