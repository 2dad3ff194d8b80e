//! A model that reads a text symbol by symbol, in the arithmetic of the device.

use rnn_core::forecast::Running;

use crate::live::Live;
use crate::model::Model;

/// A network with its state, at rest before the first symbol.
#[derive(Debug, Clone)]
pub struct Reader<'m> {
    live: Live<'m>,
    o: Vec<f32>,
}

impl<'m> Reader<'m> {
    /// A reader of a model of text, at rest.
    pub fn new(model: &'m Model) -> Self {
        Reader { live: model.live(), o: vec![0.0; model.header.inputs] }
    }

    /// Reads a symbol: one step of the cells.
    pub fn read(&mut self, symbol: u16) {
        self.live.step_symbol(symbol);
    }

    /// o_t, the output in front of the softmax: what it expects next.
    pub fn output(&mut self) -> &[f32] {
        self.live.read(&mut self.o);
        &self.o
    }

    /// -log2 of the probability that `symbol` comes next, in double precision from o_t on.
    pub fn bits(&mut self, symbol: u16) -> f64 {
        let o = self.output();
        log2_sum_exp(o.iter().map(|o| f64::from(*o)))
            - f64::from(o[usize::from(symbol)]) * std::f64::consts::LOG2_E
    }
}

/// log2 of sum_i e^(z_i), from the largest z on, so that nothing overflows.
fn log2_sum_exp(z: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = z.clone().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = z.map(|z| libm::exp(z - max)).sum();
    libm::log2(sum) + max * std::f64::consts::LOG2_E
}

#[cfg(test)]
mod tests {
    use super::log2_sum_exp;

    #[test]
    fn large_outputs_do_not_overflow() {
        assert!((log2_sum_exp([0.0; 8].into_iter()) - 3.0).abs() < 1e-15);
        let sum = log2_sum_exp([1e5, 1e5, -1e5].into_iter());
        assert!((sum - (1e5 * std::f64::consts::LOG2_E + 1.0)).abs() < 1e-9, "{sum}");
    }
}
