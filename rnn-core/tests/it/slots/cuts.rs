//! Cuts at every instant of an update, and what must hold after each.

use rnn_core::random::SplitMix64;

use super::models::crc;
use super::ram::{Cut, Operation, READINGS, Ram, Reading, TEARS, Tear};

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// No model is found where one ran.
    Neither,
    /// An update that was acknowledged is gone.
    Lost,
    /// A model runs that is neither the old one nor a new one that may run.
    Stranger,
    /// No update succeeds any more.
    Stuck,
    /// The flash was used in a way that flash doesn't allow, or outside of the slots.
    Misuse,
}

/// Carries out an update; whether it acknowledges it.
pub(crate) type Way<F> = fn(&mut F, &[u8]) -> bool;

/// Which cuts of an operation are tried.
#[derive(Clone)]
pub(crate) struct Grid {
    /// From one cut of a write to the next, bytes.
    pub(crate) write_step: usize,
    /// From one cut of an erase to the next, bytes.
    pub(crate) erase_step: usize,
    /// Picks one way to tear for each cut; all of them are tried where there is none.
    pub(crate) chance: Option<SplitMix64>,
}

impl Grid {
    fn cuts(&mut self, operations: &[Operation]) -> Vec<Cut> {
        let mut cuts = vec![];
        for (operation, kind) in operations.iter().enumerate() {
            let (length, step) = match *kind {
                Operation::Write(length) => (length, self.write_step),
                Operation::Erase(length) => (length, self.erase_step),
            };
            for byte in (0..length).step_by(step) {
                let tears = match &mut self.chance {
                    Some(random) => &[TEARS[random.below(TEARS.len())]],
                    None => &TEARS[..],
                };
                cuts.extend(tears.iter().map(|tear| Cut { operation, byte, tear: *tear }));
            }
            cuts.push(Cut { operation, byte: length, tear: Tear::Prefix });
        }
        cuts
    }
}

/// What an update from here does when nothing is cut.
fn operations<const W: usize, const E: usize>(
    flash: &Ram<W, E>,
    way: Way<Ram<W, E>>,
    file: &[u8],
) -> Result<Vec<Operation>, Violation> {
    let mut dry = flash.clone();
    if way(&mut dry, file) { Ok(dry.operations) } else { Err(Violation::Stuck) }
}

/// Starts the device again and again; one of these must run, whatever the bits in doubt read as.
fn check_starts<const W: usize, const E: usize>(
    flash: &mut Ram<W, E>,
    allowed: &[Option<u32>],
) -> Result<(), Violation> {
    for reading in flash.readings() {
        flash.reset(*reading);
        match flash.running() {
            running if allowed.contains(&running) => {}
            None => return Err(Violation::Neither),
            Some(_) if allowed.len() == 1 => return Err(Violation::Lost),
            Some(_) => return Err(Violation::Stranger),
        }
    }
    if flash.misuse.is_some() || !flash.rest_is_untouched() {
        return Err(Violation::Misuse);
    }
    Ok(())
}

/// One cut in an update to `file`. One of `allowed` must run then, the last of which is `file`.
fn check_cut<const W: usize, const E: usize>(
    flash: &mut Ram<W, E>,
    way: Way<Ram<W, E>>,
    (file, cut): (&[u8], Cut),
    allowed: &[Option<u32>],
) -> Result<(), Violation> {
    flash.cut = Some(cut);
    let acknowledged = way(flash, file);
    check_starts(flash, if acknowledged { &allowed[allowed.len() - 1..] } else { allowed })
}

/// An update without a cut succeeds and stays.
fn check_update<const W: usize, const E: usize>(
    flash: &mut Ram<W, E>,
    way: Way<Ram<W, E>>,
    file: &[u8],
) -> Result<(), Violation> {
    if !way(flash, file) {
        return Err(Violation::Stuck);
    }
    check_starts(flash, &[Some(crc(file))])
}

/// Every single cut of an update to `files[0]`, with all ways in which the bits in doubt may read then;
/// after it an update to `files[1]`. Returns their number.
pub(crate) fn singles<const W: usize, const E: usize>(
    start: &Ram<W, E>,
    way: Way<Ram<W, E>>,
    files: [&[u8]; 2],
    mut grid: Grid,
) -> Result<usize, Violation> {
    let mut start = start.clone();
    start.reset(Reading::After);
    let allowed = [start.running(), Some(crc(files[0]))];
    let cuts = grid.cuts(&operations(&start, way, files[0])?);
    for cut in &cuts {
        let mut flash = start.clone();
        check_cut(&mut flash, way, (files[0], *cut), &allowed)?;
        for reading in flash.readings() {
            let mut flash = flash.clone();
            flash.reset(*reading);
            check_update(&mut flash, way, files[1])?;
        }
    }
    Ok(cuts.len())
}

/// Every pair of cuts: one in an update to `files[0]`, one in the next, to `files[1]`; then an update to
/// `files[2]`; with all ways in which the bits in doubt may read after each. Returns their number.
pub(crate) fn pairs<const W: usize, const E: usize>(
    start: &Ram<W, E>,
    way: Way<Ram<W, E>>,
    files: [&[u8]; 3],
    mut grid: Grid,
) -> Result<usize, Violation> {
    let mut start = start.clone();
    start.reset(Reading::After);
    let allowed = [start.running(), Some(crc(files[0])), Some(crc(files[1]))];
    let mut pairs = 0;
    for first in grid.cuts(&operations(&start, way, files[0])?) {
        let mut once = start.clone();
        check_cut(&mut once, way, (files[0], first), &allowed[..2])?;
        for reading in once.readings() {
            once.reset(*reading);
            for second in grid.cuts(&operations(&once, way, files[1])?) {
                let mut twice = once.clone();
                check_cut(&mut twice, way, (files[1], second), &allowed)?;
                for reading in twice.readings() {
                    let mut twice = twice.clone();
                    twice.reset(*reading);
                    check_update(&mut twice, way, files[2])?;
                }
                pairs += 1;
            }
        }
    }
    Ok(pairs)
}

/// As many cuts as there are files but one, one in an update to each, at random; then an update to the
/// last one.
pub(crate) fn chain<const W: usize, const E: usize>(
    start: &Ram<W, E>,
    way: Way<Ram<W, E>>,
    files: &[&[u8]],
    random: &mut SplitMix64,
) -> Result<(), Violation> {
    let mut flash = start.clone();
    flash.reset(Reading::After);
    let mut allowed = vec![flash.running()];
    let Some((last, files)) = files.split_last() else { return Ok(()) };
    for file in files {
        let operations = operations(&flash, way, file)?;
        let operation = random.below(operations.len());
        let (Operation::Write(length) | Operation::Erase(length)) = operations[operation];
        let tear = TEARS[random.below(TEARS.len())];
        let cut = Cut { operation, byte: random.below(length), tear };
        allowed.push(Some(crc(file)));
        check_cut(&mut flash, way, (file, cut), &allowed)?;
        flash.reset(READINGS[random.below(READINGS.len())]);
    }
    check_update(&mut flash, way, last)
}
