//! What the verbs take: columns of numbers or symbols, products, and the way back of a product.

/// The columns of a matrix X: plain numbers, or symbols that stand for one-hot columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Columns<'a, T> {
    /// `inputs` x batch, column-major.
    Values(&'a [T]),
    /// Column n is 1 in row `symbols[n]` and 0 elsewhere. A product with it is a look-up of W's
    /// column, with the bits that the multiplications would give. A symbol beyond the rows of X is a
    /// column of zeros.
    Symbols(&'a [u16]),
}

impl<'a, T> Columns<'a, T> {
    /// No columns.
    pub const NONE: Self = Columns::Values(&[]);

    /// The first `count` columns of `inputs` rows, and the others; fewer where there are fewer.
    #[inline(always)]
    pub fn split(self, inputs: usize, count: usize) -> (Self, Self) {
        match self {
            Columns::Values(x) => {
                let at = (inputs * count).min(x.len());
                let (first, rest) = x.split_at_checked(at).unwrap_or_default();
                (Columns::Values(first), Columns::Values(rest))
            }
            Columns::Symbols(s) => {
                let (first, rest) = s.split_at_checked(count.min(s.len())).unwrap_or_default();
                (Columns::Symbols(first), Columns::Symbols(rest))
            }
        }
    }
}

/// A product W X: W is rows x `inputs`, X is `inputs` x batch, both column-major.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a, T> {
    /// W, rows x inputs.
    pub w: &'a [T],
    /// X, inputs x batch.
    pub x: Columns<'a, T>,
    /// Columns of W, rows of X.
    pub inputs: usize,
}

impl<'a, T> Product<'a, T> {
    /// No product at all.
    pub const NONE: Self = Product { w: &[], x: Columns::NONE, inputs: 0 };

    /// W X of plain numbers.
    #[inline(always)]
    pub const fn new(w: &'a [T], x: &'a [T], inputs: usize) -> Self {
        Product { w, x: Columns::Values(x), inputs }
    }

    /// The product with a state, left out where the state is at rest.
    #[inline(always)]
    pub const fn of_state(w: &'a [T], h: &'a [T], hidden: usize, at_rest: bool) -> Self {
        if at_rest { Self::NONE } else { Self::new(w, h, hidden) }
    }
}

/// What a product's gradient is added to: W += D X^T.
#[derive(Debug)]
pub struct Outer<'a, T> {
    /// W, rows x inputs.
    pub w: &'a mut [T],
    /// X, inputs x n.
    pub x: Columns<'a, T>,
    /// Columns of W, rows of X.
    pub inputs: usize,
}

impl<'a, T> Outer<'a, T> {
    /// The product with a state, left out where the state is at rest.
    #[inline(always)]
    pub fn of_state(w: &'a mut [T], h: &'a [T], hidden: usize, at_rest: bool) -> Self {
        if at_rest { Self::none() } else { Outer { w, x: Columns::Values(h), inputs: hidden } }
    }

    /// Nothing to be added.
    pub fn none() -> Self {
        Outer { w: &mut [], x: Columns::NONE, inputs: 0 }
    }
}
