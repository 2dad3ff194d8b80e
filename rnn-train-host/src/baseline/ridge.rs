//! Least squares with a penalty on the weights, for several labels at once.

use nalgebra::{Cholesky, DMatrix, DMatrixView};

/// Sums over samples: everything that the weights depend on.
///
/// The first input is 1, the offset, which isn't penalised; the others are standardised.
pub(crate) struct NormalEquations {
    /// X X', inputs x inputs.
    gram: DMatrix<f64>,
    /// X Y', inputs x labels.
    cross: DMatrix<f64>,
    samples: usize,
}

impl NormalEquations {
    pub(crate) fn new(inputs: usize, labels: usize) -> Self {
        Self {
            gram: DMatrix::zeros(inputs, inputs),
            cross: DMatrix::zeros(inputs, labels),
            samples: 0,
        }
    }

    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// Adds samples, one per column: `x` is inputs x samples, `y` labels x samples.
    pub(crate) fn add(&mut self, x: DMatrixView<'_, f64>, y: DMatrixView<'_, f64>) {
        self.gram.gemm(1.0, &x, &x.transpose(), 1.0);
        self.cross.gemm(1.0, &x, &y.transpose(), 1.0);
        self.samples += x.ncols();
    }

    /// The same without the last inputs.
    pub(crate) fn of_first(&self, inputs: usize) -> Self {
        Self {
            gram: self.gram.view((0, 0), (inputs, inputs)).into_owned(),
            cross: self.cross.rows(0, inputs).into_owned(),
            samples: self.samples,
        }
    }

    /// The weights, inputs x labels, that minimise the mean square error plus `penalty` times
    /// the sum of the squared weights. `None` if rounding leaves no solution, which takes
    /// collinear inputs and a tiny penalty.
    pub(crate) fn solve(&self, penalty: f64) -> Option<DMatrix<f64>> {
        let mut gram = self.gram.clone();
        for i in 1..gram.nrows() {
            gram[(i, i)] += penalty * self.samples as f64;
        }
        Some(Cholesky::new(gram)?.solve(&self.cross))
    }
}
