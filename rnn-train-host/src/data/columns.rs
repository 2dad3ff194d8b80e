//! Finding a column by its name.

use super::error::{Error, Problem};

/// The one column of that name.
pub(super) fn find(names: &[String], name: &str) -> Result<usize, Error> {
    let mut places = names.iter().enumerate().filter(|(_, n)| *n == name);
    match (places.next(), places.next()) {
        (Some((column, _)), None) => Ok(column),
        (Some(_), Some(_)) => Err(Problem::DuplicateColumn(name.to_owned()).into()),
        (None, _) => Err(Problem::UnknownColumn {
            name: name.to_owned(),
            nearest: nearest(names, name),
            columns: names.to_vec(),
        }
        .into()),
    }
}

/// The most similar name, if any is similar at all.
fn nearest(names: &[String], name: &str) -> Option<String> {
    let similarity =
        |other: &str| strsim::jaro_winkler(&other.to_lowercase(), &name.to_lowercase());
    names
        .iter()
        .map(|other| (similarity(other), other))
        .filter(|(similarity, _)| *similarity > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other.clone())
}
