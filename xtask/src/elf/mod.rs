//! What a firmware image shows before it runs: its sizes, and what its functions can reach.

pub(crate) mod disassembly;
pub(crate) mod frame;
pub(crate) mod walk;

use crate::setup;
use anyhow::{Context, Result, ensure};
use disassembly::Program;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::path::Path;
use std::process::Command;

/// Bytes that an image takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Vectors, code, constants, and the initial values of variables.
    pub(crate) flash: u64,
    /// Static variables.
    pub(crate) ram: u64,
}

/// An image: its sizes and its code.
pub(crate) struct Image {
    pub(crate) sizes: Sizes,
    pub(crate) program: Program,
}

impl Image {
    /// Reads an ELF file and disassembles it for a Cortex-M4.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let about = || format!("{}: can't examine the firmware", path.display());
        let bytes = std::fs::read(path).with_context(about)?;
        let file = object::File::parse(&*bytes).with_context(about)?;
        let size = |names: &[&str]| {
            let sections = file.sections().filter(|s| s.name().is_ok_and(|n| names.contains(&n)));
            sections.map(|section| section.size()).sum()
        };
        let sizes = Sizes {
            flash: size(&[".vector_table", ".text", ".rodata", ".data", ".gnu.sgstubs"]),
            ram: size(&[".data", ".bss", ".uninit"]),
        };

        let output = Command::new(setup::objdump()?)
            .args(["--disassemble", "--no-show-raw-insn", "--mcpu=cortex-m4"])
            .arg(path)
            .output()
            .with_context(about)?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut program = Program::parse(&String::from_utf8(output.stdout)?)?;
        // The disassembly shows one name per address; a function may have several.
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            program.add_name(symbol.address() as u32 & !1, symbol.name()?);
        }
        Ok(Self { sizes, program })
    }
}
