//! Thumb-2 code as `llvm-objdump` prints it, sorted into what matters for a walk: where control
//! goes after each instruction.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;

/// Functions by address.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) functions: BTreeMap<u32, Function>,
}

/// A function: its names, and its instructions by address.
#[derive(Debug, Default)]
pub(crate) struct Function {
    /// Demangled; several symbols may share an address.
    pub(crate) names: Vec<String>,
    pub(crate) code: BTreeMap<u32, Instruction>,
}

/// One instruction, and where control goes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) mnemonic: String,
    pub(crate) operands: String,
    pub(crate) flow: Flow,
}

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
    /// A trap: the program ends here.
    Trap,
    /// To a place that can't be told from the instruction.
    Unknown,
}

const CONDITIONS: [&str; 16] = [
    "eq", "ne", "hs", "lo", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le",
];

impl Program {
    /// Reads the output of `llvm-objdump --disassemble --no-show-raw-insn`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut program = Self::default();
        let mut function = None;
        // The jump whose table of offsets is being read: its address and the bytes so far.
        let mut table: Option<(u32, Vec<u8>)> = None;
        for line in text.lines() {
            let about = || format!("disassembly: {line:?}");
            if let Some((address, name)) = label(line) {
                function = Some(address);
                program.functions.entry(address).or_default();
                program.add_name(address, name);
                continue;
            }
            let Some((address, rest)) = line.trim_start().split_once(':') else { continue };
            let (Ok(address), Some(function)) = (u32::from_str_radix(address, 16), function) else {
                continue;
            };
            let code = &mut program.functions.entry(function).or_default().code;
            let mut fields = rest.split('\t');
            let data = fields.next().unwrap_or_default();
            let mnemonic = fields.next().with_context(about)?.trim();
            let operands = fields.next().unwrap_or_default();
            let operands = operands.split('@').next().unwrap_or_default().trim();
            if mnemonic.starts_with('.') {
                if let Some((_, bytes)) = &mut table {
                    for byte in data.split_whitespace() {
                        bytes.push(u8::from_str_radix(byte, 16).with_context(about)?);
                    }
                }
                continue;
            }
            if let Some((at, bytes)) = table.take() {
                resolve_table(code, at, &bytes)?;
            }
            if mnemonic == "tbb" || mnemonic == "tbh" {
                table = Some((address, Vec::new()));
            }
            let flow = flow(mnemonic, operands).with_context(about)?;
            let (mnemonic, operands) = (mnemonic.to_owned(), operands.to_owned());
            code.insert(address, Instruction { mnemonic, operands, flow });
        }
        Ok(program)
    }

    /// Adds a name to the function at an address, if there is one.
    pub(crate) fn add_name(&mut self, address: u32, mangled: &str) {
        if let Some(function) = self.functions.get_mut(&address) {
            let name = format!("{:#}", rustc_demangle::demangle(mangled));
            if !function.names.contains(&name) {
                function.names.push(name);
            }
        }
    }

    /// The functions of which a name, generics left away, is `path`.
    pub(crate) fn find(&self, path: &str) -> Vec<u32> {
        let named = |function: &Function| function.names.iter().any(|name| plain(name) == path);
        self.functions.iter().filter(|(_, f)| named(f)).map(|(&address, _)| address).collect()
    }

    /// A name to print.
    pub(crate) fn name(&self, address: u32) -> String {
        let name = self.functions.get(&address).and_then(|function| function.names.first());
        name.cloned().unwrap_or_else(|| format!("{address:#x}"))
    }
}

/// `<app::App>::on_byte::<Board>` and `app::App::on_byte` are both `app::App::on_byte`.
fn plain(name: &str) -> String {
    let mut depth = 0;
    let opened = name.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let name = opened.map_or_else(|| name.to_owned(), |(of, rest)| format!("{of}{rest}"));
    let mut plain = String::new();
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain.trim_end_matches(':').replace("::::", "::")
}

/// `00000b28 <name>:`
fn label(line: &str) -> Option<(u32, &str)> {
    let (address, name) = line.split_once(" <")?;
    Some((u32::from_str_radix(address, 16).ok()?, name.strip_suffix(">:")?))
}

/// `0xb90 <name+0x68>`
fn target(operands: &str) -> Result<u32> {
    let last = operands.rsplit(", ").next().unwrap_or_default();
    let hex = last.split_whitespace().next().and_then(|address| address.strip_prefix("0x"));
    u32::from_str_radix(hex.context("no target")?, 16).context("no target")
}

/// Whether a mnemonic is this one, or this one under a condition; `Some(true)` under a condition.
fn is(mnemonic: &str, base: &str) -> Option<bool> {
    match mnemonic.strip_prefix(base)? {
        "" => Some(false),
        condition => CONDITIONS.contains(&condition).then_some(true),
    }
}

fn flow(mnemonic: &str, operands: &str) -> Result<Flow> {
    let short = mnemonic.trim_end_matches(".w").trim_end_matches(".n");
    if let Some(falls_through) = is(short, "b") {
        return Ok(Flow::Jump { targets: vec![target(operands)?], falls_through });
    }
    if short == "cbz" || short == "cbnz" {
        return Ok(Flow::Jump { targets: vec![target(operands)?], falls_through: true });
    }
    if is(short, "bl").is_some() {
        return Ok(Flow::Call(target(operands)?));
    }
    if let Some(falls_through) = is(short, "bx") {
        return Ok(match operands {
            "lr" => Flow::Return { falls_through },
            _ => Flow::Unknown,
        });
    }
    let lists_pc = operands.trim_end_matches('}').ends_with("pc") && operands.contains('{');
    for pop in ["pop", "ldm"] {
        if let (Some(falls_through), true) = (is(short, pop), lists_pc) {
            return Ok(match pop == "pop" || operands.starts_with("sp!") {
                true => Flow::Return { falls_through },
                false => Flow::Unknown,
            });
        }
    }
    if let (Some(falls_through), true) = (is(short, "ldr"), operands.starts_with("pc, [sp], #")) {
        return Ok(Flow::Return { falls_through });
    }
    let first = operands.split(',').next().unwrap_or_default();
    Ok(match short {
        "trap" | "udf" => Flow::Trap,
        "<unknown>" => Flow::Unknown,
        // Until its table has been read.
        "tbb" | "tbh" => Flow::Unknown,
        _ if is(short, "blx").is_some() || lists_pc => Flow::Unknown,
        _ if first == "pc" => Flow::Unknown,
        _ => Flow::Next,
    })
}

/// Gives the `tbb` or `tbh` at `at` its targets: twice each offset past the table's start.
fn resolve_table(code: &mut BTreeMap<u32, Instruction>, at: u32, bytes: &[u8]) -> Result<()> {
    let Some(jump) = code.get_mut(&at) else { bail!("no table jump at {at:#x}") };
    let offsets: Vec<u32> = match jump.mnemonic.as_str() {
        // A case never lies at the table's own start: a zero is the padding's first byte (nop).
        "tbb" => bytes.iter().map(|&b| u32::from(b)).take_while(|&b| b != 0).collect(),
        _ => {
            let words = bytes.as_chunks::<2>().0.iter();
            words.map(|w| u32::from(u16::from_le_bytes(*w))).take_while(|&w| w != NOP).collect()
        }
    };
    let indexed_by_pc = jump.operands.starts_with("[pc,");
    if indexed_by_pc && !offsets.is_empty() {
        let targets = offsets.into_iter().map(|offset| at + 4 + 2 * offset).collect();
        jump.flow = Flow::Jump { targets, falls_through: false };
    }
    Ok(())
}

const NOP: u32 = 0xbf00;
