//! One field into one number.

use super::error::Problem;

/// What a field of a number column holds.
#[derive(Debug, PartialEq)]
pub(super) enum Field {
    Value(f32),
    Missing,
    /// Infinite as written, or in single precision.
    NotFinite,
}

/// How logs write "no value", in lower case; `nan` itself parses as a number.
const MISSING: [&str; 8] = ["", "na", "n/a", "#n/a", "null", "none", "nil", "?"];

/// Parses in double precision, rounds to single.
pub(super) fn number(text: &str) -> Result<Field, Problem> {
    match text.parse::<f64>() {
        Ok(value) if value.is_nan() => Ok(Field::Missing),
        Ok(value) if (value as f32).is_finite() => Ok(Field::Value(value as f32)),
        Ok(_) => Ok(Field::NotFinite),
        Err(_) if MISSING.contains(&text.to_ascii_lowercase().as_str()) => Ok(Field::Missing),
        Err(_) if has_decimal_comma(text) => Err(Problem::DecimalComma(text.to_owned())),
        Err(_) => Err(Problem::NotANumber(shortened(text))),
    }
}

fn has_decimal_comma(text: &str) -> bool {
    text.matches(',').count() == 1 && text.replace(',', ".").parse::<f64>().is_ok()
}

/// Enough of a text to recognise it in a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
