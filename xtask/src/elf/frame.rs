//! The stack of one function: how deep it is at every instruction.

use super::disassembly::{Function, Instruction};
use super::flow::Flow;
use super::stack::Stack;
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

/// Follows every path through a function. Where paths meet, the depth must be the same on all; at a
/// return it must be what it was at the start.
pub(crate) fn frame(entry: u32, function: &Function) -> Frame {
    let mut frame = Frame::default();
    let mut known = BTreeMap::<u32, Stack<'_>>::new();
    let mut open = vec![(entry, Stack::default())];
    while let Some((address, stack)) = open.pop() {
        let stack = match known.get(&address) {
            None => stack,
            Some(before) => match before.meet(stack) {
                Some(both) if both == *before => continue,
                // Less is known than on the path before.
                Some(both) => both,
                None => {
                    let (a, b) = (before.depth, stack.depth);
                    let depths = format!("the stack is {a} or {b} bytes deep");
                    frame.unknown.push(format!("{address:#x}: {depths}"));
                    continue;
                }
            },
        };
        known.insert(address, stack);
        open.extend(frame.follow(address, stack, function));
    }
    frame.depth = known.into_iter().map(|(address, stack)| (address, stack.depth)).collect();
    frame
}

/// The frame of a function written in assembly that computes its jumps: as if control ran through all of
/// its instructions once, none of which may leave it but by a return.
pub(crate) fn frame_of_assembly(entry: u32, function: &Function) -> Frame {
    let mut frame = Frame::default();
    // What fills the gap behind it isn't its own.
    let own = function.code.range(..entry + function.size as u32);
    for (&address, instruction) in own {
        frame.depth.insert(address, frame.deepest);
        let inside = |target: &u32| function.code.contains_key(target);
        let stays = match &instruction.flow {
            Flow::Next | Flow::Return { .. } | Flow::Data => true,
            Flow::Jump { targets, .. } => targets.iter().all(inside),
            // To a register's or a stacked address, computed within.
            Flow::Unknown => ["bx", "ldr"].contains(&instruction.mnemonic.trim_end_matches(".w")),
            Flow::Call(_) | Flow::Trap | Flow::Table => false,
        };
        // What is pushed under a condition may be.
        match growth(&instruction.without_condition()) {
            Some(growth) if stays => frame.deepest += growth.max(0),
            _ => frame.unknown.push(format!("{address:#x}: not in assembly: {instruction}")),
        }
    }
    frame
}

impl Frame {
    /// The places within the function to which control goes from an instruction, with the stack there.
    fn follow<'f>(
        &mut self,
        address: u32,
        stack: Stack<'f>,
        function: &'f Function,
    ) -> Vec<(u32, Stack<'f>)> {
        let (after, flow) = match function.code.get(&address) {
            None => (Err("control runs out of the function".to_owned()), &Flow::Unknown),
            Some(instruction) => (after(instruction, stack), &instruction.flow),
        };
        let after = match after {
            Ok(after) => after,
            Err(problem) => {
                self.unknown.push(format!("{address:#x}: {problem}"));
                return Vec::new();
            }
        };
        self.deepest = self.deepest.max(after.depth);
        let next = function.code.range(address + 1..).next();
        // Past the end there is no instruction, which is not understood.
        let next = next.map_or(u32::MAX, |(&next, _)| next);
        match flow {
            Flow::Next | Flow::Call(_) => vec![(next, after)],
            Flow::Jump { targets, falls_through } => {
                let inside = targets.iter().filter(|target| function.code.contains_key(target));
                let next = falls_through.then_some(&next);
                inside.chain(next).map(|&target| (target, after)).collect()
            }
            // Under a condition: the registers come off the stack only if it does return.
            Flow::Return { falls_through: true } => vec![(next, stack)],
            Flow::Return { .. } | Flow::Trap | Flow::Table | Flow::Unknown | Flow::Data => {
                Vec::new()
            }
        }
    }
}

/// The stack after an instruction, or what isn't understood of it.
fn after<'f>(instruction: &'f Instruction, stack: Stack<'f>) -> Result<Stack<'f>, String> {
    match instruction.flow {
        Flow::Unknown | Flow::Table => return Err(format!("a jump to somewhere: {instruction}")),
        Flow::Data => return Err(format!("control runs into a constant: {instruction}")),
        _ => {}
    }
    let moved = stack.moved(instruction);
    let stack = moved.unwrap_or(stack);
    let growth = if moved.is_some() { Some(0) } else { growth(instruction) };
    let growth =
        growth.ok_or_else(|| format!("an unknown change of the stack pointer: {instruction}"))?;
    let after = stack.depth + growth;
    if after < 0 {
        return Err(format!("takes more off the stack than was put there: {instruction}"));
    }
    if after > 0 && matches!(instruction.flow, Flow::Return { .. }) {
        return Err(format!("returns with {after} bytes on the stack: {instruction}"));
    }
    Ok(stack.followed_by(instruction, after))
}

/// Bytes by which an instruction makes the stack deeper; `None` when that can't be told.
fn growth(instruction: &Instruction) -> Option<i64> {
    let mnemonic = instruction.mnemonic.trim_end_matches(".w");
    let operands = instruction.operands.as_str();
    let fields: Vec<&str> = operands.split(", ").collect();
    match (mnemonic, fields.as_slice()) {
        ("push" | "vpush", _) => return registers(operands),
        ("pop" | "vpop", _) => return Some(-registers(operands)?),
        // Under a condition only as a return: where the depth is known on both paths.
        (pop, _) if pop.starts_with("pop") && matches!(instruction.flow, Flow::Return { .. }) => {
            return Some(-registers(operands)?);
        }
        ("stmdb" | "vstmdb", ["sp!", ..]) => return registers(operands),
        ("ldm" | "vldmia", ["sp!", ..]) => return Some(-registers(operands)?),
        ("sub" | "subw", ["sp", n] | ["sp", "sp", n]) => return immediate(n),
        ("add" | "addw", ["sp", n] | ["sp", "sp", n]) => return Some(-immediate(n)?),
        // They only read it.
        ("cmp" | "cmn" | "tst" | "ldm" | "stm" | "vldmia" | "vstmia", ["sp", ..]) => {
            return Some(0);
        }
        ("msr", ["primask" | "basepri" | "faultmask", _]) => return Some(0),
        (
            "str" | "strb" | "strh" | "strd" | "vstr" | "ldr" | "ldrb" | "ldrh" | "ldrd",
            [to, ..],
        ) if *to != "sp" => {
            if let Some((_, offset)) = operands.split_once("[sp], ") {
                return Some(-immediate(offset)?);
            }
            if let Some((_, offset)) = operands.split_once("[sp, ")
                && let Some(offset) = offset.strip_suffix("]!")
            {
                return Some(-immediate(offset)?);
            }
        }
        _ => {}
    }
    let moves = ["push", "pop", "vpush", "vpop", "msr"].iter().any(|m| mnemonic.starts_with(m));
    let written = ["sp!", "[sp], "].iter().any(|form| operands.contains(form))
        || operands.contains("[sp, ") && operands.ends_with('!')
        || fields.first() == Some(&"sp");
    (!moves && !written).then_some(0)
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

/// `#0x3c`, `#-8`, `#60`.
pub(super) fn immediate(text: &str) -> Option<i64> {
    let text = text.strip_prefix('#')?;
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    Some(sign * value.ok()?)
}
