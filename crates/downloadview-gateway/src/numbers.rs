//! Numbers and times as people read them.

/// A number with its noun: `1 copy`, `2 copies`.
pub(crate) fn counted(number: u64, one: &str, several: &str) -> String {
    let noun = if number == 1 { one } else { several };
    format!("{number} {noun}")
}

/// A span of time: the two largest units would be more than anybody needs.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let counted = [0, 1, 2].map(|number| counted(number, "copy", "copies"));
        assert_eq!(counted, ["0 copies", "1 copy", "2 copies"]);
    }

    #[test]
    fn times_are_short() {
        assert_eq!(
            [0, 119, 120, 7200, 172_800].map(span),
            ["0 s", "119 s", "2 min", "2 h", "2 d"]
        );
    }
}
