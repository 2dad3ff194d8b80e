//! Several networks as one: their cells side by side, the readout a weighted sum of theirs.
//!
//! Networks that were trained apart err apart, and the mean of their predictions errs less than they
//! do on average (L. Breiman, "Bagging predictors", Machine Learning 24, 1996). With W_hh
//! block-diagonal their weighted sum is a network again: as many units as they have together, one
//! readout W_hy = (w_1 W_1, ..., w_K W_K), b_y the weighted sum of theirs.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer, Layers};
use rnn_core::network::Shape;
use rnn_core::scaling::Mode;

use crate::model::Model;

/// A network with its share in the sum.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The network.
    pub model: &'a Model,
    /// What its prediction is multiplied by, less persistence (less the mean level if raw).
    pub weight: f64,
}

/// The kind of cell that all of these can be written as, and the sum of their units; `None` for
/// stacks, and for kinds that don't go together.
pub fn common(models: &[&Model]) -> Option<Layer> {
    let (first, others) = models.split_first()?;
    let layer = |model: &Model| {
        let layers = model.header.layers;
        (layers.count() == 1).then(|| layers.get(0, model.header.inputs))
    };
    others.iter().try_fold(layer(first)?, |sum, model| {
        let Layer { kind, inputs, hidden } = layer(model)?;
        let kind = match (sum.kind, kind) {
            (a, b) if a == b => a,
            (ELMAN, GRU) | (GRU, ELMAN) => GRU,
            _ => return None,
        };
        Some(Layer { kind, inputs, hidden: sum.hidden + hidden })
    })
}

/// The kind of a model's uppermost cell.
pub fn kind(model: &Model) -> Kind {
    model.header.layers.get(usize::MAX, model.header.inputs).kind
}

/// What an Elman cell is by default.
pub const ELMAN: Kind = Kind::Elman(Activation::Tanh);
/// The kind of GRU that Elman cells go into.
pub const GRU: Kind = Kind::Gru(Reset::After);

/// A gate's bias that opens it, or with a minus shuts it, whatever else it reads: sigmoid(20) lies
/// 2e-9 from 1, the table's 2e-6.
const OPEN: f32 = 20.0;

