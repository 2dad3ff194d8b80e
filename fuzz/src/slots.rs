//! Model slots in flash that hold anything.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use rnn_core::activation::Activation;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::layers::Kind;
use rnn_core::model_file::{ModelFile, Task};
use rnn_core::scaling::Mode;
use rnn_core::slots::{Area, FILE_AT, Model, Refusal, Slots, check};

use crate::CRC;
use crate::model_file::model;

const PAGE: usize = 512;
const SIZE: usize = 2 * PAGE;
const AREA: Area = Area { starts: [0, SIZE as u32], size: SIZE as u32 };
/// Bytes of a record or a seal.
const BLOCK: usize = 32;

/// Takes bytes as the flash's content, the first four as flags: which of its records and files are given
/// a checksum that fits. What is found may run, and an update that is acknowledged does.
pub fn run(bytes: &[u8]) {
    let Some((flags, content)) = bytes.split_first_chunk::<4>() else { return };
    let flags = u32::from_le_bytes(*flags);
    let mut flash = Flash([0xFF; 2 * SIZE]);
    flash.0.iter_mut().zip(content).for_each(|(to, from)| *to = *from);
    for (slot, bytes) in flash.0.chunks_exact_mut(SIZE).enumerate() {
        let (records, file) = bytes.split_at_mut(FILE_AT as usize);
        for (i, block) in records.chunks_exact_mut(BLOCK).enumerate() {
            if flags >> (8 * slot + i) & 1 == 1 {
                seal(block);
            }
        }
        if flags >> (16 + slot) & 1 == 1 {
            let length = file.get(32..36).and_then(|field| field.try_into().ok());
            let length = u32::from_le_bytes(length.unwrap_or_default()) as usize;
            file.get_mut(..length).into_iter().for_each(seal);
        }
    }

    let mut slots = Slots::open(&mut flash, AREA, may_run).expect("there is room");
    if let Some(found) = slots.running() {
        may_run(slots.flash(), found).expect("it runs");
        assert!(found.offset == AREA.starts[found.slot] + FILE_AT && found.length <= AREA.room());
    }
    let file = file(9);
    let mut update = || {
        slots.begin(file.len() as u32)?;
        file.chunks(50).try_for_each(|chunk| slots.write(chunk))?;
        slots.finish(may_run)
    };
    let updated = update();
    let after = Slots::open(&mut flash, AREA, may_run).expect("there is room").running();
    if let Ok(updated) = updated {
        assert_eq!(after, Some(updated));
    }
}

fn seal(bytes: &mut [u8]) {
    if let Some((data, checksum)) = bytes.split_last_chunk_mut::<4>() {
        *checksum = CRC.checksum(data).to_le_bytes();
    }
}

fn may_run(flash: &mut &mut Flash, model: Model) -> Result<(), Refusal> {
    let file = &flash.0[model.offset as usize..][..model.length as usize];
    let self_test = |file: &ModelFile<'_>| {
        let model: Forecaster<Elman<f32, 1, 1>, 1, 1> = file.forecaster(file.elman(0)?)?;
        Ok(model.self_test::<0>(file))
    };
    check(file, self_test)
}

/// A model of one channel and one unit.
fn file(seed: u64) -> Vec<u8> {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    let mut model = model(task, &[(Kind::Elman(Activation::Tanh), 1)], 1);
    model.header.seed = seed;
    model.to_bytes().expect("a small model")
}

/// A NOR flash: a write clears bits, an erase sets them.
#[derive(Debug)]
struct Flash([u8; 2 * SIZE]);

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let written = self.0[offset as usize..].iter_mut().zip(bytes);
        written.for_each(|(old, new)| *old &= new);
        Ok(())
    }
}

/// After one, two and three updates.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut flash = Flash([0xFF; 2 * SIZE]);
    let mut after = |seed| {
        let file = file(seed);
        let mut slots = Slots::open(&mut flash, AREA, may_run).expect("there is room");
        slots.begin(file.len() as u32).expect("it fits");
        slots.write(&file).expect("it fits");
        slots.finish(may_run).expect("a good file");
        [&[0; 4], &flash.0[..]].concat()
    };
    vec![("one", after(1)), ("two", after(2)), ("three", after(3))]
}
