//! Untrusted text: which characters must be escaped before a person reads it, and what may name a user.

/// Longest name of a user, in bytes.
pub(crate) const MAX_USER: usize = 256;

/// Whether a text may name a user: not empty, at most 256 bytes, no control characters.
#[must_use]
pub(crate) fn is_user(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_USER && !name.chars().any(char::is_control)
}

/// Whether a character is invisible or changes how other characters look: controls, line and paragraph separators,
/// marks of text direction, and characters without width (Unicode TR36 §2.5, TR39).
#[must_use]
pub fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}'
                | '\u{61C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// The escape for it in a TOML basic string: `\uXXXX`, or `\UXXXXXXXX` beyond four digits.
#[must_use]
pub fn escaped(c: char) -> String {
    match u32::from(c) {
        unit @ ..=0xFFFF => format!("\\u{unit:04X}"),
        unit => format!("\\U{unit:08X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_written_out() {
        for (c, expected) in [
            ('\u{1b}', "\\u001B"),
            ('\u{9b}', "\\u009B"),
            ('\u{61c}', "\\u061C"),
            ('\u{200b}', "\\u200B"),
            ('\u{202e}', "\\u202E"),
            ('\u{2060}', "\\u2060"),
            ('\u{feff}', "\\uFEFF"),
            ('\u{e0041}', "\\U000E0041"),
        ] {
            assert!(is_odd(c), "{expected}");
            assert_eq!(escaped(c), expected);
        }
        assert!(!['a', 'ä', '…', '映', '\u{1f3ac}', '\u{fe0f}', ' '].into_iter().any(is_odd));
    }
}
