//! A file's parts as values of fixed size, for statics in flash, read while the program is compiled.

use nalgebra::{ArrayStorage, SMatrix};

use super::read::{f32_at, u32_at};
use super::{Error, Header, ModelFile, Numbers};
use crate::cell::Cell;
use crate::dense::Dense;
use crate::elman::Elman;
use crate::forecast::Forecaster;
use crate::gru::{Gru, Reset, ResetAfter, ResetBefore};
use crate::layers::{Kind, Layer};
use crate::lstm::Lstm;
use crate::network::Network;
use crate::scaling::Channel;
use crate::stacked::Stacked;
use crate::stream::Predictor;

impl ModelFile<'_> {
    /// The words of a network of integers, for a `static` in flash. [`Error::Shape`] when there are
    /// not N of them.
    pub const fn integer_words<const N: usize>(&self) -> Result<[i32; N], Error> {
        let is_float = matches!(self.header.numbers, Numbers::Float);
        if is_float || self.header.tensor_words() != N {
            return Err(self.other_shape());
        }
        let mut words = [0; N];
        let mut i = 0;
        while i < N {
            words[i] = u32_at(self.bytes, self.header.tensors_at() + 4 * i) as i32;
            i += 1;
        }
        Ok(words)
    }

    /// The flat parameters of a network of `f32`, in the same way.
    pub const fn float_words<const N: usize>(&self) -> Result<[f32; N], Error> {
        let is_float = matches!(self.header.numbers, Numbers::Float);
        if !is_float || self.header.tensor_words() != N {
            return Err(self.other_shape());
        }
        let mut words = [0.0; N];
        let mut i = 0;
        while i < N {
            words[i] = f32_at(self.bytes, self.header.tensors_at() + 4 * i);
            i += 1;
        }
        Ok(words)
    }

    const fn other_shape(&self) -> Error {
        let Header { inputs, layers, .. } = self.header;
        Error::Shape { inputs, hidden: layers.hidden() }
    }

    /// The scales of all channels. [`Error::Shape`] when there are not I of them.
    pub const fn channels<const I: usize>(&self) -> Result<[Channel; I], Error> {
        if self.header.inputs != I {
            return Err(self.other_shape());
        }
        let mut channels = [Channel::IDENTITY; I];
        let mut i = 0;
        while i < I {
            channels[i] = self.channel(i);
            i += 1;
        }
        Ok(channels)
    }

    /// Layer `i`, if it has that many inputs and units; where its tensors start.
    const fn layer<const I: usize, const H: usize>(
        &self,
        i: usize,
    ) -> Result<(Layer, usize), Error> {
        if !matches!(self.header.numbers, Numbers::Float) {
            return Err(Error::Field { offset: 12 });
        }
        let layer = self.header.layers.get(i, self.header.inputs);
        let Layer { inputs, hidden, .. } = layer;
        if i >= self.header.layers.count() || inputs != I || hidden != H {
            return Err(Error::Shape { inputs, hidden });
        }
        let before = self.header.shape().layer_parameters(i);
        Ok((layer, self.header.tensors_at() + 4 * before))
    }

    /// Layer `i` as a value of fixed size; [`Error::Shape`] when it isn't such a cell.
    pub const fn elman<const I: usize, const H: usize>(
        &self,
        i: usize,
    ) -> Result<Elman<f32, I, H>, Error> {
        match self.layer::<I, H>(i) {
            Ok((Layer { kind: Kind::Elman(activation), .. }, at)) => Ok(Elman {
                w_xh: matrix(self.bytes, at),
                w_hh: matrix(self.bytes, at + 4 * H * I),
                b: Some(matrix(self.bytes, at + 4 * H * (I + H))),
                activation,
            }),
            Ok(_) => Err(Error::Shape { inputs: I, hidden: H }),
            Err(error) => Err(error),
        }
    }

    /// The same for a GRU, reset after.
    pub const fn gru_reset_after<const I: usize, const H: usize>(
        &self,
        i: usize,
    ) -> Result<Gru<f32, I, H, ResetAfter>, Error> {
        match self.layer::<I, H>(i) {
            Ok((Layer { kind: Kind::Gru(Reset::After), .. }, at)) => {
                let b_hn = matrix(self.bytes, at + 4 * H * (3 * (I + H) + 3));
                Ok(gru(self.bytes, at, b_hn))
            }
            Ok(_) => Err(Error::Shape { inputs: I, hidden: H }),
            Err(error) => Err(error),
        }
    }

    /// The same for a GRU, reset before.
    pub const fn gru_reset_before<const I: usize, const H: usize>(
        &self,
        i: usize,
    ) -> Result<Gru<f32, I, H, ResetBefore>, Error> {
        match self.layer::<I, H>(i) {
            Ok((Layer { kind: Kind::Gru(Reset::Before), .. }, at)) => Ok(gru(self.bytes, at, ())),
            Ok(_) => Err(Error::Shape { inputs: I, hidden: H }),
            Err(error) => Err(error),
        }
    }

    /// The same for an LSTM cell.
    pub const fn lstm<const I: usize, const H: usize>(
        &self,
        i: usize,
    ) -> Result<Lstm<f32, I, H>, Error> {
        match self.layer::<I, H>(i) {
            Ok((Layer { kind: Kind::Lstm, .. }, at)) => Ok(Lstm {
                w_x: stacked(self.bytes, at),
                w_h: stacked(self.bytes, at + 16 * H * I),
                b: stacked(self.bytes, at + 16 * H * (I + H)),
            }),
            Ok(_) => Err(Error::Shape { inputs: I, hidden: H }),
            Err(error) => Err(error),
        }
    }

    /// The network around its cell (or the stack of its cells, whose layers come from
    /// [`elman`](Self::elman) and its like), for a `static` in flash. [`Error::Shape`] when the
    /// number of layers, I, H or O isn't the file's.
    pub const fn network<C, const I: usize, const H: usize, const O: usize>(
        &self,
        cell: C,
    ) -> Result<Network<f32, C, I, H, O>, Error>
    where
        C: Cell<f32, I, H> + Copy,
    {
        if !matches!(self.header.numbers, Numbers::Float) {
            return Err(Error::Field { offset: 12 });
        }
        let Header { inputs, layers, .. } = self.header;
        let hidden = layers.hidden();
        if inputs != I || inputs != O || hidden != H || layers.count() != C::LAYERS {
            return Err(Error::Shape { inputs, hidden });
        }
        let at = self.header.tensors_at() + 4 * self.header.shape().layer_parameters(C::LAYERS);
        let readout = Dense { w: matrix(self.bytes, at), b: matrix(self.bytes, at + 4 * O * H) };
        let head = self.header.head();
        Ok(Network { cell, readout, head })
    }

    /// The forecaster around its cell; see [`network`](Self::network). [`Error::Field`] when the
    /// model isn't a forecaster.
    pub const fn forecaster<C, const I: usize, const H: usize>(
        &self,
        cell: C,
    ) -> Result<Forecaster<C, I, H>, Error>
    where
        C: Cell<f32, I, H> + Copy,
    {
        match (self.network(cell), self.channels(), self.mode()) {
            (Ok(network), Ok(channels), Ok(mode)) => Ok(Forecaster { network, channels, mode }),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => Err(error),
        }
    }
}

