//! The integer cells, written from their description (`docs/src/integers.md`) in 64 bits.

use rnn_core::activation::Activation;
use rnn_core::gru::Reset;
use rnn_core::layers::{Kind, Layer};
use rnn_core::quant::block::Block;

/// A block's numbers, row after row.
pub(crate) struct Values {
    pub(crate) block: Block,
    pub(crate) bias: Vec<i32>,
    pub(crate) multipliers: Vec<i32>,
    pub(crate) wide: Vec<i16>,
    pub(crate) narrow: Vec<i16>,
}

impl Values {
    /// out = requantised(b + W v); `wide` is what the wide columns read, `narrow` what the others do.
    pub(crate) fn multiply(&self, wide: &[i16], narrow: &[i16]) -> Vec<i64> {
        let row = |i: usize| {
            let product = |w: &[i16], v: &[i16]| -> i64 {
                let w = &w[i * (w.len() / self.block.rows)..];
                w.iter().zip(v).map(|(&w, &v)| i64::from(w) * i64::from(v)).sum()
            };
            let sum =
                i64::from(self.bias[i]) + product(&self.wide, wide) + product(&self.narrow, narrow);
            assert!(i32::try_from(sum).is_ok());
            (sum * i64::from(self.multipliers[i]) + (1 << 31)) >> 32
        };
        (0..self.block.rows).map(row).collect()
    }
}

fn tanh(z: i64) -> i64 {
    rnn_core::quant::fixed::tanh(z.clamp(i32::MIN.into(), i32::MAX.into()) as i32).into()
}

fn sigmoid(z: i64) -> i64 {
    (tanh(z) + 32768) >> 1
}

/// A cell of the reference: its blocks, h and c.
pub(crate) struct Cell {
    pub(crate) layer: Layer,
    pub(crate) first: bool,
    pub(crate) values: Vec<Values>,
    pub(crate) h: Vec<i16>,
    pub(crate) c: Vec<i64>,
}

/// Filled up with a zero to an even number.
pub(crate) fn even(v: &[i16]) -> Vec<i16> {
    let mut v = v.to_vec();
    v.resize(v.len().next_multiple_of(2), 0);
    v
}

impl Cell {
    /// W (x, state) + b of block k, requantised.
    fn sums(&self, k: usize, x: &[i16], state: &[i16]) -> Vec<i64> {
        let (x, state) = (even(x), even(state));
        if self.first {
            self.values[k].multiply(&x, &state)
        } else {
            self.values[k].multiply(&[], &[x, state].concat())
        }
    }

    pub(crate) fn step(&mut self, x: &[i16]) {
        let n = self.layer.hidden;
        match self.layer.kind {
            Kind::Elman(activation) => {
                let squash = if activation == Activation::Sigmoid { sigmoid } else { tanh };
                let z = self.sums(0, x, &self.h);
                self.h = z.iter().map(|&z| squash(z) as i16).collect();
            }
            Kind::Lstm => {
                let z = self.sums(0, x, &self.h);
                for k in 0..n {
                    let [i, f, g, o] = [z[k], z[n + k], z[2 * n + k], z[3 * n + k]];
                    let c = ((sigmoid(f) * self.c[k]) >> 15) + ((sigmoid(i) * tanh(g)) >> 10);
                    self.c[k] = c.clamp(-(1 << 26), (1 << 26) - 1);
                    self.h[k] = ((sigmoid(o) * tanh(self.c[k] >> 3) + (1 << 14)) >> 15) as i16;
                }
            }
            Kind::Gru(reset) => {
                let gates = self.sums(0, x, &self.h);
                let (r, z): (Vec<i64>, Vec<i64>) =
                    (0..n).map(|k| (sigmoid(gates[k]), sigmoid(gates[n + k]))).unzip();
                let candidate: Vec<i64> = match reset {
                    Reset::After => {
                        let from_x = self.sums(1, x, &[]);
                        let q = self.values[2].multiply(&[], &even(&self.h));
                        (0..n).map(|k| from_x[k] + ((r[k] * q[k]) >> 15)).collect()
                    }
                    Reset::Before => {
                        let q = (0..n)
                            .map(|k| ((i64::from(self.h[k]) * r[k] + (1 << 14)) >> 15) as i16);
                        self.sums(1, x, &q.collect::<Vec<_>>())
                    }
                };
                for k in 0..n {
                    let (h, n) = (i64::from(self.h[k]), tanh(candidate[k]));
                    self.h[k] = (n + ((z[k] * (h - n) + (1 << 14)) >> 15)) as i16;
                }
            }
        }
    }
}
