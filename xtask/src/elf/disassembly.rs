//! Functions and instructions, as `llvm-objdump` prints them.

use super::flow::{Flow, flow, table_targets};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Functions by address.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) functions: BTreeMap<u32, Function>,
}

/// A function: its names, and its instructions by address.
#[derive(Debug, Default)]
pub(crate) struct Function {
    /// Demangled; several symbols may share an address.
    names: Vec<String>,
    /// Bytes, constants among the code included.
    pub(crate) size: u64,
    /// Constants among the code are instructions that can't be executed.
    pub(crate) code: BTreeMap<u32, Instruction>,
}

/// One instruction, and where control goes after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) mnemonic: String,
    pub(crate) operands: String,
    pub(crate) flow: Flow,
}

impl Instruction {
    /// The same as if a `push` or a `pop` had no condition.
    pub(crate) fn without_condition(&self) -> Self {
        let bases = ["vpush", "vpop", "push", "pop"];
        let base = bases.into_iter().find(|base| self.mnemonic.starts_with(base));
        let mnemonic = base.map_or_else(|| self.mnemonic.clone(), str::to_owned);
        Instruction { mnemonic, ..self.clone() }
    }
}

impl Program {
    /// Reads the output of `llvm-objdump --disassemble --no-show-raw-insn`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut program = Self::default();
        let mut function = None;
        // Jumps by a table of offsets: their function and address, and what data follows them.
        let mut tables: Vec<(u32, u32, Vec<u8>)> = Vec::new();
        let mut in_table = false;
        // Where constants lie that are loaded from beside the code.
        let mut constants = BTreeSet::new();
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
            // Without one it is a dump of data that lies among functions in RAM.
            let Some(mnemonic) = fields.next().map(str::trim) else { continue };
            let (operands, comment) = fields
                .next()
                .map(|operands| operands.split_once('@').unwrap_or((operands, "")))
                .unwrap_or_default();
            let operands = operands.trim();
            if operands.contains("[pc, ") {
                constants.extend(first_address(comment));
            }
            let is_data = mnemonic.starts_with('.');
            if let Some((_, _, bytes)) = tables.last_mut().filter(|_| in_table && is_data) {
                for byte in data.split_whitespace() {
                    bytes.push(u8::from_str_radix(byte, 16).with_context(about)?);
                }
            }
            let flow = flow(mnemonic, operands).with_context(about)?;
            in_table = flow == Flow::Table || in_table && is_data;
            if flow == Flow::Table {
                tables.push((function, address, Vec::new()));
            }
            let (mnemonic, operands) = (mnemonic.to_owned(), operands.to_owned());
            code.insert(address, Instruction { mnemonic, operands, flow });
        }
        for (function, at, mut bytes) in tables {
            // The table ends where the constants behind it begin.
            if let Some(end) = constants.range(at + 4..).next() {
                bytes.truncate((end - at - 4) as usize);
            }
            let code = program.functions.get_mut(&function).map(|function| &mut function.code);
            if let Some(jump) = code.and_then(|code| code.get_mut(&at)) {
                let targets = table_targets(&jump.mnemonic, at, &bytes);
                if !targets.is_empty() {
                    jump.flow = Flow::Jump { targets, falls_through: false };
                }
            }
        }
        Ok(program)
    }

    /// For a core without Thumb-2, whose `b` reaches 2 KB: within a function, a `bl` to another place
    /// than its start is a jump that goes further (it has saved lr).
    pub(crate) fn read_far_jumps(&mut self) {
        for (&entry, Function { code, .. }) in &mut self.functions {
            let addresses: BTreeSet<u32> = code.keys().copied().collect();
            for instruction in code.values_mut() {
                match instruction.flow {
                    Flow::Call(target) if target != entry && addresses.contains(&target) => {
                        instruction.flow =
                            Flow::Jump { targets: vec![target], falls_through: false };
                    }
                    _ => {}
                }
            }
        }
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

    /// Adds the size of the function at an address, if there is one.
    pub(crate) fn add_size(&mut self, address: u32, size: u64) {
        if let Some(function) = self.functions.get_mut(&address) {
            function.size = function.size.max(size);
        }
    }

    /// The functions of which a name, generics left away, begins with `path`.
    pub(crate) fn find_within(&self, path: &str) -> Vec<u32> {
        let named =
            |function: &Function| function.names.iter().any(|name| plain(name).starts_with(path));
        self.functions.iter().filter(|(_, f)| named(f)).map(|(&address, _)| address).collect()
    }

    /// The function that an address lies in: where it starts.
    pub(crate) fn around(&self, address: u32) -> Option<u32> {
        let (&entry, function) = self.functions.range(..=address).next_back()?;
        function.code.contains_key(&address).then_some(entry)
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

impl Function {
    /// Whether a name contains one of these.
    pub(crate) fn is_one_of(&self, parts: &[&str]) -> bool {
        self.names.iter().any(|name| parts.iter().any(|part| name.contains(part)))
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.mnemonic, self.operands)
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

/// `0x20c <kernel+0xc>`
fn first_address(comment: &str) -> Option<u32> {
    let address = comment.split_whitespace().next()?.strip_prefix("0x")?;
    u32::from_str_radix(address, 16).ok()
}

/// `00000b28 <name>:`; a name such as `$t` marks where code begins among constants, not a function.
fn label(line: &str) -> Option<(u32, &str)> {
    let (address, name) = line.split_once(" <")?;
    let name = name.strip_suffix(">:").filter(|name| !name.starts_with('$'))?;
    Some((u32::from_str_radix(address, 16).ok()?, name))
}
