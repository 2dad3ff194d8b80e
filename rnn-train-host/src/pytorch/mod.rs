//! How PyTorch names and lays out a network: `nn.RNN`, `nn.GRU` or `nn.LSTM` and an `nn.Linear` on top.
//!
//! Its matrices are row-major with the gates' rows over one another, r, z, n of a GRU and i, f, g, o
//! of an LSTM, as here. Where a cell here has one bias, PyTorch adds two, b_ih + b_hh; in the n gate of
//! its GRU (reset after) they stay apart, b_ih is b_n and b_hh is b_hn.

use rnn_core::elman::ElmanRef;
use rnn_core::gru::GruRef;
use rnn_core::layers::{Kind, Layer, LayerRef};
use rnn_core::lstm::LstmRef;
use rnn_core::model_file::Header;

mod description;

pub use description::{Description, KEY, ModeName, Nonlinearity, Scale, TaskName};

/// The recurrent modules' names, separated by commas, and the linear one's, of a model that has none of
/// its own: a single recurrent module where PyTorch can have all layers in one, else a list of them.
pub fn default_modules(header: &Header) -> [String; 2] {
    let layers = header.layers.count();
    let names = (0..layers).map(|i| format!("rnn.{i}")).collect::<Vec<_>>().join(",");
    [if is_uniform(header) { "rnn".to_owned() } else { names }, "fc".to_owned()]
}

/// Whether all layers are of the same kind and size.
pub fn is_uniform(header: &Header) -> bool {
    let mut layers = header.shape().layers().map(|layer| (layer.kind, layer.hidden));
    let first = layers.next();
    layers.all(|layer| Some(layer) == first)
}

/// No bias: what adds nothing to any number, not even to -0. A module without biases is read as one
/// of these, and a bias of nothing but these isn't written.
pub const NO_BIAS: f32 = -0.0;

/// Whether that is a bias at all.
pub fn is_bias(values: &[f32]) -> bool {
    values.iter().any(|value| value.to_bits() != NO_BIAS.to_bits())
}

/// The recurrent modules, which read one another in this order: a single one with all layers, or as
/// many as there are layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modules(Vec<String>);

