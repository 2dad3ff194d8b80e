//! Where control goes after a Thumb instruction.

use anyhow::{Context, Result};

/// Where control goes after an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    /// To the targets, and to the next instruction as well if `falls_through`.
    Jump {
        targets: Vec<u32>,
        falls_through: bool,
    },
    Call(u32),
    Return {
        falls_through: bool,
    },
    /// The program ends here.
    Trap,
    /// By a table of offsets behind the instruction that hasn't been read.
    Table,
    /// To a place that can't be told from the instruction.
    Unknown,
    /// Nowhere: a constant.
    Data,
}

const CONDITIONS: [&str; 16] = [
    "eq", "ne", "hs", "lo", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le",
];
/// What begins with b and is no branch.
const NO_BRANCHES: [&str; 3] = ["bfc", "bfi", "bic"];

/// The flow of an instruction; an error for a branch whose target can't be read.
pub(crate) fn flow(mnemonic: &str, operands: &str) -> Result<Flow> {
    let short = mnemonic.trim_end_matches(".w").trim_end_matches(".n");
    let first = operands.split(',').next().unwrap_or_default();
    let pops_pc = operands.ends_with("pc}");
    if mnemonic.starts_with('.') {
        return Ok(Flow::Data);
    }
    if let Some(falls_through) = is(short, "b") {
        return Ok(Flow::Jump { targets: vec![target(operands)?], falls_through });
    }
    if short == "cbz" || short == "cbnz" {
        return Ok(Flow::Jump { targets: vec![target(operands)?], falls_through: true });
    }
    if is(short, "bl").is_some() {
        return Ok(Flow::Call(target(operands)?));
    }
    for (base, returns) in [
        ("bx", operands == "lr"),
        ("pop", pops_pc),
        ("ldm", pops_pc && first == "sp!"),
        ("ldr", operands.starts_with("pc, [sp], #")),
    ] {
        if let (Some(falls_through), true) = (is(short, base), returns) {
            return Ok(Flow::Return { falls_through });
        }
    }
    // A breakpoint without a debugger is a fault.
    let traps = ["trap", "udf", "bkpt", "svc", "hlt"].iter().any(|trap| is(short, trap).is_some());
    let is_table = short == "tbb" || short == "tbh";
    let branches =
        short.starts_with('b') && !NO_BRANCHES.iter().any(|other| short.starts_with(other));
    Ok(match () {
        () if traps => Flow::Trap,
        () if is_table && operands.starts_with("[pc,") => Flow::Table,
        () if is_table || branches || first == "pc" || pops_pc => Flow::Unknown,
        () if short == "<unknown>" => Flow::Unknown,
        () => Flow::Next,
    })
}

/// The targets of the `tbb` or `tbh` at `at`: twice each offset past the table's start, for the
/// constants that follow it. The comparison before it, by which the compiler keeps the index within
/// the table, is not checked. An offset of zero would lead into the table: it is padding, as is a
/// `nop`. Should padding be taken for an offset, then the target is no instruction of the function,
/// or is walked for nothing.
pub(crate) fn table_targets(mnemonic: &str, at: u32, table: &[u8]) -> Vec<u32> {
    const NOP: u32 = 0xbf00;
    let offsets: Vec<u32> = match mnemonic {
        "tbb" => table.iter().map(|&b| u32::from(b)).take_while(|&b| b != 0).collect(),
        _ => {
            let offsets = table.as_chunks::<2>().0.iter();
            let offsets = offsets.map(|o| u32::from(u16::from_le_bytes(*o)));
            offsets.take_while(|&o| o != 0 && o != NOP).collect()
        }
    };
    offsets.into_iter().map(|offset| at + 4 + 2 * offset).collect()
}

/// Whether a mnemonic is this one: `Some(true)` under a condition, `Some(false)` without.
fn is(mnemonic: &str, base: &str) -> Option<bool> {
    match mnemonic.strip_prefix(base)? {
        "" => Some(false),
        condition => CONDITIONS.contains(&condition).then_some(true),
    }
}

/// `0xb90 <name+0x68>`
fn target(operands: &str) -> Result<u32> {
    let last = operands.rsplit(", ").next().unwrap_or_default();
    let hex = last.split_whitespace().next().and_then(|address| address.strip_prefix("0x"));
    u32::from_str_radix(hex.context("no target")?, 16).context("no target")
}
