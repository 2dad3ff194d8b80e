//! One field into one number.

use rnn_core::watch::guard;

use super::error::Problem;

/// What a field of a number column holds.
#[derive(Debug, PartialEq)]
pub(super) enum Field {
    Value(f32),
    /// Nothing is written there.
    Missing,
    /// NaN is.
    NotANumber,
    /// Infinite as written, or in single precision.
    Infinite(f32),
}

/// What a table holds for infinity, with its sign: all that isn't a value is a NaN there, and which one
/// says what was written.
const INFINITE: f32 = f32::from_bits(0x7fc0_494e);

/// What a table holds for a field.
pub(super) fn held(field: Field) -> f32 {
    match field {
        Field::Value(value) => value,
        Field::Missing => guard::MISSING,
        Field::NotANumber => f32::NAN,
        Field::Infinite(value) => INFINITE.copysign(value),
    }
}

/// What a sensor has sent for such a value of a table.
pub fn as_sent(value: f32) -> f32 {
    if value.to_bits() << 1 == INFINITE.to_bits() << 1 {
        f32::INFINITY.copysign(value)
    } else {
        value
    }
}

/// How logs write "no value", in lower case; `nan` itself parses as a number.
const MISSING: [&str; 8] = ["", "na", "n/a", "#n/a", "null", "none", "nil", "?"];

/// Parses in double precision, rounds to single.
pub(super) fn number(text: &str) -> Result<Field, Problem> {
    match text.parse::<f64>() {
        Ok(value) if value.is_nan() => Ok(Field::NotANumber),
        Ok(value) if (value as f32).is_finite() => Ok(Field::Value(value as f32)),
        Ok(value) => Ok(Field::Infinite(value as f32)),
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
