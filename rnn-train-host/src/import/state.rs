//! The tensors of a safetensors file, checked as they are taken out.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow, bail, ensure};
use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata, TensorView};

use crate::pytorch::KEY;

/// Names that an error lists at most.
const LISTED: usize = 12;

/// The tensors that nobody has taken yet.
pub(super) struct State<'b> {
    tensors: BTreeMap<String, TensorView<'b>>,
    /// The metadata that an export of this program wrote.
    pub(super) description: Option<String>,
    /// Tensors that lost digits on their way to f32.
    pub(super) rounded: Vec<String>,
}

impl<'b> State<'b> {
    /// Checks the file's header: every tensor lies in the file, none overlaps another.
    pub(super) fn parse(bytes: &'b [u8]) -> Result<Self> {
        let advice = if bytes.starts_with(b"PK") {
            "this is a zip archive, PyTorch's own format perhaps"
        } else {
            "this is no safetensors file, or a damaged one"
        };
        let wrong = |error| {
            anyhow!(
                "{advice} ({error}); write it with safetensors.torch.save_file(model.state_dict(), FILE)"
            )
        };
        let file = SafeTensors::deserialize(bytes).map_err(wrong)?;
        let (_, metadata): (_, Metadata) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
        let description = metadata.metadata().as_ref().and_then(|keys| keys.get(KEY).cloned());
        let tensors = file.tensors().into_iter().collect();
        Ok(State { tensors, description, rounded: Vec::new() })
    }

    /// The names of the tensors that are left.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether that tensor is left.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn view(&self, name: &str) -> Result<&TensorView<'b>> {
        self.tensors.get(name).ok_or_else(|| {
            anyhow!("the tensor {name} is missing; there are {}", list(self.names()))
        })
    }

    /// Rows and columns of a matrix, neither of them 0.
    pub(super) fn matrix_shape(&self, name: &str) -> Result<(usize, usize)> {
        match *self.view(name)?.shape() {
            [rows, columns] if rows > 0 && columns > 0 => Ok((rows, columns)),
            ref shape => bail!("{name} has the shape {shape:?}, expected a matrix"),
        }
    }

    /// Takes a tensor of that shape out, as f32, row-major; every value is finite.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.view(name)?;
        let found = view.shape();
        ensure!(found == shape, "{name} has the shape {found:?}, expected {shape:?}");
        let (values, rounded) = floats(name, view)?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            bail!("{name}{:?} is {}: a weight must be a finite f32", index(at, shape), values[at]);
        }
        if rounded {
            self.rounded.push(name.to_owned());
        }
        self.tensors.remove(name);
        Ok(values)
    }
}

/// The values as f32, and whether one of them was rounded.
fn floats(name: &str, view: &TensorView<'_>) -> Result<(Vec<f32>, bool)> {
    let data = view.data();
    let halves = || data.as_chunks::<2>().0.iter();
    Ok(match view.dtype() {
        Dtype::F32 => {
            (data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(), false)
        }
        Dtype::F16 => (halves().map(|b| f16::from_le_bytes(*b).to_f32()).collect(), false),
        Dtype::BF16 => (halves().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(), false),
        Dtype::F64 => {
            let wide = || data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b));
            let rounded = wide().any(|value| f64::from(value as f32) != value);
            (wide().map(|value| value as f32).collect(), rounded)
        }
        other => bail!("{name} is of type {other:?}; F32, F64, F16 and BF16 can be read"),
    })
}

/// The place of a value in a row-major tensor.
fn index(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let place = at % size;
            at /= size;
            place
        })
        .collect();
    index.reverse();
    index
}

/// The first names of a list, and how many more there are.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "no tensors".to_owned();
    }
    let shown = names[..names.len().min(LISTED)].join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