impl Modules {
    /// From the modules' names, separated by commas.
    pub fn new(names: &str) -> Self {
        Modules(names.split(',').map(|name| name.trim().to_owned()).collect())
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The name of a tensor, one of `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, of a layer.
    pub fn tensor(&self, layer: usize, tensor: &str) -> String {
        match &self.0[..] {
            [all] => join(all, &format!("{tensor}_l{layer}")),
            each => join(each.get(layer).map_or("", String::as_str), &format!("{tensor}_l0")),
        }
    }
}

/// The name of a module's tensor; a module without a name is the whole network.
pub fn join(module: &str, tensor: &str) -> String {
    if module.is_empty() { tensor.to_owned() } else { format!("{module}.{tensor}") }
}

/// The module and the tensor of a name.
pub fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// Gates of a cell, whose rows are stacked.
pub fn gates(kind: Kind) -> usize {
    match kind {
        Kind::Elman(_) => 1,
        Kind::Gru(_) => 3,
        Kind::Lstm => 4,
    }
}

/// A layer as PyTorch has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerState {
    /// GH x I, row-major.
    pub w_ih: Vec<f32>,
    /// GH x H, row-major.
    pub w_hh: Vec<f32>,
    /// b_ih and b_hh, GH values each.
    pub biases: [Vec<f32>; 2],
}

impl LayerState {
    /// The flat parameters, in the order of [`Layer::tensors`]. (A GRU is one of reset after.)
    pub fn flat(&self, layer: Layer) -> Vec<f32> {
        let Layer { kind, inputs, hidden } = layer;
        let LayerState { w_ih, w_hh, biases: [b_ih, b_hh] } = self;
        // The gates with a bias of one piece: all, but r and z only of a GRU.
        let joint = match kind {
            Kind::Elman(_) | Kind::Lstm => gates(kind) * hidden,
            Kind::Gru(_) => 2 * hidden,
        };
        let mut flat = Vec::with_capacity(layer.parameters());
        for (w, columns) in [(w_ih, inputs), (w_hh, hidden)] {
            let (joint, apart) = w.split_at(joint * columns);
            flat.extend(transposed(joint, columns));
            flat.extend(transposed(apart, columns));
        }
        flat.extend(b_ih.iter().zip(b_hh).map(|(b_ih, b_hh)| sum(*b_ih, *b_hh)).take(joint));
        flat.extend(&b_ih[joint..]);
        flat.extend(&b_hh[joint..]);
        flat
    }

    /// The same from a layer; what is one bias here becomes b_ih, and b_hh is 0 there. `None` for a
    /// cell that PyTorch doesn't have.
    pub fn of(layer: LayerRef<'_, f32>) -> Option<Self> {
        let rows = |w: &[f32], rows: usize| transposed(w, rows).collect::<Vec<f32>>();
        let without = |b: &[f32]| vec![if is_bias(b) { 0.0 } else { NO_BIAS }; b.len()];
        Some(match layer {
            LayerRef::Elman(ElmanRef { hidden, w_xh, w_hh, b, .. }) => LayerState {
                w_ih: rows(w_xh, hidden),
                w_hh: rows(w_hh, hidden),
                biases: [b.to_vec(), without(b)],
            },
            LayerRef::Lstm(LstmRef { hidden, w_x, w_h, b, .. }) => LayerState {
                w_ih: rows(w_x, 4 * hidden),
                w_hh: rows(w_h, 4 * hidden),
                biases: [b.to_vec(), without(b)],
            },
            LayerRef::Gru(GruRef { b_hn: [], .. }) => return None,
            LayerRef::Gru(GruRef { hidden, w_xg, w_xn, w_hg, w_hn, b_g, b_n, b_hn, .. }) => {
                LayerState {
                    w_ih: [rows(w_xg, 2 * hidden), rows(w_xn, hidden)].concat(),
                    w_hh: [rows(w_hg, 2 * hidden), rows(w_hn, hidden)].concat(),
                    biases: [[b_g, b_n].concat(), [&without(b_g)[..], b_hn].concat()],
                }
            }
        })
    }
}

/// b_ih + b_hh; adding a 0 changes no bit.
fn sum(b_ih: f32, b_hh: f32) -> f32 {
    if b_hh == 0.0 { b_ih } else { b_ih + b_hh }
}

/// The columns, one after the other, of a row-major matrix with so many; read the other way round,
/// the rows of a column-major matrix with so many.
pub fn transposed(matrix: &[f32], columns: usize) -> impl Iterator<Item = f32> {
    (0..columns).flat_map(move |c| matrix.iter().skip(c).step_by(columns).copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rnn_core::activation::Activation;
    use rnn_core::gru::Reset;
    use rnn_core::random::SplitMix64;

    #[test]
    fn a_layer_survives_the_way_there_and_back() {
        for kind in [Kind::Elman(Activation::Tanh), Kind::Gru(Reset::After), Kind::Lstm] {
            let layer = Layer { kind, inputs: 3, hidden: 5 };
            let mut flat = vec![0.0; layer.parameters()];
            SplitMix64::new(1).fill_uniform(1.0, &mut flat);
            let state = LayerState::of(layer.view(&flat).unwrap()).unwrap();
            assert_eq!(state.flat(layer), flat, "{kind:?}");
        }
    }

    #[test]
    fn no_bias_stays_none_and_a_bias_of_zeros_one() {
        let layer = Layer { kind: Kind::Gru(Reset::After), inputs: 1, hidden: 2 };
        for (bias, kept) in [(NO_BIAS, false), (0.0, true)] {
            let state = LayerState {
                w_ih: vec![1.0; 6],
                w_hh: vec![1.0; 12],
                biases: [vec![bias; 6], vec![bias; 6]],
            };
            let flat = state.flat(layer);
            let back = LayerState::of(layer.view(&flat).unwrap()).unwrap();
            assert_eq!(back.biases.map(|b| is_bias(&b)), [kept; 2]);
        }
    }

    #[test]
    fn rows_become_columns() {
        let matrix = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert!(transposed(&matrix, 3).eq([1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    }
}
