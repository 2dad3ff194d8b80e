//! The chosen network once more, with the validation part among what it learns from.
//!
//! While networks are compared, the latest rows before the test only judge. When all is decided
//! they are worth more as examples: they are the nearest to what is to come, and a fifth more of
//! them. What was found out stays: settings, updates, weights of the sum.

use super::{Finalist, Ingredient};
use crate::model::Model;
use crate::train::data::Data;
use crate::train::halving::Runner;
use crate::train::merge::{Part, as_one};
use crate::train::parallel;
use crate::train::stop::Stop;

/// The finalist's network, trained again; `None` where `stop` came first, or where it predicts the
/// validation part, which it has seen, worse than the one that hasn't: that training went astray.
pub(super) fn refit(
    data: &Data<'_>,
    finalist: &Finalist,
    runners: &[Runner<'_>],
    threads: usize,
    stop: &Stop,
) -> Option<Model> {
    let longer = data.with_validation();
    let again = |part: &Ingredient| match part {
        Ingredient::Linear(regression) => regression.fit(&longer),
        Ingredient::Trained(setting) => {
            let runner = runners.iter().find(|runner| runner.trainee.setting == *setting)?;
            Some(runner.trainee.again(&longer, stop)?.model())
        }
    };
    let mut parts: Vec<(&Ingredient, Option<Model>)> =
        finalist.parts.iter().map(|part| (part, None)).collect();
    parallel::for_each(&mut parts, threads, |(part, model)| *model = again(part));
    let models: Option<Vec<Model>> = parts.into_iter().map(|(_, model)| model).collect();
    let models = models?;
    let part = |(model, &weight)| Part { model, weight };
    let parts: Vec<Part<'_>> = models.iter().zip(&finalist.weights).map(part).collect();
    let model = as_one(&parts)?;
    let rmse = data.validation_rmse(data.validate(&model));
    (rmse <= finalist.rmse).then_some(model)
}
