//! A walk over the calls from a function: what it can reach, and how much stack that takes.

use super::disassembly::{Function, Program};
use super::flow::Flow;
use super::frame::{Frame, frame, frame_of_assembly};
use anyhow::{Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Parts of names by which the ways into a panic are known.
const PANICS: [&str; 6] =
    ["panic", "begin_unwind", "unwrap_failed", "expect_failed", "_fail", "handle_error"];
/// Parts of names by which an allocator is known.
const ALLOCATORS: [&str; 6] =
    ["__rust_alloc", "__rust_realloc", "__rg_", "__rdl_", "malloc", "alloc::"];

/// Functions written in assembly that jump into the middle of unrolled loops. Where to is not followed;
/// that they call nothing is checked, and their results against the portable ones.
const ASSEMBLY: [&str; 2] =
    ["kernel::integer::dsp::pass::bytes", "kernel::integer::dsp::pass::halves"];

/// The RP2350's flash is erased and written by functions of its boot ROM, which the image calls through a
/// table: they aren't followed, nor their stack.
const BOOT_ROM: [&str; 1] = ["rp2350::flash::BootRom"];

/// What a function can reach. Interrupts are not among it, nor is their stack.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Functions that can be reached, the first one included.
    pub(crate) functions: Vec<String>,
    /// Bound of the stack, bytes: the deepest path, the first function's own frame included. It
    /// holds where nothing is unknown.
    pub(crate) stack: u64,
    /// Panics, traps and allocators that can be reached, each with the calls that lead there.
    pub(crate) forbidden: Vec<String>,
    /// What could hide more of them, or more stack: jumps to somewhere, recursion, changes of the
    /// stack pointer that aren't understood; each with the calls that lead there.
    pub(crate) unknown: Vec<String>,
}

impl Walk {
    /// Fails when something forbidden or unknown can be reached from `root` in an image.
    pub(crate) fn check(&self, image: &Path, root: &str) -> Result<()> {
        let problems = [self.forbidden.as_slice(), &self.unknown].concat();
        let image = image.display();
        ensure!(problems.is_empty(), "{image}: {root} can reach:\n  {}", problems.join("\n  "));
        Ok(())
    }
}

/// Walks from the function at this address.
pub(crate) fn walk(program: &Program, entry: u32) -> Walk {
    let mut walker = Walker {
        program,
        done: BTreeMap::new(),
        path: Vec::new(),
        forbidden: BTreeSet::new(),
        unknown: BTreeSet::new(),
    };
    let stack = walker.visit(entry);
    Walk {
        functions: walker.done.keys().map(|&function| program.name(function)).collect(),
        stack,
        forbidden: walker.forbidden.into_iter().collect(),
        unknown: walker.unknown.into_iter().collect(),
    }
}

struct Walker<'p> {
    program: &'p Program,
    /// Deepest stack of each function that has been walked.
    done: BTreeMap<u32, u64>,
    /// The calls that lead to where the walk is.
    path: Vec<u32>,
    forbidden: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

impl Walker<'_> {
    /// Walks a function and all that it calls; returns its deepest stack.
    fn visit(&mut self, entry: u32) -> u64 {
        if let Some(&stack) = self.done.get(&entry) {
            return stack;
        }
        let recursive = self.path.contains(&entry);
        self.path.push(entry);
        let stack = match self.program.functions.get(&entry) {
            _ if recursive => {
                self.unknown.insert(self.by("recursion"));
                0
            }
            None => {
                self.unknown.insert(self.by("no function starts here"));
                0
            }
            Some(function) => {
                let stack = self.look_into(entry, function);
                self.done.insert(entry, stack);
                stack
            }
        };
        self.path.pop();
        stack
    }

    fn look_into(&mut self, entry: u32, function: &Function) -> u64 {
        for (names, what) in [(&PANICS[..], "a panic"), (&ALLOCATORS[..], "an allocator")] {
            if function.is_one_of(names) {
                self.forbidden.insert(self.by(what));
                // What lies beyond doesn't matter any more.
                return 0;
            }
        }
        if function.is_one_of(&BOOT_ROM) {
            return 0;
        }
        let Frame { depth, deepest, unknown } = if function.is_one_of(&ASSEMBLY) {
            frame_of_assembly(entry, function)
        } else {
            frame(entry, function)
        };
        for what in unknown {
            self.unknown.insert(self.by(&what));
        }
        let mut stack = deepest.unsigned_abs();
        for (address, depth) in depth {
            let Some(instruction) = function.code.get(&address) else { continue };
            let callees: Vec<u32> = match &instruction.flow {
                Flow::Call(callee) => vec![*callee],
                // A jump out of the function is a call at its end.
                Flow::Jump { targets, .. } => {
                    let outside =
                        targets.iter().filter(|target| !function.code.contains_key(target));
                    outside.copied().collect()
                }
                Flow::Trap => {
                    self.forbidden.insert(self.by(&format!("{address:#x}: a trap")));
                    Vec::new()
                }
                _ => Vec::new(),
            };
            for callee in callees {
                stack = stack.max(depth.unsigned_abs() + self.visit(callee));
            }
        }
        stack
    }

    fn by(&self, what: &str) -> String {
        let path: Vec<String> = self.path.iter().map(|&f| self.program.name(f)).collect();
        format!("{what}, by {}", path.join(" -> "))
    }
}

#[cfg(test)]
mod tests;
