//! Safetensors files for the tests: those of golden/exchange, and changed ones.

use std::collections::HashMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// A file of golden/make_exchange.py.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/exchange");
    std::fs::read(format!("{folder}/{name}.safetensors")).unwrap()
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// The tensors of a file, by name.
pub(crate) fn tensors(file: &[u8]) -> Vec<Tensor> {
    let file = SafeTensors::deserialize(file).unwrap();
    let tensor = |(name, view): (String, TensorView<'_>)| Tensor {
        name,
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    };
    let mut tensors: Vec<Tensor> = file.tensors().into_iter().map(tensor).collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors
}

/// A file of those tensors.
pub(crate) fn written(tensors: &[Tensor], description: Option<&str>) -> Vec<u8> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap();
        (&tensor.name, view)
    });
    let metadata = description.map(|json| HashMap::from([("rnn".to_owned(), json.to_owned())]));
    safetensors::serialize(views, metadata).unwrap()
}
