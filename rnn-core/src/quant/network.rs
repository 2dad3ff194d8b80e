//! A network of integer cells, used where its model file lies.

use super::block::{Block, BlockRef, Format};
use super::cell::{self, Squash};
use crate::activation::Activation;
use crate::cell::take;
use crate::gru::Reset;
use crate::kernel::integer::{self, IntegerWork, Kernel};
use crate::layers::{Kind, Layer, Layers};

/// Most blocks that a cell is made of.
const MAX_BLOCKS: usize = 3;

/// Sizes, format, and what the network reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// I, which is also the number of outputs.
    pub inputs: usize,
    /// Whether it reads symbols instead of numbers.
    pub symbols: bool,
    /// The cells.
    pub layers: Layers,
    /// Bits and places of the weights.
    pub format: Format,
}

/// `count` filled up to an even number.
#[inline(always)]
const fn even(count: usize) -> usize {
    count.next_multiple_of(2)
}

impl Plan {
    /// Whether every cell has an integer form: all have but the Elman cell with relu, whose states have
    /// no bound.
    pub const fn is_integer(&self) -> bool {
        let mut i = 0;
        while i < self.layers.count() {
            if matches!(self.layers.get(i, 0).kind, Kind::Elman(Activation::Relu)) {
                return false;
            }
            i += 1;
        }
        true
    }

    /// The blocks of cell `i`, as many as it has, then empty ones; the readout's for an `i` beyond.
    #[inline(always)]
    pub const fn blocks(&self, i: usize) -> [Block; MAX_BLOCKS] {
        let Layer { kind, inputs, hidden } = self.layers.get(i, self.inputs);
        let none = Block { rows: 0, wide: 0, narrow: 0 };
        let h = even(hidden);
        if i >= self.layers.count() {
            return [Block { rows: self.inputs, wide: 0, narrow: h }, none, none];
        }
        // What the cells below say has the format's weights, what comes from outside 16 bits.
        let (wide, below) = if i == 0 { (even(inputs), 0) } else { (0, even(inputs)) };
        let full = Block { rows: hidden, wide, narrow: below + h };
        match kind {
            Kind::Elman(_) => [full, none, none],
            Kind::Lstm => [full.times(4), none, none],
            Kind::Gru(Reset::Before) => [full.times(2), full, none],
            Kind::Gru(Reset::After) => [
                full.times(2),
                Block { rows: hidden, wide, narrow: below },
                Block { rows: hidden, wide: 0, narrow: h },
            ],
        }
    }

    /// Numbers of inputs that stand in the memory of cell `i`, filled up.
    #[inline(always)]
    const fn inputs_in_place(&self, i: usize) -> usize {
        if i == 0 && self.symbols { 0 } else { even(self.layers.get(i, self.inputs).inputs) }
    }

    /// Words of cell `i`'s own memory: v, (x, r h) of a GRU with the reset before, c of an LSTM.
    #[inline(always)]
    const fn cell_memory(&self, i: usize) -> usize {
        let Layer { kind, hidden, .. } = self.layers.get(i, self.inputs);
        let v = (self.inputs_in_place(i) + even(hidden)) / 2;
        match kind {
            Kind::Gru(Reset::Before) => 2 * v,
            Kind::Lstm => v + hidden,
            Kind::Elman(_) | Kind::Gru(Reset::After) => v,
        }
    }

    /// Words of the sums of cell `i`, or of the readout.
    const fn sums(&self, i: usize) -> usize {
        let blocks = self.blocks(i);
        let (mut sum, mut k) = (0, 0);
        while k < MAX_BLOCKS {
            sum += blocks[k].padded_rows(self.format.layout);
            k += 1;
        }
        sum
    }

    /// Words of the memories of the first `count` cells.
    const fn cell_memories(&self, count: usize) -> usize {
        let (mut words, mut i) = (0, 0);
        while i < count {
            words += self.cell_memory(i);
            i += 1;
        }
        words
    }

    /// 32-bit words that a stream's memory takes: the cells', then the sums, which all share.
    pub const fn memory(&self) -> usize {
        let (mut sums, mut i) = (0, 0);
        while i <= self.layers.count() {
            if self.sums(i) > sums {
                sums = self.sums(i);
            }
            i += 1;
        }
        self.cell_memories(self.layers.count()) + sums
    }

    /// 32-bit words of the tensors: the inputs' scales, then the blocks of the cells and of the readout.
    pub const fn words(&self) -> usize {
        let (mut words, mut i) = (self.scales(), 0);
        while i <= self.layers.count() {
            let (blocks, mut k) = (self.blocks(i), 0);
            while k < MAX_BLOCKS {
                let [bias, multipliers, wide, narrow] = blocks[k].words(self.format);
                words += bias + multipliers + wide + narrow;
                k += 1;
            }
            i += 1;
        }
        words
    }

    /// Scales of the inputs: one for each, a single one for symbols.
    pub const fn scales(&self) -> usize {
        if self.symbols { 1 } else { self.inputs }
    }

