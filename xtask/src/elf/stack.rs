//! The stack before an instruction: its depth, and which registers hold a place in it. A function whose
//! vectors want more than the 8 bytes that calls align it to aligns it anew:
//!
//! ```text
//! add r7, sp, #f        the frame pointer: where to come back to
//! sub rX, sp, #n
//! bfc rX, #0, #k        down to a multiple of 2^k: at most 2^k - 1 bytes further
//! mov sp, rX
//! ...
//! sub rX, r7, #m        back to where it was known
//! mov sp, rX
//! ```
//!
//! A core without Thumb-2 comes back that way from every large frame, in several subtractions.

use super::disassembly::Instruction;
use super::flow::Flow;
use super::frame::immediate;

/// What is known of the stack at one place of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stack<'f> {
    /// Bytes at most.
    pub(super) depth: i64,
    /// Whether the depth depends on where the stack began.
    aligned: bool,
    /// The depth to which r7 points.
    frame: Option<i64>,
    /// What was computed last: a register, the depth to which it points at most, and whether that depends
    /// on where the stack began.
    computed: Option<(&'f str, i64, bool)>,
}

impl<'f> Stack<'f> {
    /// What is known where paths meet; `None` where the depths differ.
    pub(super) fn meet(self, other: Self) -> Option<Self> {
        let frame = self.frame.filter(|_| self.frame == other.frame);
        let computed = self.computed.filter(|_| self.computed == other.computed);
        let same = (self.depth, self.aligned) == (other.depth, other.aligned);
        same.then_some(Stack { frame, computed, ..self })
    }

    /// The stack that `mov sp, rX` makes of the register that has just been computed.
    pub(super) fn moved(self, instruction: &Instruction) -> Option<Self> {
        let from = instruction.operands.strip_prefix("sp, ")?;
        let (register, depth, aligned) = self.computed?;
        let moves = instruction.mnemonic == "mov" && register == from;
        moves.then_some(Stack { depth, aligned, ..self })
    }

    /// What is known behind an instruction that makes it this deep.
    pub(super) fn followed_by(self, instruction: &'f Instruction, depth: i64) -> Self {
        let held = self.computed.filter(|(register, ..)| leaves(instruction, register));
        let known = Stack { depth, computed: self.computes(instruction).or(held), ..self };
        if sets_frame(instruction) {
            let offset = offset(instruction).filter(|_| !self.aligned);
            return Stack { frame: offset.map(|offset| self.depth - offset), ..known };
        }
        Stack { frame: self.frame.filter(|_| keeps_frame(instruction)), ..known }
    }

    fn computes(self, instruction: &'f Instruction) -> Option<(&'f str, i64, bool)> {
        let operands = &instruction.operands;
        let fields: Vec<&str> = operands.split(", ").collect();
        match (instruction.mnemonic.trim_end_matches(".w"), fields.as_slice()) {
            ("mov", [to, "sp"]) => Some((to, self.depth, self.aligned)),
            ("sub" | "subw" | "subs", [to, "sp", n]) => {
                Some((to, self.depth + positive(n)?, self.aligned))
            }
            ("sub" | "subw" | "subs", [to, "r7", n]) => {
                Some((to, self.frame? + positive(n)?, false))
            }
            ("sub" | "subs", [of, n]) => {
                let (register, depth, aligned) = self.computed?;
                let further = positive(n).filter(|_| register == *of)?;
                Some((register, depth + further, aligned))
            }
            ("bfc", [of, "#0" | "#0x0", bits]) => {
                let (register, depth, _) = self.computed?;
                let bits = positive(bits).filter(|&bits| bits <= 12 && register == *of)?;
                Some((register, depth + (1 << bits) - 1, true))
            }
            _ => None,
        }
    }
}

/// Whether an instruction surely leaves a register as it is.
fn leaves(instruction: &Instruction, register: &str) -> bool {
    let named = [register, "{"].iter().any(|name| unnamed(instruction).contains(name));
    !named && !matches!(instruction.flow, Flow::Call(_))
}

/// The operands without the name of the function to which it goes, which may look like a register's.
fn unnamed(instruction: &Instruction) -> &str {
    instruction.operands.split(" <").next().unwrap_or_default()
}

fn positive(text: &str) -> Option<i64> {
    immediate(text).filter(|&n| n >= 0)
}

/// `add r7, sp, #f` and `mov r7, sp`
fn sets_frame(instruction: &Instruction) -> bool {
    offset(instruction).is_some()
}

/// How far above the stack pointer r7 is set.
fn offset(instruction: &Instruction) -> Option<i64> {
    match (instruction.mnemonic.trim_end_matches(".w"), instruction.operands.as_str()) {
        ("mov", "r7, sp") => Some(0),
        ("add", operands) => positive(operands.strip_prefix("r7, sp, ")?),
        _ => None,
    }
}

/// Whether r7 is surely what it was: not named, or only read. (What is called keeps it.)
fn keeps_frame(instruction: &Instruction) -> bool {
    let operands = unnamed(instruction);
    let list = operands.contains('{') && operands.contains('-');
    let mnemonic = instruction.mnemonic.as_str();
    let writes_back = operands.contains("[r7],") || operands.contains('!');
    let stores = ["push", "str", "vst"].iter().any(|store| mnemonic.starts_with(store));
    let reads = ["add", "sub", "mov", "cmp"].iter().any(|read| mnemonic.starts_with(read));
    let loads = ["ldr", "vldr"].iter().any(|load| mnemonic.starts_with(load));
    let (first, rest) = operands.split_once(", ").unwrap_or((operands, ""));
    let read =
        stores || reads && first != "r7" || loads && first != "r7" && rest.starts_with("[r7");
    !operands.contains("r7") && !list || read && !writes_back
}
