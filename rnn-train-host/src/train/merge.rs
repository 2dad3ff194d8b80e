//! Several networks as one: their cells side by side, the readout the mean of theirs.
//!
//! Networks that were trained apart err apart, and the mean of their predictions errs less than they
//! do on average (L. Breiman, "Bagging predictors", Machine Learning 24, 1996). With W_hh
//! block-diagonal the mean is a network of the same kind again: K times as many units, one readout
//! W_hy = (W_1 / K, ..., W_K / K), b_y the mean of theirs.

use rnn_core::layers::{Kind, Layer, Layers};
use rnn_core::network::Shape;

use crate::model::Model;

/// The mean of `models` as one model; `None` unless all have a single layer of the same kind, and the
/// same task, window, channels and scales.
pub fn merge(models: &[&Model]) -> Option<Model> {
    let (first, others) = models.split_first()?;
    let fits = |model: &&Model| {
        let (a, b) = (&model.header, &first.header);
        a.layers.count() == 1
            && a.layers.get(0, a.inputs).kind == b.layers.get(0, b.inputs).kind
            && (a.task, a.inputs, a.window) == (b.task, b.inputs, b.window)
            && (&model.names, &model.channels) == (&first.names, &first.channels)
    };
    if others.is_empty() || !models.iter().all(fits) {
        return None;
    }
    let layer = first.header.layers.get(0, first.header.inputs);
    let sizes: Vec<usize> = models.iter().map(|model| model.header.layers.hidden()).collect();
    let hidden = sizes.iter().sum();
    let shape = Shape { layers: Layers::one(layer.kind, hidden), ..first.header.shape() };
    let merged = Layer { hidden, ..layer };

    let mut parameters = Vec::with_capacity(shape.parameters());
    let mut read = vec![0; models.len()];
    for (tensor, (rows, columns)) in merged.tensors().into_iter().enumerate() {
        // Rows of gates over one another; columns of the inputs, of h, or one for a bias.
        let gates = rows / hidden;
        let recurrent = is_recurrent(layer.kind, tensor);
        let mut into = vec![0.0; rows * columns];
        let mut from = 0;
        for ((model, &size), read) in models.iter().zip(&sizes).zip(&mut read) {
            let width = if recurrent { size } else { columns };
            let values = &model.parameters[*read..][..gates * size * width];
            *read += values.len();
            for (k, &value) in values.iter().enumerate() {
                let (gate, row, column) = (k / size % gates, k % size, k / (gates * size));
                let column = if recurrent { from + column } else { column };
                into[column * rows + gate * hidden + from + row] = value;
            }
            from += size;
        }
        parameters.extend(into);
    }
    let share = 1.0 / models.len() as f32;
    for model in models {
        parameters.extend(model.view().readout().w.iter().map(|w| w * share));
    }
    for output in 0..shape.outputs {
        let biases = models.iter().map(|model| f64::from(model.view().readout().b[output]));
        parameters.push((biases.sum::<f64>() / models.len() as f64) as f32);
    }
    let mut header = first.header;
    header.layers = shape.layers;
    Some(Model { header, parameters, biases: Vec::new(), ..(*first).clone() })
}

/// Whether a tensor of [`Layer::tensors`] is multiplied by h.
fn is_recurrent(kind: Kind, tensor: usize) -> bool {
    match kind {
        Kind::Elman(_) | Kind::Lstm => tensor == 1,
        Kind::Gru(_) => tensor == 2 || tensor == 3,
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use crate::model::Model;
    use rnn_core::activation::Activation;
    use rnn_core::gru::Reset;
    use rnn_core::layers::{Kind, Layers};
    use rnn_core::model_file::{Header, Task};
    use rnn_core::random::SplitMix64;
    use rnn_core::scaling::{Channel, Mode};

    fn random(kind: Kind, hidden: usize, seed: u64) -> Model {
        let header = Header {
            task: Task::Forecast { mode: Mode::Residual, target: 0 },
            inputs: 2,
            layers: Layers::one(kind, hidden),
            window: 0,
            self_tests: 0,
            two_biases: false,
            seed,
        };
        let mut parameters = vec![0.0; header.shape().parameters()];
        SplitMix64::new(seed).fill_uniform(0.5, &mut parameters);
        let (names, channels) = (vec!["a".into(), "b".into()], vec![Channel::IDENTITY; 2]);
        let modules = Default::default();
        Model { header, names, channels, parameters, modules, biases: vec![], samples: vec![] }
    }

    #[test]
    fn the_merged_network_predicts_the_mean() {
        for kind in [
            Kind::Elman(Activation::Tanh),
            Kind::Gru(Reset::After),
            Kind::Gru(Reset::Before),
            Kind::Lstm,
        ] {
            let models = [random(kind, 5, 1), random(kind, 3, 2), random(kind, 9, 3)];
            let merged = merge(&models.each_ref()).expect("they fit");
            assert_eq!(merged.header.layers.hidden(), 17);
            let mut predictors = models.each_ref().map(Model::predictor);
            let mut one = merged.predictor();
            for t in 0..50 {
                let sample = [(t as f32 * 0.3).sin(), (t as f32 * 0.17).cos()];
                let mut mean = [0.0; 2];
                for predictor in &mut predictors {
                    let prediction = predictor.step(&sample);
                    mean.iter_mut().zip(prediction).for_each(|(mean, p)| *mean += p / 3.0);
                }
                for (got, mean) in one.step(&sample).iter().zip(mean) {
                    assert!((got - mean).abs() < 1e-5, "{kind:?} {t}: {got} {mean}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_not_merged() {
        let (a, b) = (random(Kind::Lstm, 3, 1), random(Kind::Gru(Reset::After), 3, 1));
        assert!(merge(&[&a, &b]).is_none());
        assert!(merge(&[&a]).is_none());
        let mut c = a.clone();
        c.channels[1].level_mean = 3.0;
        assert!(merge(&[&a, &c]).is_none());
    }
}