    /// Whether these are words of a network of integers.
    const fn fits(&self, words: &[i32]) -> bool {
        self.is_integer() && words.len() == self.words()
    }

    /// The number that stands for the 1 of a one-hot input of this scale; `None` for inputs that are
    /// numbers.
    pub const fn one(&self, scale: f32) -> Option<i16> {
        if self.symbols { Some(rounded(scale)) } else { None }
    }

    /// Multiply-adds of a step with its readout.
    pub const fn multiply_adds(&self) -> usize {
        let (mut sum, mut i) = (0, 0);
        while i <= self.layers.count() {
            let (blocks, mut k) = (self.blocks(i), 0);
            while k < MAX_BLOCKS {
                let Block { rows, wide, narrow } = blocks[k];
                sum += rows * (wide + narrow);
                k += 1;
            }
            i += 1;
        }
        sum
    }
}

/// What a step reads.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// A number per input, in units of its scale.
    Values(&'a [i16]),
    /// A symbol.
    Symbol(u16),
}

/// A plan as a value, or as a type: of that network's steps only the code for these cells and sizes is
/// compiled.
pub trait Planned: Copy {
    /// Whether it is a type.
    const TYPE: bool = true;

    /// The plan.
    fn plan(&self) -> &Plan;

    /// Words of the cells' memories.
    #[inline(always)]
    fn cell_memories(&self) -> usize {
        self.plan().cell_memories(self.plan().layers.count())
    }
}

/// A plan as a value, with what every step asks for.
#[derive(Clone, Copy, Debug)]
pub struct PlanValue {
    plan: Plan,
    cell_memories: usize,
}

impl Planned for PlanValue {
    const TYPE: bool = false;

    #[inline(always)]
    fn plan(&self) -> &Plan {
        &self.plan
    }

    #[inline(always)]
    fn cell_memories(&self) -> usize {
        self.cell_memories
    }
}

/// A network on the words of a model file.
#[derive(Clone, Copy, Debug)]
pub struct IntegerNetwork<'a, P = PlanValue> {
    plan: P,
    words: &'a [i32],
}

impl<'a> IntegerNetwork<'a> {
    /// `None` when there aren't as many words as [`Plan::words`], or a cell has no integer form.
    pub const fn new(plan: Plan, words: &'a [i32]) -> Option<Self> {
        if !plan.fits(words) {
            return None;
        }
        let cell_memories = plan.cell_memories(plan.layers.count());
        Some(IntegerNetwork { plan: PlanValue { plan, cell_memories }, words })
    }
}

impl<'a, P: Planned> IntegerNetwork<'a, P> {
    /// [`new`](IntegerNetwork::new) for a plan that is a type.
    pub fn of(plan: P, words: &'a [i32]) -> Option<Self> {
        plan.plan().fits(words).then_some(IntegerNetwork { plan, words })
    }

    /// Sizes and format.
    #[inline(always)]
    pub fn plan(&self) -> &Plan {
        self.plan.plan()
    }

    /// The tensors.
    pub const fn words(&self) -> &'a [i32] {
        self.words
    }

    /// How many units of input `i`'s 16-bit number make up 1; for symbols (`i` = 0) what stands for 1.
    pub fn scale(&self, i: usize) -> f32 {
        let scales = self.words.get(..self.plan().scales()).unwrap_or_default();
        f32::from_bits(scales.get(i).copied().unwrap_or(0) as u32)
    }

    /// The 16-bit number of an input: u times its scale, rounded to the nearest, halves away from 0,
    /// held within +-32767.
    #[inline(always)]
    pub fn number(&self, i: usize, u: f32) -> i16 {
        rounded(u * self.scale(i))
    }

    /// One step: x_t in, the memory ([`Plan::memory`] words) from t - 1 to t.
    #[inline(always)]
    pub fn step(&self, x: Inputs<'_>, memory: &mut [i32]) {
        integer::run(&mut Step { network: self, x, memory });
    }

    /// The readout of the uppermost h, in 2^-16.
    #[inline(always)]
    pub fn read(&self, memory: &mut [i32], o: &mut [i32]) {
        integer::run(&mut Read { network: self, memory, o });
    }

    /// h of the uppermost cell, in 2^-15.
    pub fn h<'m>(&self, memory: &'m [i32]) -> &'m [i16] {
        let plan = self.plan();
        let last = plan.layers.count() - 1;
        let from = self.plan.cell_memories() - plan.cell_memory(last);
        let memory = memory.get(from..).unwrap_or_default();
        let v: &[i16] = bytemuck::try_cast_slice(memory).unwrap_or_default();
        let inputs = plan.inputs_in_place(last);
        v.get(inputs..inputs + plan.layers.hidden()).unwrap_or_default()
    }

    /// All blocks with their tensors, in the order of the file.
    pub(super) fn all_blocks(&self) -> impl Iterator<Item = (Block, BlockRef<'a>)> + use<'a, P> {
        let plan = *self.plan();
        let (_, mut words) = self.words.split_at_checked(plan.scales()).unwrap_or_default();
        let blocks = (0..=plan.layers.count()).flat_map(move |i| plan.blocks(i));
        blocks.map(move |block| (block, BlockRef::take(block, plan.format, &mut words)))
    }
}

