//! What a firmware image shows before it runs: its sizes, and what a function can reach.

mod calls;
mod disassembly;
mod flow;
mod frame;
mod stack;

pub(crate) use calls::Walk;
pub(crate) use disassembly::{Instruction, Program};
#[cfg(test)]
pub(crate) use flow::Flow;

use crate::setup;
use anyhow::{Context, Result, bail, ensure};
use object::elf::{SHF_ALLOC, SHF_WRITE, SHT_NOBITS};
use object::read::elf::{ElfFile32, SectionHeader};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::path::Path;
use std::process::Command;

/// Bytes that an image takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// All that is loaded: vectors, code, constants, and the initial values of variables.
    pub(crate) flash: u64,
    /// Static variables; the stack is not among them.
    pub(crate) ram: u64,
}

/// The sizes of an ELF file.
pub(crate) fn sizes(elf: &Path) -> Result<Sizes> {
    let bytes = read(elf)?;
    let file = parse(elf, &bytes)?;
    let mut sizes = Sizes { flash: 0, ram: 0 };
    for section in file.sections() {
        let header = section.elf_section_header();
        let (flags, kind) = (header.sh_flags(file.endian()), header.sh_type(file.endian()));
        if flags & SHF_ALLOC != 0 {
            sizes.flash += if kind == SHT_NOBITS { 0 } else { section.size() };
            sizes.ram += if flags & SHF_WRITE == 0 { 0 } else { section.size() };
        }
    }
    Ok(sizes)
}

/// A section of an ELF file: its address and its bytes.
pub(crate) fn section(elf: &Path, name: &str) -> Result<(u64, Vec<u8>)> {
    let bytes = read(elf)?;
    let file = parse(elf, &bytes)?;
    let section = file.section_by_name(name);
    let section = section.with_context(|| format!("{} has no section {name}", elf.display()))?;
    Ok((section.address(), section.data()?.to_vec()))
}

/// Walks the calls from the one function with this path, such as `app::step`; generics and hashes are
/// left away.
pub(crate) fn walk(cpu: &str, elf: &Path, root: &str) -> Result<Walk> {
    let mut walks = walks(cpu, elf, root)?;
    match (walks.pop(), walks.len()) {
        (Some(walk), 0) => Ok(walk),
        (_, others) => bail!("{} has {} functions {root}", elf.display(), others + 1),
    }
}

/// The same from every function with this path, one at least: those of a generic one.
pub(crate) fn walks(cpu: &str, elf: &Path, root: &str) -> Result<Vec<Walk>> {
    let program = disassemble(cpu, elf)?;
    let entries = program.find(root);
    ensure!(!entries.is_empty(), "{} has no function {root}", elf.display());
    Ok(entries.iter().map(|&entry| calls::walk(&program, entry)).collect())
}

/// Disassembles an ELF file for a core, such as `cortex-m4`.
pub(crate) fn disassemble(cpu: &str, elf: &Path) -> Result<Program> {
    let bytes = read(elf)?;
    let file = parse(elf, &bytes)?;
    let output = Command::new(setup::objdump()?)
        // Without the zeroes left out: what is between two instructions must be seen.
        .args(["--disassemble", "--disassemble-zeroes", "--no-show-raw-insn"])
        .arg(format!("--mcpu={cpu}"))
        .arg(elf)
        .output()
        .with_context(|| format!("can't disassemble {}", elf.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut program = Program::parse(&String::from_utf8(output.stdout)?)?;
    if cpu == "cortex-m0" {
        program.read_far_jumps();
    }
    // The disassembly shows one name per address; a function may have several.
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        // The lowest bit says that it is Thumb code.
        let address = symbol.address() as u32 & !1;
        program.add_name(address, symbol.name()?);
        program.add_size(address, symbol.size());
    }
    Ok(program)
}

fn read(elf: &Path) -> Result<Vec<u8>> {
    std::fs::read(elf).with_context(|| format!("can't read the image {}", elf.display()))
}

fn parse<'a>(elf: &Path, bytes: &'a [u8]) -> Result<ElfFile32<'a>> {
    ElfFile32::parse(bytes)
        .with_context(|| format!("{} is no ELF file of a 32-bit chip", elf.display()))
}
