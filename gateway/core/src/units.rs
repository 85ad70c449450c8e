//! Quantities with units: every time, size and rate says in what it is counted.

use std::time::Duration;

/// What a duration may look like.
pub const DURATIONS: &str = "a whole number with a unit: \"10ms\", \"10s\", \"5m\", \"1h\" or \"365d\"";
/// What a size may look like.
pub const SIZES: &str = "a whole number with a unit: \"512B\", \"16KiB\", \"1MiB\", \"2GiB\" (or \"16KB\", \"1MB\", \"2GB\", counted in thousands)";
/// What a rate of bytes may look like.
pub const RATES: &str = "a size for each second: \"1KiB/s\"";

/// Reads `10ms`, `10s`, `5m`, `1h`, `365d`; `None` if the text is none of these or too large.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => number,
        "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(millis))
}

/// Reads `512B`, `16KiB`, `1MiB`, `2GiB`, `16KB`, `1MB`, `2GB` as bytes; `None` if the text is none of these
/// or too large.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(bytes)
}

/// Reads `1KiB/s` as bytes in a second.
#[must_use]
pub fn rate(text: &str) -> Option<u64> {
    size(text.strip_suffix("/s")?.trim_ascii_end())
}

/// Writes a duration as it is written in a file.
#[must_use]
pub fn show_duration(value: Duration) -> String {
    let millis = value.as_millis();
    for (unit, each) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis >= each && millis.is_multiple_of(each) {
            return format!("{}{unit}", millis / each);
        }
    }
    format!("{millis}ms")
}

/// Writes a span for people, in its two largest units: `1h 2m`, `90d`. Parts of a second are dropped.
#[must_use]
pub fn show_span(value: Duration) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = value.as_secs();
    let Some(first) = units.iter().position(|(each, _)| rest >= *each) else { return "0s".to_owned() };
    let mut parts = Vec::new();
    for (each, unit) in units.iter().skip(first).take(2) {
        let count = rest / each;
        rest %= each;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    parts.join(" ")
}

/// Writes a size as it is written in a file.
#[must_use]
pub fn show_size(value: u64) -> String {
    for (unit, each) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if value >= each && value.is_multiple_of(each) {
            return format!("{}{unit}", value / each);
        }
    }
    format!("{value}B")
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_ascii();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_ascii_start()))
}

#[cfg(test)]
mod tests;
