//! Model slots in flash: no cut of the power loses both models, or an update that was acknowledged.

mod broken;
mod cuts;
mod damage;
mod models;
mod ram;
mod refused;

use cuts::{Grid, chain, pairs, singles};
use models::file;
use ram::Ram;
use rnn_core::random::SplitMix64;

fn update<const W: usize, const E: usize>(flash: &mut Ram<W, E>, file: &[u8]) -> bool {
    flash.update(file).is_ok()
}

/// From no model, from one, and from two.
fn check_singles<const W: usize, const E: usize>() {
    let [a, b, c, d] = [1, 2, 3, 4].map(file);
    let grid = Grid { write_step: 1, erase_step: E.div_ceil(256), chance: None };
    for before in [&[][..], &[&a[..]], &[&a[..], &b]] {
        let start = Ram::<W, E>::after(before);
        let cuts = singles(&start, update, [&c, &d], grid.clone());
        assert!(cuts.is_ok_and(|cuts| cuts > 2000), "{cuts:?}");
    }
}

#[test]
fn every_single_cut_in_words_of_one_byte() {
    check_singles::<1, 256>();
    check_singles::<1, 4096>();
}

#[test]
fn every_single_cut_in_words_of_four_bytes() {
    check_singles::<4, 128>();
    check_singles::<4, 4096>();
}

#[test]
fn every_single_cut_in_longer_words() {
    check_singles::<8, 256>();
    check_singles::<32, 4096>();
}

fn check_pairs<const W: usize, const E: usize>(grid: Grid) {
    let [a, b, c, d, e] = [1, 2, 3, 4, 5].map(file);
    let start = Ram::<W, E>::after(&[&a, &b]);
    let pairs = pairs(&start, update, [&c, &d, &e], grid);
    assert!(pairs.is_ok_and(|pairs| pairs > 50_000), "{pairs:?}");
}

#[test]
fn every_pair_of_cuts_torn_by_chance() {
    let chance = Some(SplitMix64::new(3));
    check_pairs::<4, 256>(Grid { write_step: 1, erase_step: 64, chance });
}

#[test]
fn every_pair_of_tears_some_bytes_apart() {
    check_pairs::<8, 4096>(Grid { write_step: 7, erase_step: 512, chance: None });
}

#[test]
#[ignore = "takes ten minutes: every tear at every byte of every pair"]
fn every_pair_of_cuts_and_tears() {
    let grid = Grid { write_step: 1, erase_step: 32, chance: None };
    check_pairs::<4, 256>(grid.clone());
    check_pairs::<8, 4096>(Grid { erase_step: 512, ..grid });
}

#[test]
fn three_cuts_in_a_row() {
    let files = [1, 2, 3, 4, 5, 6].map(file);
    let [a, b, later @ ..] = files.each_ref().map(Vec::as_slice);
    let mut random = SplitMix64::new(4);
    for start in [Ram::<4, 256>::after(&[a]), Ram::after(&[a, b])] {
        for _ in 0..5_000 {
            assert_eq!(chain(&start, update, &later, &mut random), Ok(()));
        }
    }
}
