//! The stack of one function: how deep it is at every instruction.

use super::disassembly::{Flow, Function, Instruction};
use std::collections::BTreeMap;

/// Deeper than any Cortex-M has RAM: the stack grows in a loop.
const ABSURD: i64 = 1 << 20;

/// Depth in bytes before each reachable instruction of a function, and what couldn't be
/// understood.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) depth: BTreeMap<u32, i64>,
    pub(crate) deepest: i64,
    pub(crate) problems: Vec<String>,
}

/// Follows every path through a function. Where paths of different depths meet, the deeper one
/// counts.
pub(crate) fn frame(entry: u32, function: &Function) -> Frame {
    let mut frame = Frame::default();
    let mut open = vec![(entry, 0)];
    while let Some((address, depth)) = open.pop() {
        if frame.depth.get(&address).is_some_and(|&known| known >= depth) {
            continue;
        }
        frame.depth.insert(address, depth);
        let Some(instruction) = function.code.get(&address) else {
            frame.problem(address, "control runs out of the function");
            continue;
        };
        let Some(growth) = growth(instruction) else {
            frame.problem(address, &format!("an unknown change of the stack: {instruction}"));
            continue;
        };
        let after = depth + growth;
        if !(0..ABSURD).contains(&after) {
            frame.problem(address, &format!("the stack is {after} bytes deep: {instruction}"));
            continue;
        }
        frame.deepest = frame.deepest.max(after);
        let next = function.code.range(address + 1..).next().map(|(&next, _)| next);
        let falls_through = match &instruction.flow {
            Flow::Next => true,
            // What follows the last instruction is never reached: the callee doesn't return.
            Flow::Call(_) => next.is_some(),
            Flow::Jump { targets, falls_through } => {
                let inside = targets.iter().filter(|&target| function.code.contains_key(target));
                open.extend(inside.map(|&target| (target, after)));
                *falls_through
            }
            // A return under a condition has taken its registers off the stack only if it returns.
            Flow::Return { falls_through } => {
                if *falls_through {
                    open.extend(next.map(|next| (next, depth)));
                }
                false
            }
            Flow::Trap => false,
            Flow::Unknown => {
                frame.problem(address, &format!("a jump to somewhere: {instruction}"));
                false
            }
        };
        if falls_through {
            // Past the end there is no instruction, which is a problem of its own.
            open.push((next.unwrap_or(u32::MAX), after));
        }
    }
    frame
}

impl Frame {
    fn problem(&mut self, address: u32, what: &str) {
        let problem = format!("{address:#x}: {what}");
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

impl std::fmt::Display for Instruction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.mnemonic, self.operands)
    }
}

/// Bytes by which an instruction makes the stack deeper; `None` when that can't be told.
fn growth(instruction: &Instruction) -> Option<i64> {
    let mnemonic = instruction.mnemonic.trim_end_matches(".w");
    let operands = instruction.operands.as_str();
    let returns = matches!(instruction.flow, Flow::Return { .. });
    match mnemonic {
        "push" | "vpush" => return registers(operands),
        "pop" | "vpop" => return Some(-registers(operands)?),
        "stmdb" | "vstmdb" if operands.starts_with("sp!") => return registers(operands),
        "ldm" | "vldmia" if operands.starts_with("sp!") => return Some(-registers(operands)?),
        _ if returns && mnemonic.starts_with("pop") => return Some(-registers(operands)?),
        _ if ["push", "pop", "vpush", "vpop"].iter().any(|m| mnemonic.starts_with(m)) => {
            return None;
        }
        _ => {}
    }
    let fields: Vec<&str> = operands.split(", ").collect();
    match (mnemonic, fields.as_slice()) {
        ("sub" | "subw", ["sp", n] | ["sp", "sp", n]) => return immediate(n),
        ("add" | "addw", ["sp", n] | ["sp", "sp", n]) => return Some(-immediate(n)?),
        // Compares and stores read their first operand.
        ("cmp" | "cmn" | "tst" | "str" | "strb" | "strh", ["sp", ..]) => return Some(0),
        _ => {}
    }
    // Pre-indexed stores and post-indexed loads through sp.
    if let Some((_, offset)) = operands.split_once("[sp, #").filter(|_| operands.ends_with("]!")) {
        return Some(-immediate(offset.trim_end_matches("]!"))?);
    }
    if let Some((_, offset)) = operands.split_once("[sp], #") {
        return Some(-immediate(offset)?);
    }
    let writes_sp = fields.first() == Some(&"sp") || operands.contains("sp!");
    (!writes_sp && mnemonic != "msr").then_some(0)
}

/// Bytes of the registers in `{r4, r5, lr}` or `{d8, d9}`.
fn registers(operands: &str) -> Option<i64> {
    let list = operands.split_once('{')?.1.strip_suffix('}')?;
    list.split(", ").try_fold(0, |sum, register| match register.as_bytes() {
        _ if register.contains('-') => None,
        [b'd', ..] => Some(sum + 8),
        [b'r' | b's' | b'l' | b'p', ..] => Some(sum + 4),
        _ => None,
    })
}

/// `#0x3c`, `#-8`, `60`.
fn immediate(text: &str) -> Option<i64> {
    let text = text.trim_start_matches('#');
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    Some(sign * value.ok()?)
}
