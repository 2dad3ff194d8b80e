//! Modelled cycles of a Cortex-M4: the executed instructions, each with its time after the Cortex-M4
//! Technical Reference Manual (100166), table 3-1, and the FPU's table 7-1; memory without wait states.
//! The book's chapter "Counts and cycles" says what this leaves out.

use crate::elf::Instruction;

/// Kinds of instructions that take the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One number from memory, or into it from the FPU: 2 cycles, or 1 directly behind another.
    Load,
    StoreFloat,
    /// One number into memory: 1 cycle, the write buffer takes it.
    Store,
    /// Two words.
    Double,
    /// N registers: 1 + N.
    Multiple,
    /// Multiplication and addition in the FPU.
    FusedFloat,
    /// Division or square root in the FPU.
    DivideFloat,
    /// 2 to 12 by the operands: 6.
    Divide,
    /// Two core registers from the FPU, or into it.
    MoveTwo,
    /// IT is often folded into the instruction before it: half a cycle.
    Condition,
    /// All others.
    Single,
}

/// By how a mnemonic begins; the first that fits.
const KINDS: [(&str, Kind); 25] = [
    ("ldrd", Kind::Double),
    ("strd", Kind::Double),
    ("ldm", Kind::Multiple),
    ("stm", Kind::Multiple),
    ("push", Kind::Multiple),
    ("pop", Kind::Multiple),
    ("vldm", Kind::Multiple),
    ("vstm", Kind::Multiple),
    ("vpush", Kind::Multiple),
    ("vpop", Kind::Multiple),
    ("ldr", Kind::Load),
    ("vldr", Kind::Load),
    ("str", Kind::Store),
    ("vstr", Kind::StoreFloat),
    ("vfma", Kind::FusedFloat),
    ("vfms", Kind::FusedFloat),
    ("vfnm", Kind::FusedFloat),
    ("vmla", Kind::FusedFloat),
    ("vmls", Kind::FusedFloat),
    ("vnml", Kind::FusedFloat),
    ("vdiv", Kind::DivideFloat),
    ("vsqrt", Kind::DivideFloat),
    ("sdiv", Kind::Divide),
    ("udiv", Kind::Divide),
    ("it", Kind::Condition),
];

/// What the FPU computes; the next instruction waits a cycle for the result.
const COMPUTES: [&str; 12] =
    ["vadd", "vsub", "vmul", "vnmul", "vf", "vml", "vnml", "vdiv", "vsqrt", "vcvt", "vabs", "vneg"];

fn kind(instruction: &Instruction) -> Kind {
    let mnemonic = instruction.mnemonic.as_str();
    if mnemonic.starts_with("vmov") && instruction.operands.split(',').count() > 2 {
        return Kind::MoveTwo;
    }
    let fits = |(prefix, _): &&(&str, Kind)| mnemonic.starts_with(prefix);
    KINDS.iter().find(fits).map_or(Kind::Single, |&(_, kind)| kind)
}

/// The registers among the operands, in their order.
fn registers(operands: &str) -> impl Iterator<Item = &str> {
    let parts = operands.split(|c: char| !c.is_ascii_alphanumeric() && c != '#');
    parts.filter(|part| !part.is_empty() && !part.starts_with('#'))
}

/// Half cycles of an instruction behind another one.
fn half_cycles(previous: Option<&Instruction>, instruction: &Instruction) -> u64 {
    let before = previous.map(kind);
    let behind_another = matches!(before, Some(Kind::Load | Kind::Store | Kind::StoreFloat));
    let kind = kind(instruction);
    let cycles = match kind {
        Kind::Load | Kind::StoreFloat if behind_another => 1,
        Kind::Load | Kind::StoreFloat | Kind::MoveTwo => 2,
        Kind::Store | Kind::Single => 1,
        Kind::Double | Kind::FusedFloat => 3,
        Kind::Multiple => 1 + words(&instruction.operands),
        Kind::DivideFloat => 14,
        Kind::Divide => 6,
        Kind::Condition => return 1,
    };
    let waits = previous.is_some_and(|previous| consumes(previous, instruction, kind));
    2 * (cycles + u64::from(waits))
}

/// Words that `{r4, r5}` or `{d8, d9}` hold.
fn words(operands: &str) -> u64 {
    let list = operands.split_once('{').map_or("", |(_, list)| list);
    registers(list).map(|register| if register.starts_with('d') { 2 } else { 1 }).sum()
}

