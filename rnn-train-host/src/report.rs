//! An evaluation for people (text), for programs (JSON) and for the eye (SVG).

pub mod adaptation;
mod picture;

pub use picture::{ACCENT, INK, PALE, picture};

use serde_json::{Value, json};

use crate::data::Part;
use crate::eval::{Evaluation, Rival, Score, Verdict};

/// The fields that the command promises.
pub fn json(evaluation: &Evaluation) -> Value {
    let Score { n, rmse, mae, mase } = evaluation.network;
    let score = |rival: &Option<Rival>| json!(rival.as_ref().map(|rival| rival.score));
    json!({
        "target": evaluation.target,
        "part": evaluation.question.part,
        "steps": evaluation.question.steps,
        "n": n, "rmse": rmse, "mae": mae, "mase": mase,
        "persistence": evaluation.persistence.score,
        "seasonal_naive": score(&evaluation.seasonal_naive),
        "ar": score(&evaluation.ar),
        "baselines": evaluation.rivals().map(|rival| &rival.name).collect::<Vec<_>>(),
        "verdict": evaluation.verdict,
    })
}

/// A table and the verdict in a sentence.
pub fn text(evaluation: &Evaluation) -> String {
    let mut text = format!(
        "{} on {}, {} predictions scored\n\n",
        headline(evaluation),
        part(evaluation.question.part),
        evaluation.network.n
    );
    let mut rows = vec![("this network", evaluation.network)];
    rows.extend(evaluation.rivals().map(|rival| (rival.name.as_str(), rival.score)));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    text += &format!("{:width$}  {:>10}  {:>10}  {:>10}\n", "", "RMSE", "MAE", "MASE");
    for (name, score) in rows {
        let mase = score.mase.map_or("-".into(), figure);
        let (rmse, mae) = (figure(score.rmse), figure(score.mae));
        text += &format!("{name:width$}  {rmse:>10}  {mae:>10}  {mase:>10}\n");
    }
    for (missing, why) in [
        (
            evaluation.seasonal_naive.is_none(),
            "no seasonal naive: the training part shows no season",
        ),
        (evaluation.ar.is_none(), "no AR: the training part is too short for it"),
    ] {
        if missing {
            text += &format!("({why})\n");
        }
    }
    text + "\n" + &sentence(evaluation) + "\n"
}

/// What was predicted, how far ahead.
fn headline(evaluation: &Evaluation) -> String {
    match evaluation.question.steps {
        1 => format!("{}, the next sample", evaluation.target),
        steps => format!("{}, the next {steps} samples", evaluation.target),
    }
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Train => "the training part",
        Part::Validation => "the validation part",
        Part::Test => "the test part",
        Part::All => "all rows",
    }
}

/// The verdict, plainly.
pub fn sentence(evaluation: &Evaluation) -> String {
    let rival = &evaluation.best_rival().name;
    let ratio = evaluation.ratio();
    let percent = 100.0 * (ratio - 1.0);
    let more = match ratio {
        // As for a constant, which persistence forecasts without error.
        f64::INFINITY => "makes no error at all".to_owned(),
        ratio if ratio >= 2.0 => format!("makes {} times less error", figure(ratio)),
        _ => format!("makes less error; the network's is {percent:.1} % higher"),
    };
    match evaluation.verdict {
        Verdict::Beats => format!(
            "Verdict: the network beats the best simple forecast, {rival}: {:.1} % less error (RMSE).",
            -percent
        ),
        Verdict::Ties => format!(
            "Verdict: the network only ties with {rival} ({percent:+.1} % RMSE). It isn't worth flashing: the simple forecast is as good."
        ),
        Verdict::Loses => format!(
            "Verdict: the network loses to {rival}, which {more} (RMSE). It isn't worth flashing: use the simple forecast."
        ),
    }
}

/// Four significant digits, without an exponent where that is readable.
pub fn figure(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude == 0.0 || !magnitude.is_finite() {
        return format!("{value}");
    }
    let before = magnitude.log10().floor() as i32;
    match before {
        -4..=6 => format!("{value:.*}", (3 - before).max(0) as usize),
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::figure;

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(figure(0.38712), "0.3871");
        assert_eq!(figure(1002.4), "1002");
        assert_eq!(figure(19.9132), "19.91");
        assert_eq!(figure(0.0), "0");
        assert_eq!(figure(1.234567e-7), "1.235e-7");
        assert_eq!(figure(f64::NAN), "NaN");
    }
}
