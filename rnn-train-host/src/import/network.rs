//! Finding the recurrent and the linear module in a state by their tensors' names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer, Layers, MAX_LAYERS};
use rnn_core::model_file::LIMIT;

use super::state::{State, list};
use crate::pytorch::{Description, LayerState, Modules, NO_BIAS, Nonlinearity, gates, join, split};

/// A network as it was in the state.
pub(super) struct Network {
    /// I
    pub(super) inputs: usize,
    /// O
    pub(super) outputs: usize,
    pub(super) layers: Layers,
    /// Flat, as a model file has them.
    pub(super) parameters: Vec<f32>,
    /// b_ih and b_hh of every layer.
    pub(super) biases: Vec<f32>,
    /// Whether a layer is an `nn.RNN`, whose nonlinearity no tensor shows.
    pub(super) elman: bool,
    /// The names of the recurrent modules and of the linear one.
    pub(super) modules: [String; 2],
}

/// Takes the network's tensors out of the state.
pub(super) fn take(state: &mut State<'_>, description: &Description) -> Result<Network> {
    let found = recurrent_modules(state)?;
    let modules = match &description.recurrent {
        Some(names) => Modules::new(names),
        None => match &found.keys().copied().collect::<Vec<&str>>()[..] {
            [one] => Modules::new(one),
            [] => bail!(
                "there is no recurrent layer: no tensor is named like rnn.weight_ih_l0; there are {}",
                list(state.names())
            ),
            several => bail!(
                "there are several recurrent modules: {}; name the one to read with --recurrent, or all in the order in which they read one another, with commas between",
                list(several.iter().copied())
            ),
        },
    };
    let count = match modules.names() {
        [all] => found.get(&all[..]).copied().unwrap_or(1),
        each => {
            let deep = each.iter().find(|name| found.get(&name[..]).is_some_and(|&n| n > 1));
            if let Some(name) = deep {
                bail!("{name} has several layers; of modules in a row each must have one");
            }
            each.len()
        }
    };
    ensure!(count <= MAX_LAYERS, "there are {count} layers, and a model has at most {MAX_LAYERS}");

    let mut network = Network {
        inputs: 0,
        outputs: 0,
        layers: Layers::one(Kind::Lstm, 0),
        parameters: Vec::new(),
        biases: Vec::new(),
        elman: false,
        modules: [modules.names().join(","), String::new()],
    };
    let mut below: Option<Layer> = None;
    for i in 0..count {
        let one_module = modules.names().len() == 1;
        let kind = below.filter(|_| one_module).map(|layer| layer.kind);
        let layer = layer(state, &modules, i, below, kind, description)?;
        let Layer { kind, inputs, hidden } = layer;
        network.elman |= matches!(kind, Kind::Elman(_));
        network.layers = match below {
            None => {
                network.inputs = inputs;
                Layers::one(kind, hidden)
            }
            Some(_) => network.layers.with(kind, hidden).context("too many layers")?,
        };
        let layer_state = layer_state(state, &modules, i, layer)?;
        let flat = layer_state.flat(layer);
        ensure!(
            flat.iter().all(|value| value.is_finite()),
            "{} + {} is beyond the range of f32",
            modules.tensor(i, "bias_ih"),
            modules.tensor(i, "bias_hh")
        );
        network.parameters.extend(flat);
        network.biases.extend(layer_state.biases.concat());
        below = Some(layer);
    }
    linear(state, description, &mut network)?;

    let left: Vec<&str> = state.names().collect();
    let chosen = description.recurrent.is_some() || description.linear.is_some();
    ensure!(
        left.is_empty() || chosen,
        "there are tensors that are no part of recurrent layers with a linear one on top: {}; if the network works without them, name its modules with --recurrent and --linear",
        list(left)
    );
    Ok(network)
}

/// The modules with recurrent tensors, and the number of their layers.
fn recurrent_modules<'s>(state: &'s State<'_>) -> Result<BTreeMap<&'s str, usize>> {
    let mut found = BTreeMap::new();
    for name in state.names() {
        let (module, tensor) = split(name);
        let kinds = ["weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l", "weight_hr_l"];
        let Some(layer) = kinds.into_iter().find_map(|kind| tensor.strip_prefix(kind)) else {
            continue;
        };
        ensure!(
            !layer.ends_with("_reverse"),
            "{name}: the network is bidirectional, which needs the whole series before the first output; a stream can't run it. Train it with bidirectional=False"
        );
        ensure!(
            !tensor.starts_with("weight_hr"),
            "{name}: the LSTM has projections (proj_size), which the cells here don't have. Train it with proj_size=0"
        );
        if let Ok(layer) = layer.parse::<u32>() {
            let count = found.entry(module).or_insert(0);
            *count = (*count).max(layer as usize + 1);
        }
    }
    Ok(found)
}

