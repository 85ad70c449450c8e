//! Standard output of a command, and spans of time as people write and read them.

use std::io::Write as _;
use std::time::Duration;

use super::failure::Failure;

/// Writes to standard output. It is no error if the reader has closed the pipe.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A span of time as people write it: `90s`, `30m`, `1h`, `7d`.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("a number and one of `s`, `m`, `h`, `d`, such as `1h`".into()),
    };
    let count: u64 = count.parse().map_err(|_| "begins with a number, such as `1h`".to_owned())?;
    match count.checked_mul(seconds) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("longer than nothing".into()),
        None => Err("too long".into()),
    }
}