impl<C: Cell<f32, I, H>, const I: usize, const H: usize> Forecaster<C, I, H> {
    /// Runs a file's self-test samples through `model` and counts the predictions whose bits differ.
    pub fn self_test<const W: usize>(&self, file: &ModelFile<'_>) -> usize {
        let mut predictor = Predictor::<C, I, H, W>::new(self);
        let mut tests = file.self_tests();
        let mut wrong = 0;
        for _ in 0..file.header.self_tests {
            let pairs: [(f32, f32); I] = core::array::from_fn(|_| tests.next().unwrap_or_default());
            let prediction = predictor.step(&pairs.map(|(sample, _)| sample));
            let differs =
                |((_, expected), p): (&(f32, f32), &f32)| expected.to_bits() != p.to_bits();
            wrong += usize::from(pairs.iter().zip(&prediction).any(differs));
        }
        wrong
    }
}

/// A GRU whose tensors start at byte `at`.
const fn gru<R: crate::gru::ResetKind, const I: usize, const H: usize>(
    bytes: &[u8],
    at: usize,
    b_hn: R::Bias<f32, H>,
) -> Gru<f32, I, H, R> {
    Gru {
        w_xg: stacked(bytes, at),
        w_xn: matrix(bytes, at + 4 * H * 2 * I),
        w_hg: stacked(bytes, at + 4 * H * 3 * I),
        w_hn: matrix(bytes, at + 4 * H * (3 * I + 2 * H)),
        b_g: stacked(bytes, at + 4 * H * 3 * (I + H)),
        b_n: matrix(bytes, at + 4 * H * (3 * (I + H) + 2)),
        b_hn,
    }
}

/// A column-major matrix of G blocks over one another that starts at byte `at`.
const fn stacked<const G: usize, const R: usize, const C: usize>(
    bytes: &[u8],
    at: usize,
) -> Stacked<f32, G, R, C> {
    let mut stacked = Stacked::zeros();
    let mut k = 0;
    while k < G * R * C {
        stacked.0[k / R / G][k / R % G][k % R] = f32_at(bytes, at + 4 * k);
        k += 1;
    }
    stacked
}

/// A column-major matrix that starts at byte `at`.
const fn matrix<const R: usize, const C: usize>(bytes: &[u8], at: usize) -> SMatrix<f32, R, C> {
    let mut columns = [[0.0; R]; C];
    let mut k = 0;
    while k < R * C {
        columns[k / R][k % R] = f32_at(bytes, at + 4 * k);
        k += 1;
    }
    SMatrix::from_array_storage(ArrayStorage(columns))
}