/// Kind and sizes of layer `i`, `below` being the one that it reads.
fn layer(
    state: &State<'_>,
    modules: &Modules,
    i: usize,
    below: Option<Layer>,
    kind: Option<Kind>,
    description: &Description,
) -> Result<Layer> {
    let [ih, hh] = ["weight_ih", "weight_hh"].map(|tensor| modules.tensor(i, tensor));
    let (rows, hidden) = state.matrix_shape(&hh)?;
    let (_, columns) = state.matrix_shape(&ih)?;
    let kind = match (kind, rows.checked_rem(hidden).map(|rest| (rows / hidden, rest))) {
        (Some(kind), _) => kind,
        (None, Some((1, 0))) => {
            Kind::Elman(description.nonlinearity.unwrap_or(Nonlinearity::Tanh).into())
        }
        (None, Some((3, 0))) => Kind::Gru(Reset::After),
        (None, Some((4, 0))) => Kind::Lstm,
        _ => bail!(
            "{hh} has the shape [{rows}, {hidden}], expected H, 3 H or 4 H rows (nn.RNN, nn.GRU, nn.LSTM) for H columns"
        ),
    };
    for (name, size) in [(&ih, columns), (&hh, hidden)] {
        let what = format!("{name} has {size} columns, and a model has at most {LIMIT}");
        // The inputs of a text model are symbols, of which there may be more.
        ensure!(size <= LIMIT || i == 0 && *name == ih, what);
    }
    Ok(Layer { kind, inputs: below.map_or(columns, |below| below.hidden), hidden })
}

/// The tensors of layer `i`.
fn layer_state(
    state: &mut State<'_>,
    modules: &Modules,
    i: usize,
    layer: Layer,
) -> Result<LayerState> {
    let Layer { kind, inputs, hidden } = layer;
    let rows = gates(kind) * hidden;
    let w_ih = state.take(&modules.tensor(i, "weight_ih"), &[rows, inputs])?;
    let w_hh = state.take(&modules.tensor(i, "weight_hh"), &[rows, hidden])?;
    let [b_ih, b_hh] = ["bias_ih", "bias_hh"].map(|tensor| modules.tensor(i, tensor));
    let biases = if state.has(&b_ih) || state.has(&b_hh) {
        [state.take(&b_ih, &[rows])?, state.take(&b_hh, &[rows])?]
    } else {
        [vec![NO_BIAS; rows], vec![NO_BIAS; rows]]
    };
    Ok(LayerState { w_ih, w_hh, biases })
}

/// Takes the linear module on top.
fn linear(state: &mut State<'_>, description: &Description, network: &mut Network) -> Result<()> {
    let is_matrix = |name: &&str| state.matrix_shape(name).is_ok();
    let weights = state.names().filter(|name| split(name).1 == "weight").filter(is_matrix);
    let found: BTreeSet<&str> = weights.map(|name| split(name).0).collect();
    let module = match (&description.linear, &found.iter().copied().collect::<Vec<_>>()[..]) {
        (Some(module), _) => module.clone(),
        (None, &[one]) => one.to_owned(),
        (None, []) => bail!(
            "there is no linear layer on top: no matrix is named like fc.weight; what is left is {}",
            list(state.names())
        ),
        (None, several) => bail!(
            "there are several modules that could be the linear layer on top: {}; name it with --linear",
            list(several.iter().copied())
        ),
    };
    let (weight, bias) = (join(&module, "weight"), join(&module, "bias"));
    let hidden = network.layers.hidden();
    let (outputs, _) = state.matrix_shape(&weight)?;
    let w = state.take(&weight, &[outputs, hidden])?;
    let b = match state.has(&bias) {
        true => state.take(&bias, &[outputs])?,
        false => vec![NO_BIAS; outputs],
    };
    network.parameters.extend(crate::pytorch::transposed(&w, hidden));
    network.parameters.extend(b);
    network.outputs = outputs;
    network.modules[1] = module;
    Ok(())
}