/// The weighted sum of networks as one; `None` where they have nothing in [`common`], or differ in
/// task, window, channels or scales.
pub fn merge(parts: &[Part<'_>]) -> Option<Model> {
    let models: Vec<&Model> = parts.iter().map(|part| part.model).collect();
    let merged = common(&models)?;
    let first = models[0];
    let fits = |model: &&Model| {
        let (a, b) = (&model.header, &first.header);
        (a.task, a.inputs, a.window) == (b.task, b.inputs, b.window)
            && (&model.names, &model.channels) == (&first.names, &first.channels)
    };
    if !models.iter().all(fits) {
        return None;
    }
    let hidden = merged.hidden;
    let shape = Shape { layers: Layers::one(merged.kind, hidden), ..first.header.shape() };
    let written: Vec<(usize, Vec<f32>)> =
        models.iter().map(|model| (model.header.layers.hidden(), cell(model, merged.kind))).collect();

    let mut parameters = Vec::with_capacity(shape.parameters());
    let mut read = vec![0; models.len()];
    for (tensor, (rows, columns)) in merged.tensors().into_iter().enumerate() {
        // Rows of gates over one another; columns of the inputs, of h, or one for a bias.
        let gates = rows / hidden;
        let recurrent = is_recurrent(merged.kind, tensor);
        let mut into = vec![0.0; rows * columns];
        let mut from = 0;
        for ((size, values), read) in written.iter().zip(&mut read) {
            let width = if recurrent { *size } else { columns };
            let values = &values[*read..][..gates * size * width];
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
    for Part { model, weight } in parts {
        parameters.extend(model.view().readout().w.iter().map(|&w| (f64::from(w) * weight) as f32));
    }
    // What the weights lack to 1 falls to persistence, which has no mean difference.
    let lack = 1.0 - parts.iter().map(|part| part.weight).sum::<f64>();
    let mode = first.mode_and_target().0;
    for (output, channel) in first.channels.iter().enumerate() {
        let biases = parts.iter().map(|Part { model, weight }| {
            f64::from(model.view().readout().b[output]) * weight
        });
        let mean = match mode {
            Mode::Raw => 0.0,
            Mode::Residual | Mode::Difference => {
                f64::from(channel.difference_mean) / f64::from(channel.difference_deviation)
            }
        };
        parameters.push((biases.sum::<f64>() - lack * mean) as f32);
    }
    let mut header = first.header;
    header.layers = shape.layers;
    Some(Model { header, parameters, biases: Vec::new(), ..first.clone() })
}

/// The parameters of a model's only cell, written as a cell of `kind`: an Elman cell is a GRU whose
/// update gate is shut, so that h = n, and whose reset gate is open.
fn cell(model: &Model, kind: Kind) -> Vec<f32> {
    let header = &model.header;
    let layer = header.layers.get(0, header.inputs);
    let parameters = &model.parameters[..layer.parameters()];
    if layer.kind == kind {
        return parameters.to_vec();
    }
    let Layer { inputs, hidden, .. } = layer;
    let (w_xh, rest) = parameters.split_at(hidden * inputs);
    let (w_hh, b) = rest.split_at(hidden * hidden);
    let zeros = |count: usize| vec![0.0; count];
    let (open, shut) = (vec![OPEN; hidden], vec![-OPEN; hidden]);
    let (w_xg, w_hg) = (zeros(2 * w_xh.len()), zeros(2 * w_hh.len()));
    // W_xg, W_xn, W_hg, W_hn, b_r over b_z, b_n, b_hn.
    [&w_xg, w_xh, &w_hg, w_hh, &open, &shut, b, &zeros(hidden)].concat()
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
    use super::{ELMAN, GRU, Part, merge};
    use crate::model::Model;
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
        let channel = Channel { difference_mean: 0.25, ..Channel::IDENTITY };
        let (names, channels) = (vec!["a".into(), "b".into()], vec![channel; 2]);
        Model { header, names, channels, parameters, biases: vec![], samples: vec![] }
    }

    /// The sum of the predictions' differences to the sample, weighted.
    fn check(models: &[Model], weights: &[f64]) {
        let parts: Vec<Part<'_>> =
            models.iter().zip(weights).map(|(model, &weight)| Part { model, weight }).collect();
        let merged = merge(&parts).expect("they fit");
        assert_eq!(merged.header.layers.hidden(), 17);
        let mut predictors: Vec<_> = models.iter().map(Model::predictor).collect();
        let mut one = merged.predictor();
        for t in 0..50 {
            let sample = [(t as f32 * 0.3).sin(), (t as f32 * 0.17).cos()];
            let mut sum = sample;
            for (predictor, &weight) in predictors.iter_mut().zip(weights) {
                let change = predictor.step(&sample).iter().zip(sample).map(|(p, s)| p - s);
                sum.iter_mut().zip(change).for_each(|(sum, change)| *sum += change * weight as f32);
            }
            // Single precision; the gates of a lifted Elman cell are 2e-6 from open and shut.
            for (got, sum) in one.step(&sample).iter().zip(sum) {
                assert!((got - sum).abs() < 3e-5, "{weights:?} {t}: {got} {sum}");
            }
        }
    }

    #[test]
    fn the_merged_network_predicts_the_weighted_sum() {
        for kind in [ELMAN, GRU, Kind::Gru(Reset::Before), Kind::Lstm] {
            let models = [random(kind, 5, 1), random(kind, 3, 2), random(kind, 9, 3)];
            check(&models, &[1.0 / 3.0; 3]);
            check(&models, &[0.5, 0.2, 0.1]);
        }
    }

    #[test]
    fn an_elman_cell_goes_into_a_gru() {
        check(&[random(ELMAN, 5, 1), random(GRU, 3, 2), random(ELMAN, 9, 3)], &[0.3, 0.4, 0.2]);
    }

    #[test]
    fn what_does_not_fit_is_not_merged() {
        let part = |model| Part { model, weight: 0.5 };
        let (a, b) = (random(Kind::Lstm, 3, 1), random(GRU, 3, 1));
        assert!(merge(&[part(&a), part(&b)]).is_none());
        assert!(merge(&[]).is_none());
        let mut c = a.clone();
        c.channels[1].level_mean = 3.0;
        assert!(merge(&[part(&a), part(&c)]).is_none());
    }
}
