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
    walk(&Program::parse(text).unwrap(), "step").unwrap()
}

/// The walk over [`HONEST`] with one line replaced, and functions added.
fn planted(line: &str, replacement: &str, added: &str) -> Walk {
    assert!(HONEST.contains(line));
    walked(&(HONEST.replace(line, replacement) + added))
}

fn complains_of(walk: &Walk, what: &str) -> bool {
    walk.problems.len() == 1 && walk.problems[0].contains(what)
}

#[test]
fn honest_code_passes_and_its_stack_is_added_up() {
    let walk = walked(HONEST);
    assert_eq!(walk.problems, [""; 0]);
    assert_eq!((walk.functions, walk.stack), (2, 8 + 60 + 12 + 16));
}

#[test]
fn a_panic_is_found_where_it_hides() {
    let panic = "
00000300 <_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE>:
     300:      \ttrap
";
    let walk = planted("\tnop", "\tbl\t0x300 <x>", panic);
    assert!(walk.problems.iter().any(|p| p.contains("a panic, by step -> core::panicking")));
    // As a tail call.
    let tail = planted("\tpop\t{r4, r5, pc}", "\tb.w\t0x300 <x>", panic);
    assert!(tail.problems.iter().any(|p| p.contains("step -> kernel -> core::panicking")));
    // Under a condition.
    let conditional = planted("\tnop", "\tbleq\t0x300 <x>", panic);
    assert!(conditional.problems.iter().any(|p| p.contains("a panic")));
    // Under a second name.
    let mut program = Program::parse(&HONEST.replace("\tnop", "\tbl\t0x200 <x>")).unwrap();
    program.add_name(0x200, "rust_begin_unwind");
    assert!(complains_of(&super::walk(&program, "step").unwrap(), "a panic"));
}

#[test]
fn an_allocator_is_found() {
    let walk = planted(
        "\tnop",
        "\tbl\t0x300 <x>",
        "\n00000300 <__rust_alloc>:\n     300:      \tbx\tlr\n",
    );
    assert!(complains_of(&walk, "an allocator, by step -> __rust_alloc"), "{:?}", walk.problems);
}

#[test]
fn a_trap_is_found() {
    assert!(complains_of(&planted("\tnop", "\ttrap", ""), "a trap"));
    assert!(complains_of(&planted("\tnop", "\tudf\t#0xfe", ""), "a trap"));
}

#[test]
fn jumps_to_somewhere_are_not_passed_over() {
    for jump in [
        "blx\tr3",
        "bx\tr12",
        "mov\tpc, r2",
        "ldr\tpc, [r0, #4]",
        "ldm\tr0!, {r4, pc}",
        "add\tpc, r1",
        "<unknown>",
        "tbb\t[r0, r1]",
    ] {
        let walk = planted("nop", jump, "");
        assert!(complains_of(&walk, "a jump to somewhere"), "{jump}: {:?}", walk.problems);
    }
    let nowhere = planted("\tnop", "\tbl\t0x300 <x>", "");
    assert!(complains_of(&nowhere, "no function starts here"), "{:?}", nowhere.problems);
    let middle = planted("\tnop", "\tb\t0x202 <kernel+0x2>", "");
    assert!(complains_of(&middle, "no function starts here"), "{:?}", middle.problems);
}

#[test]
fn recursion_is_found() {
    let own = planted("\tnop", "\tbl\t0x100 <step>", "");
    assert!(complains_of(&own, "recursion, by step -> step"), "{:?}", own.problems);
    let mutual = planted("\tpop\t{r4, r5, pc}", "\tb.w\t0x100 <step>", "");
    assert!(complains_of(&mutual, "recursion, by step -> kernel -> step"), "{:?}", mutual.problems);
}

#[test]
fn every_way_to_move_the_stack_counts() {
    for (instruction, bytes) in [
        ("sub.w\tsp, sp, #0x400", 1024),
        ("subw\tsp, sp, #0x7fc", 2044),
        ("push.w\t{r8, r9, r10, r11}", 16),
        ("vpush\t{s16, s17, s18}", 12),
        ("str\tlr, [sp, #-8]!", 8),
        ("strd\tr0, r1, [sp, #-16]!", 16),
        ("stmdb\tsp!, {r4, r5}", 8),
        ("vstmdb\tsp!, {d8}", 8),
    ] {
        // Never taken off again: from there on all is deeper.
        let walk = planted("push\t{r7, lr}", instruction, "");
        let above = walk.problems.iter().all(|p| p.contains("bytes deep"));
        assert_eq!(walk.stack, bytes + 60 + 12 + 16, "{instruction}");
        assert!(above, "{instruction}: {:?}", walk.problems);
    }
    for instruction in [
        "mov\tsp, r7",
        "sub\tsp, r4",
        "subeq\tsp, #0x8",
        "ldr\tsp, [r0]",
        "msr\tmsp, r0",
        "bic\tsp, sp, #7",
        "push\t{r4-r7}",
        "pushne\t{r4}",
    ] {
        let walk = planted("nop", instruction, "");
        assert!(complains_of(&walk, "an unknown change of the stack"), "{instruction}");
    }
    let grows = planted("\tbne\t0x106", "\tsub\tsp, #0x8\n     10b:      \tb\t0x10a", "");
    assert!(!grows.problems.is_empty());
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
    assert!(complains_of(&walk, "0x30a: a jump to somewhere: blx r3"), "{:?}", walk.problems);
}

#[test]
fn names_are_found_without_their_generics() {
    let mut program = Program::parse(HONEST).unwrap();
    program.add_name(0x200, "_ZN3app3App7on_byte17h358c43b9325bf647E");
    assert_eq!(program.find("app::App::on_byte"), [0x200]);
    assert!(walk(&program, "app::App::nothing").is_err());
}
