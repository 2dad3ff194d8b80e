//! The stack of one function: how deep it is at every instruction.

use super::disassembly::{Function, Instruction};
use super::flow::Flow;
use std::collections::BTreeMap;

/// A function's own stack.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// Depth in bytes before each instruction that can be reached.
    pub(crate) depth: BTreeMap<u32, i64>,
    pub(crate) deepest: i64,
    /// What wasn't understood.
    pub(crate) unknown: Vec<String>,
}

/// Follows every path through a function. Wherever paths meet, the depth must be the same, and at
/// the end it must be what it was at the start.
pub(crate) fn frame(entry: u32, function: &Function) -> Frame {
    let mut frame = Frame::default();
    let mut open = vec![(entry, 0)];
    while let Some((address, depth)) = open.pop() {
        let known = *frame.depth.entry(address).or_insert_with(|| {
            open.push((address, depth));
            depth
        });
        if known != depth {
            frame.unknown(address, &format!("the stack is {known} or {depth} bytes deep"));
        }
        // Walked on from only once: what was pushed above is this address itself.
        if open.last() != Some(&(address, depth)) {
            continue;
        }
        open.pop();
        frame.follow(address, depth, function, &mut open);
    }
    frame
}