/// The nearest of -32767 ... 32767, halves away from 0; 0 for NaN.
#[inline(always)]
const fn rounded(v: f32) -> i16 {
    // `as` saturates.
    let v = (v + if v < 0.0 { -0.5 } else { 0.5 }) as i32;
    let v = if v > 32767 { 32767 } else { v };
    (if v < -32767 { -32767 } else { v }) as i16
}

/// [`IntegerNetwork::step`].
struct Step<'a, 'm, P> {
    network: &'a IntegerNetwork<'a, P>,
    x: Inputs<'a>,
    memory: &'m mut [i32],
}

impl<P: Planned> IntegerWork for Step<'_, '_, P> {
    type Output = ();
    const INLINED: bool = P::TYPE;

    #[inline(always)]
    fn run<K: Kernel>(&mut self) {
        let Step { network, x, memory } = self;
        let (network, x, mut memory) = (*network, *x, &mut **memory);
        let plan = network.plan();
        let (_, mut words) = network.words.split_at_checked(plan.scales()).unwrap_or_default();
        let mut cells = take(&mut memory, network.plan.cell_memories());
        let sums = memory;
        let mut below: &[i16] = match x {
            Inputs::Values(x) => x,
            Inputs::Symbol(_) => &[],
        };
        for i in 0..plan.layers.count() {
            let Layer { kind, hidden, .. } = plan.layers.get(i, plan.inputs);
            let inputs = plan.inputs_in_place(i);
            let own = take(&mut cells, plan.cell_memory(i));
            let (v, rest) =
                own.split_at_mut_checked((inputs + even(hidden)) / 2).unwrap_or_default();
            let v: &mut [i16] = bytemuck::try_cast_slice_mut(v).unwrap_or_default();
            v.iter_mut().zip(below.iter().take(inputs)).for_each(|(v, &x)| *v = x);
            let hot = match x {
                Inputs::Symbol(symbol) if i == 0 => Some((symbol, rounded(network.scale(0)))),
                _ => None,
            };
            let blocks = plan.blocks(i);
            let mut next = |k: usize| BlockRef::take(blocks[k], plan.format, &mut words);
            let z = &mut *sums;
            match kind {
                Kind::Elman(activation) => {
                    let squash = match activation {
                        Activation::Sigmoid => Squash::Sigmoid,
                        Activation::Tanh | Activation::Relu => Squash::Tanh,
                    };
                    cell::elman::<K>(&next(0), squash, hot, v, inputs, hidden, z);
                }
                Kind::Lstm => cell::lstm::<K>(&next(0), hot, v, inputs, rest, z),
                Kind::Gru(Reset::After) => {
                    cell::gru_after::<K>(&[next(0), next(1), next(2)], hot, v, inputs, hidden, z);
                }
                Kind::Gru(Reset::Before) => {
                    let u = bytemuck::try_cast_slice_mut(rest).unwrap_or_default();
                    cell::gru_before::<K>(&[next(0), next(1)], hot, v, u, inputs, hidden, z);
                }
            }
            below = v.get(inputs..).unwrap_or_default();
        }
    }
}

/// [`IntegerNetwork::read`].
struct Read<'a, 'm, P> {
    network: &'a IntegerNetwork<'a, P>,
    memory: &'m mut [i32],
    o: &'m mut [i32],
}

impl<P: Planned> IntegerWork for Read<'_, '_, P> {
    type Output = ();
    const INLINED: bool = P::TYPE;

    #[inline(always)]
    fn run<K: Kernel>(&mut self) {
        let Read { network, memory, o } = self;
        let (network, mut memory) = (*network, &mut **memory);
        let plan = network.plan();
        let count = plan.layers.count();
        let block = plan.blocks(count)[0];
        let words: usize = block.words(plan.format).iter().sum();
        let from = network.words.len().saturating_sub(words);
        let mut words = network.words.get(from..).unwrap_or_default();
        let block = BlockRef::take(block, plan.format, &mut words);
        let mut cells = take(&mut memory, network.plan.cell_memories());
        // v of the uppermost cell ends with h; behind it comes what else the cell remembers.
        let uppermost = network.plan.cell_memories() - plan.cell_memory(count - 1);
        take(&mut cells, uppermost + plan.inputs_in_place(count - 1) / 2);
        let h = take(&mut cells, even(plan.layers.hidden()) / 2);
        let h: &[i16] = bytemuck::try_cast_slice(h).unwrap_or_default();
        let sums = take(&mut memory, block.bias.len());
        K::multiply(&block, None, h, sums);
        o.iter_mut().zip(sums).for_each(|(o, &mut sum)| *o = sum);
    }
}
