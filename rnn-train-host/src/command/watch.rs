//! What is to be watched for, as `rnn train` and `rnn tune` take it.

use rnn_train_host::watch::{FALSE_ALARMS, HOLD, Options, WARM_UP};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the model watches for")]
pub(crate) struct WatchArguments {
    /// False alarms per sample that `rnn detect` and the device may make, about.
    #[arg(long, value_name = "RATE", default_value_t = FALSE_ALARMS, value_parser = rate)]
    false_alarms: f64,
    /// What a column's sensor can say, as in temperature=-40..125; may be repeated [default: what the
    /// log has and as much on both sides; nothing where the network reads differences]
    #[arg(long, value_name = "COL=LOW..HIGH", value_parser = range, allow_hyphen_values = true)]
    range: Vec<(String, [f32; 2])>,
    /// Samples in a row for which predictions may stand in.
    #[arg(long, value_name = "N", default_value_t = HOLD)]
    hold: u32,
    /// Samples after which the predictions of a network that started from rest are to be trusted.
    #[arg(long, value_name = "N", default_value_t = WARM_UP)]
    warm_up: u32,
}

impl WatchArguments {
    pub(crate) fn options(&self) -> Options {
        Options {
            false_alarms: self.false_alarms,
            hold: self.hold,
            warm_up: self.warm_up,
            ranges: self.range.clone(),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| *rate > 0.0 && *rate < 1.0);
    rate.ok_or_else(|| format!("'{text}' is no number above 0 and below 1"))
}

fn range(text: &str) -> Result<(String, [f32; 2]), String> {
    let parts = text.rsplit_once('=').and_then(|(name, range)| {
        let (low, high) = range.split_once("..")?;
        let number = |text: &str| text.trim().parse().ok().filter(|value: &f32| value.is_finite());
        Some((name.to_owned(), [number(low)?, number(high)?]))
    });
    let (name, [low, high]) =
        parts.ok_or_else(|| format!("'{text}' is no range like temperature=-40..125"))?;
    if low < high { Ok((name, [low, high])) } else { Err(format!("'{text}' is an empty range")) }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("t=-40..125"), Ok(("t".into(), [-40.0, 125.0])));
        assert_eq!(range("a=b=0.5..1e3"), Ok(("a=b".into(), [0.5, 1000.0])));
        for wrong in ["", "t", "t=", "t=1", "t=1..", "t=2..1", "t=1..inf", "t=a..b", "1..2"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