/// Whether an instruction reads what the FPU computes in the one before it.
fn consumes(previous: &Instruction, instruction: &Instruction, kind: Kind) -> bool {
    if !COMPUTES.iter().any(|prefix| previous.mnemonic.starts_with(prefix)) {
        return false;
    }
    let Some(result) = registers(&previous.operands).next() else { return false };
    // The first operand is what is written, but for these.
    let reads_first = matches!(kind, Kind::StoreFloat | Kind::FusedFloat)
        || instruction.mnemonic.starts_with("vcmp");
    registers(&instruction.operands).skip(usize::from(!reads_first)).any(|r| r == result)
}

/// Cycles of a sequence of executed instructions, each with whether control went elsewhere than to the
/// next one: then the pipeline is filled anew, 2 cycles.
pub(crate) fn cycles<'i>(executed: impl Iterator<Item = (&'i Instruction, bool)>) -> u64 {
    let mut half = 0;
    let mut previous = None;
    for (instruction, jumps) in executed {
        half += half_cycles(previous, instruction) + if jumps { 4 } else { 0 };
        previous = Some(instruction);
    }
    half / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Flow;

    /// Cycles of instructions one behind the other, `*` in front of those that jump.
    fn cycles_of(lines: &[&str]) -> u64 {
        let instructions: Vec<_> = lines
            .iter()
            .map(|line| {
                let (jumps, line) =
                    line.strip_prefix('*').map_or((false, *line), |line| (true, line));
                let (mnemonic, operands) = line.split_once(' ').unwrap_or((line, ""));
                let (mnemonic, operands) = (mnemonic.to_owned(), operands.to_owned());
                (Instruction { mnemonic, operands, flow: Flow::Next }, jumps)
            })
            .collect();
        cycles(instructions.iter().map(|(instruction, jumps)| (instruction, *jumps)))
    }

    #[test]
    fn times_of_single_instructions() {
        for (line, cycles) in [
            ("adds r0, r0, r1", 1),
            ("smlad r0, r1, r2, r0", 1),
            ("smlald r0, r1, r2, r3", 1),
            ("ldr r0, [r1, #4]", 2),
            ("ldrsh.w r0, [r1], #2", 2),
            ("str r0, [r1]", 1),
            ("ldrd r0, r1, [r2]", 3),
            ("ldm.w r0!, {r4, r5, r6, r7}", 5),
            ("push {r4, lr}", 3),
            ("*pop {r4, pc}", 5),
            ("vldr s0, [r0]", 2),
            ("vstr s0, [r0]", 2),
            ("vldmia r0!, {s0, s1, s2, s3, s4, s5, s6, s7}", 9),
            ("vpush {d8, d9}", 5),
            ("vmul.f32 s0, s1, s2", 1),
            ("vfma.f32 s0, s1, s2", 3),
            ("vmla.f32 s0, s1, s2", 3),
            ("vdiv.f32 s0, s1, s2", 14),
            ("vmov.f32 s0, #1.000000e+00", 1),
            ("vmov r0, s0", 1),
            ("vmov r0, r1, d0", 2),
            ("udiv r0, r1, r2", 6),
            ("*b 0x100", 3),
            ("bne 0x100", 1),
            ("*bx lr", 3),
        ] {
            assert_eq!(cycles_of(&[line]), cycles, "{line}");
        }
    }

    #[test]
    fn neighbours_matter() {
        // Loads one behind the other, and behind a store.
        assert_eq!(cycles_of(&["ldr r0, [r1]", "vldr s0, [r2]", "adds r0, #1", "ldr r0, [r1]"]), 6);
        assert_eq!(cycles_of(&["str r0, [r1]", "ldr r0, [r1]"]), 2);
        // A result of the FPU that is used at once.
        assert_eq!(cycles_of(&["vmul.f32 s0, s1, s2", "vadd.f32 s3, s3, s0"]), 3);
        assert_eq!(cycles_of(&["vmul.f32 s0, s1, s2", "vadd.f32 s0, s3, s4"]), 2);
        assert_eq!(cycles_of(&["vmul.f32 s0, s1, s2", "vfma.f32 s0, s3, s4"]), 5);
        assert_eq!(cycles_of(&["vadd.f32 s0, s1, s2", "vstr s0, [r0]"]), 4);
        assert_eq!(cycles_of(&["vadd.f32 s0, s1, s2", "vcmp.f32 s0, s3"]), 3);
        assert_eq!(cycles_of(&["vldr s0, [r0]", "vadd.f32 s1, s1, s0"]), 3);
        // Two IT make a cycle.
        assert_eq!(
            cycles_of(&["it eq", "moveq r0, #1", "ite ne", "movne r0, #1", "moveq r1, #1"]),
            4
        );
    }
}
