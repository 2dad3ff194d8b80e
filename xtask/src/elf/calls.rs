//! A walk over the calls from a function: what it can reach, and how much stack that takes.

use super::disassembly::{Flow, Program};
use super::frame::{Frame, frame};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// Parts of names by which the ways into a panic are known.
const PANICS: [&str; 6] =
    ["panic", "begin_unwind", "unwrap_failed", "expect_failed", "_fail", "handle_error"];
/// Parts of names by which an allocator is known.
const ALLOCATORS: [&str; 6] =
    ["__rust_alloc", "__rust_realloc", "__rg_", "__rdl_", "malloc", "alloc::"];

/// What a function can reach.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Functions that can be reached, the first one included.
    pub(crate) functions: usize,
    /// Deepest stack, bytes, from the first function's own frame down.
    pub(crate) stack: i64,
    /// Reasons why it is not known, or not true, that this code neither panics nor allocates and
    /// takes this much stack; each with the calls that lead there.
    pub(crate) problems: Vec<String>,
}

/// Walks from the one function with this name (see [`Program::find`]).
pub(crate) fn walk(program: &Program, root: &str) -> Result<Walk> {
    let [entry] = program.find(root)[..] else {
        bail!("the firmware has {} functions called {root}, not one", program.find(root).len());
    };
    let mut walker =
        Walker { program, done: BTreeMap::new(), path: Vec::new(), problems: BTreeSet::new() };
    let stack = walker.visit(entry);
    let functions = walker.done.len();
    Ok(Walk { functions, stack, problems: walker.problems.into_iter().collect() })
}

struct Walker<'p> {
    program: &'p Program,
    /// Deepest stack of each function that has been walked.
    done: BTreeMap<u32, i64>,
    /// The calls that lead to where the walk is.
    path: Vec<u32>,
    problems: BTreeSet<String>,
}

impl Walker<'_> {
    /// Walks a function and all that it calls; returns its deepest stack.
    fn visit(&mut self, entry: u32) -> i64 {
        if let Some(&stack) = self.done.get(&entry) {
            return stack;
        }
        if self.path.contains(&entry) {
            self.path.push(entry);
            self.problem("recursion");
            self.path.pop();
            return 0;
        }
        self.path.push(entry);
        let Some(function) = self.program.functions.get(&entry) else {
            self.problem("no function starts here");
            self.path.pop();
            return 0;
        };
        for (parts, what) in [(&PANICS[..], "a panic"), (&ALLOCATORS[..], "an allocator")] {
            if function.names.iter().any(|name| parts.iter().any(|part| name.contains(part))) {
                self.problem(what);
            }
        }
        let Frame { depth, deepest, problems } = frame(entry, function);
        problems.iter().for_each(|problem| self.problem(problem));
        let mut stack = deepest;
        for (address, depth) in depth {
            let callees = match function.code.get(&address).map(|instruction| &instruction.flow) {
                Some(Flow::Call(callee)) => std::slice::from_ref(callee),
                Some(Flow::Jump { targets, .. }) => targets,
                Some(Flow::Trap) => {
                    self.problem(&format!("{address:#x}: a trap"));
                    &[]
                }
                _ => &[],
            };
            for &callee in callees {
                let is_call = !function.code.contains_key(&callee)
                    || function.code.get(&address).is_some_and(|i| matches!(i.flow, Flow::Call(_)));
                if is_call {
                    stack = stack.max(depth + self.visit(callee));
                }
            }
        }
        self.path.pop();
        self.done.insert(entry, stack);
        stack
    }

    fn problem(&mut self, what: &str) {
        let path: Vec<String> = self.path.iter().map(|&f| self.program.name(f)).collect();
        self.problems.insert(format!("{what}, by {}", path.join(" -> ")));
    }
}

#[cfg(test)]
mod tests;
