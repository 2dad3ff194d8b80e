//! The walk is only worth something if it finds what it is there for.

use super::*;

/// Two honest functions: `step` calls `kernel` from a frame of 8 + 60 bytes and saves 12 there.
const HONEST: &str = "
00000100 <step>:
     100:      \tpush\t{r7, lr}
     102:      \tsub\tsp, #0x3c
     104:      \tcbz\tr0, 0x10e <step+0xe> @ imm = #0x4
     106:      \tbl\t0x200 <kernel> @ imm = #0xf6
     10a:      \tbne\t0x106 <step+0x6> @ imm = #-0x8
     10c:      \tnop
     10e:      \tadd\tsp, #0x3c
     110:      \tpop\t{r7, pc}

00000200 <kernel>:
     200:      \tpush\t{r4, r5, lr}
     202:      \tvpush\t{d8, d9}
     206:      \tvldr\ts4, [pc, #4]          @ 0x20c <kernel+0xc>
     208:      \tvpop\t{d8, d9}
     20a:      \tpop\t{r4, r5, pc}
     20c: 00 00 80 3f  \t.word\t0x3f800000
";

fn walked(text: &str) -> Walk {
    let program = Program::parse(text).unwrap();
    walk(&program, program.find("step")[0])
}

/// The walk over [`HONEST`] with one line replaced, and functions added.
fn planted(line: &str, replacement: &str, added: &str) -> Walk {
    assert!(HONEST.contains(line));
    walked(&(HONEST.replace(line, replacement) + added))
}

/// All that the walk has found, in one line each.
fn found(walk: &Walk) -> Vec<&str> {
    walk.forbidden.iter().chain(&walk.unknown).map(String::as_str).collect()
}

/// The walk over [`HONEST`] with its `nop` replaced finds this alone.
#[track_caller]
fn finds(instruction: &str, what: &str) {
    let walk = planted("nop", instruction, "");
    let found = found(&walk);
    assert!(found.len() == 1 && found[0].contains(what), "{instruction}: {found:?}");
}

#[test]
fn honest_code_passes_and_its_stack_is_added_up() {
    let walk = walked(HONEST);
    assert_eq!(found(&walk), [""; 0]);
    assert_eq!(walk.functions, ["step", "kernel"]);
    assert_eq!(walk.stack, 8 + 60 + 12 + 16);
}

const PANIC: &str = "
00000300 <_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE>:
     300:      \tb\t0x300 <_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE>
";

#[test]
fn a_panic_is_found_where_it_hides() {
    let by_step = ["a panic, by step -> core::panicking::panic_bounds_check"];
    assert_eq!(found(&planted("\tnop", "\tbl\t0x300 <x>", PANIC)), by_step);
    // Under a condition.
    assert_eq!(found(&planted("\tnop", "\tbleq\t0x300 <x>", PANIC)), by_step);
    // As a tail call.
    let walk = planted("\tpop\t{r4, r5, pc}", "\tb.w\t0x300 <x>", PANIC);
    assert_eq!(
        walk.forbidden,
        ["a panic, by step -> kernel -> core::panicking::panic_bounds_check"]
    );
    // As a tail call under a condition.
    assert_eq!(found(&planted("\tcbz\tr0, 0x10e", "\tbeq.w\t0x300", PANIC)), by_step);
    // Under a second name.
    let mut program = Program::parse(HONEST).unwrap();
    program.add_name(0x200, "rust_begin_unwind");
    assert_eq!(found(&super::walk(&program, 0x100)), ["a panic, by step -> kernel"]);
}

#[test]
fn an_allocator_is_found() {
    let allocator = "\n00000300 <__rust_alloc>:\n     300:      \tbx\tlr\n";
    let walk = planted("\tnop", "\tbl\t0x300 <x>", allocator);
    assert_eq!(found(&walk), ["an allocator, by step -> __rust_alloc"]);
}

#[test]
fn a_trap_is_found() {
    for trap in ["trap", "udf\t#0xfe", "bkpt\t#0xab", "svc\t#0x0"] {
        finds(trap, "0x10c: a trap, by step");
        assert_eq!(planted("nop", trap, "").forbidden.len(), 1);
    }
}

#[test]
fn jumps_to_somewhere_are_not_passed_over() {
    for jump in [
        "blx\tr3",
        "bx\tr12",
        "bxns\tlr",
        "mov\tpc, r2",
        "ldr\tpc, [r0, #4]",
        "ldr.w\tpc, [r0, r1, lsl #2]",
        "ldm\tr0!, {r4, pc}",
        "ldm.w\tsp, {r4, pc}",
        "add\tpc, r1",
        "<unknown>",
        "tbb\t[r0, r1]",
        "tbb\t[pc, r1]",
    ] {
        finds(jump, "a jump to somewhere");
        assert_eq!(planted("nop", jump, "").unknown.len(), 1);
    }
    finds("bl\t0x300 <x>", "no function starts here, by step -> 0x300");
    finds("bl\t0x202 <kernel+0x2>", "no function starts here, by step -> 0x202");
}

#[test]
fn control_does_not_run_into_constants_or_out_of_a_function() {
    let constant = "\t.short\t0xbf00";
    finds(constant.trim_start(), "control runs into a constant");
    let walk = planted("\tpop\t{r4, r5, pc}", "\tadd\tsp, #0xc", "");
    assert_eq!(
        found(&walk),
        ["0x20c: control runs into a constant: .word 0x3f800000, by step -> kernel"]
    );
    let walk = planted("\tpop\t{r7, pc}", "\tnop", "");
    assert_eq!(found(&walk), ["0xffffffff: control runs out of the function, by step"]);
}

#[test]
fn recursion_is_found() {
    finds("bl\t0x100 <step>", "recursion, by step -> step");
    let walk = planted("\tvldr\ts4, [pc, #4] ", "\tbl\t0x100 <step>", "");
    assert_eq!(walk.unknown, ["recursion, by step -> kernel -> step"]);
}

/// What a function that consists of these instructions does with the stack.
fn moves(instructions: &[&str]) -> Walk {
    let lines = instructions.iter().zip((0x100..).step_by(4));
    walked(&lines.fold("00000100 <step>:\n".to_owned(), |text, (instruction, address)| {
        text + &format!("     {address:x}:      \t{instruction}\n")
    }))
}

#[test]
fn every_way_to_move_the_stack_counts() {
    for (down, up, bytes) in [
        ("sub.w\tsp, sp, #0x400", "add.w\tsp, sp, #0x400", 1024),
        ("subw\tsp, sp, #0x7fc", "addw\tsp, sp, #0x7fc", 2044),
        ("sub\tsp, #0x1fc", "add\tsp, #0x1fc", 508),
        ("push.w\t{r8, r9, r10, r11}", "pop.w\t{r8, r9, r10, r11}", 16),
        ("vpush\t{s16, s17, s18}", "vpop\t{s16, s17, s18}", 12),
        ("vpush\t{d8, d9, d10}", "vpop\t{d8, d9, d10}", 24),
        ("str\tlr, [sp, #-8]!", "ldr\tlr, [sp], #8", 8),
        ("strd\tr0, r1, [sp, #-16]!", "ldrd\tr0, r1, [sp], #16", 16),
        ("stmdb\tsp!, {r4, r5}", "ldm.w\tsp!, {r4, r5}", 8),
        ("vstmdb\tsp!, {d8}", "vldmia\tsp!, {d8}", 8),
    ] {
        let walk = moves(&[down, "push\t{r4, lr}", "pop.w\t{r4, lr}", up, "bx\tlr"]);
        assert_eq!((found(&walk), walk.stack), (vec![], bytes + 8), "{down}");
    }
    for returns in ["pop\t{r4, pc}", "ldm.w\tsp!, {r4, pc}"] {
        assert_eq!(found(&moves(&["push\t{r4, lr}", returns])), [""; 0]);
    }
    let returns = ["str\tlr, [sp, #-8]!", "bl\t0x200 <x>", "ldr\tpc, [sp], #8"];
    assert_eq!(moves(&returns).unknown, ["no function starts here, by step -> 0x200"]);
    let early =
        ["push\t{r4, lr}", "popeq\t{r4, pc}", "sub\tsp, #0x8", "add\tsp, #0x8", "pop\t{r4, pc}"];
    assert_eq!((found(&moves(&early)), moves(&early).stack), (vec![], 16));
}

/// What a function does that aligns its stack to 16 bytes: `bfc` and `back` as they are given.
fn aligned(bfc: &str, back: [&str; 2]) -> Walk {
    let [from, to] = back;
    moves(&[
        "push\t{r4, r6, r7, lr}",
        "add\tr7, sp, #0x8",
        "sub\tsp, #0x10",
        "sub\tr4, sp, #0x30",
        bfc,
        "mov\tsp, r4",
        "str\tr0, [sp, #0x4]",
        from,
        to,
        "pop\t{r4, r6, r7, pc}",
    ])
}

#[test]
fn a_stack_that_is_aligned_anew_counts_with_all_that_it_may_move() {
    let back = ["sub.w\tr4, r7, #0x8", "mov\tsp, r4"];
    let walk = aligned("bfc\tr4, #0x0, #0x4", back);
    assert_eq!((found(&walk), walk.stack), (vec![], 16 + 16 + 48 + 15));
    // Nothing that comes between touches the register; or something does.
    let lines = |between| {
        let function = ["push\t{r7, lr}", "mov\tr7, sp", "sub\tsp, #0x10", "sub.w\tr4, r7, #0x0"];
        moves(&[&function[..], &[between, "mov\tsp, r4", "pop\t{r7, pc}"]].concat())
    };
    assert_eq!(found(&lines("vmov\tr0, s0")), [""; 0]);
    for between in ["adds\tr4, #0x8", "ldm\tr0, {r3-r5}", "bl\t0x200 <x>"] {
        let walk = lines(between);
        assert!(walk.unknown.iter().any(|found| found.contains("an unknown change")), "{between}");
    }
    // The name of what is called may look like a register's.
    let large = ["push\t{r7, lr}", "mov\tr7, sp", "sub\tsp, #0x10", "bl\t0x200 <number7sigmoid>"];
    let walk =
        moves(&[&large[..], &["sub.w\tr4, r7, #0x0", "mov\tsp, r4", "pop\t{r7, pc}"]].concat());
    assert!(!walk.unknown.iter().any(|found| found.contains("an unknown change")));
    // What a core without Thumb-2 does after every large frame.
    let large = ["push\t{r6, r7, lr}", "add\tr7, sp, #0x4", "sub\tsp, #0x1fc", "sub\tsp, #0x20"];
    let back = |second| {
        moves(
            &[&large[..], &["subs\tr6, r7, #0x3", second, "mov\tsp, r6", "pop\t{r6, r7, pc}"]]
                .concat(),
        )
    };
    assert_eq!((found(&back("subs\tr6, #0x1")), back("subs\tr6, #0x1").stack), (vec![], 12 + 540));
    assert!(!found(&back("subs\tr6, #0x2")).is_empty(), "returns with 1 byte");
    let back = ["sub.w\tr4, r7, #0x8", "mov\tsp, r4"];
    for (bfc, back, what) in [
        // More bits than any vector wants; other arithmetic.
        ("bfc\tr4, #0x0, #0x14", back, "an unknown change of the stack pointer"),
        ("and\tr4, r4, r5", back, "an unknown change of the stack pointer"),
        // The frame pointer is another one by then.
        ("bfc\tr4, #0x0, #0x4", ["ldr\tr7, [r0]", "mov\tsp, r7"], "an unknown change"),
        // Back by what was asked for, not by what it came to.
        ("bfc\tr4, #0x0, #0x4", ["nop", "add\tsp, #0x40"], "returns with 15 bytes"),
        ("bfc\tr4, #0x0, #0x4", ["sub.w\tr4, r7, #0x10", "mov\tsp, r4"], "returns with 8 bytes"),
    ] {
        let walk = aligned(bfc, back);
        assert!(walk.unknown.iter().any(|found| found.contains(what)), "{bfc}: {:?}", walk.unknown);
    }
}

#[test]
fn what_only_reads_the_stack_pointer_moves_nothing() {
    for instruction in [
        "ldm.w\tsp, {r2, r12, lr}",
        "stm.w\tsp, {r0, r1}",
        "add\tr7, sp, #0x8",
        "str\tr0, [sp, #0x4]",
        "vldr\ts0, [sp, #16]",
        "cmp\tsp, r0",
        "msr\tprimask, r0",
    ] {
        assert_eq!(found(&planted("nop", instruction, "")), [""; 0], "{instruction}");
    }
}

#[test]
fn other_moves_of_the_stack_are_not_passed_over() {
    for instruction in [
        "mov\tsp, r7",
        "sub\tsp, r4",
        "sub.w\tsp, sp, r4",
        "sub.w\tsp, r7, #0x8",
        "subeq\tsp, #0x8",
        "ldr\tsp, [r0]",
        "msr\tmsp, r0",
        "bic\tsp, sp, #7",
        "push\t{r4-r7}",
        "pushne\t{r4}",
        "strne\tlr, [sp, #-8]!",
        "ldr\tr0, [sp], r1",
        "stm\tsp!, {r0}",
    ] {
        finds(instruction, "an unknown change of the stack pointer");
    }
    finds("add\tsp, #0x48", "takes more off the stack than was put there");
    // Of two paths that meet, only one has moved it.
    let walk = planted("nop", "push\t{r4}", "");
    assert_eq!(walk.unknown[0], "0x10e: the stack is 72 or 68 bytes deep, by step");
    let walk = moves(&["push\t{r4, lr}", "pop\t{pc}"]);
    assert_eq!(found(&walk), ["0x104: returns with 4 bytes on the stack: pop {pc}, by step"]);
    // In a loop.
    let grows = moves(&["sub\tsp, #0x8", "b\t0x100 <step>"]);
    assert_eq!(found(&grows), ["0x100: the stack is 0 or 8 bytes deep, by step"]);
}

#[test]
fn a_jump_table_is_followed() {
    let table = "
00000300 <table>:
     300:      \ttbb\t[pc, r0]
     304: 03 02  \t.short\t0x0203
     306: 00 bf  \t.short\t0xbf00
     308:      \tb\t0x30c <table+0xc>
     30a:      \tblx\tr3
     30c:      \tbx\tlr
";
    let walk = planted("\tnop", "\tbl\t0x300 <table>", table);
    assert_eq!(found(&walk), ["0x30a: a jump to somewhere: blx r3, by step -> table"]);
}

#[test]
fn a_jump_table_ends_where_constants_begin() {
    let table = "
00000300 <table>:
     300:      \ttbb\t[pc, r0]
     304: 06 06 06 06  \t.word\t0x06060606
     308: 33 33 73 3f  \t.word\t0x3f733333
     30c:      \tblx\tr3
     310:      \tvldr\ts0, [pc, #-12]    @ 0x308 <table+0x8>
     314:      \tbx\tlr
";
    assert_eq!(found(&planted("\tnop", "\tbl\t0x300 <table>", table)), [""; 0]);
    // Where nothing loads it, it may belong to the table.
    let unused = table.replace("vldr\ts0, [pc, #-12]    @ 0x308 <table+0x8>", "nop");
    assert!(!found(&planted("\tnop", "\tbl\t0x300 <table>", &unused)).is_empty());
}

#[test]
fn names_are_found_without_their_generics() {
    let mut program = Program::parse(HONEST).unwrap();
    program.add_name(0x200, "_ZN3app3App7on_byte17h358c43b9325bf647E");
    assert_eq!(program.find("app::App::on_byte"), [0x200]);
    program.add_name(0x100, "_RINvMCsfLfy6EI15iL_3appNtB3_3App7on_byteNtB3_5BoardEB3_");
    assert_eq!(program.find("app::App::on_byte"), [0x100, 0x200]);
    assert_eq!(program.find("app::App"), [0; 0]);
}

#[test]
fn a_far_jump_of_thumb_1_is_a_jump() {
    let far = HONEST.replace("\tnop", "\tbl\t0x110 <step+0x10>");
    let mut program = Program::parse(&far).unwrap();
    assert_eq!(found(&super::walk(&program, 0x100)), ["no function starts here, by step -> 0x110"]);
    program.read_far_jumps();
    // It jumps over the instruction that takes 60 bytes off the stack.
    let walk = super::walk(&program, 0x100);
    assert!(found(&walk)[0].contains("returns with 60 bytes on the stack"), "{:?}", found(&walk));
    // To the function's own start it is a call all the same.
    let recursive = HONEST.replace("\tnop", "\tbl\t0x100 <step>");
    let mut program = Program::parse(&recursive).unwrap();
    program.read_far_jumps();
    assert_eq!(found(&super::walk(&program, 0x100)), ["recursion, by step -> step"]);
}

#[test]
fn a_mark_among_the_code_begins_no_function() {
    let marked = HONEST.replace("     10c:", "0000010c <$t>:\n     10c:");
    assert_eq!(found(&walked(&marked)), [""; 0]);
}
