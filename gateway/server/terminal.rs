//! Whether output goes to a terminal that shows colour.

use std::io::IsTerminal;

/// Whether colour is wanted on `stream`: it is a terminal, and `NO_COLOR` is unset or empty.
pub(crate) fn is_coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
