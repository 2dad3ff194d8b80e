//! What the timed measurements share: `cargo bench -p benches`. Nothing here is a test.

use rnn_core::layers::Layer;
use rnn_core::network::Shape;
use rnn_core::random::SplitMix64;

/// Multiply-adds of the matrix products in a forward pass over so many samples; activations and
/// biases are not counted.
pub fn forward_multiply_adds(shape: Shape, samples: usize) -> u64 {
    (samples * shape.multiply_adds()) as u64
}

/// Multiply-adds of forward and backward pass of one layer over `steps` steps of a batch, with a label
/// at every step: the weights' gradients take as many as the forward pass; the errors go back through
/// W_hy at every step and through the state's weights between the steps.
pub fn gradient_multiply_adds(shape: Shape, steps: usize, batch: usize) -> u64 {
    let layer = shape.layers.get(0, shape.inputs);
    let of_state = Layer { inputs: 0, ..layer }.multiply_adds();
    let errors = batch * (steps * layer.hidden * shape.outputs + (steps - 1) * of_state);
    2 * forward_multiply_adds(shape, steps * batch) + errors as u64
}

/// Values uniform in +-`bound`, the same for the same seed.
pub fn uniform(seed: u64, bound: f32, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    SplitMix64::new(seed).fill_uniform(bound, &mut values);
    values
}
