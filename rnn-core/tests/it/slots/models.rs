//! Small models, and a device that runs them.

use embedded_storage::nor_flash::{NorFlashErrorKind, ReadNorFlash};
use rnn_core::activation::Activation;
use rnn_core::elman::Elman;
use rnn_core::forecast::Forecaster;
use rnn_core::layers::{Kind, Layers};
use rnn_core::model_file::{Contents, Error as FileError, Header, ModelFile, Task, encode};
use rnn_core::network::Network;
use rnn_core::parameters::Parameters;
use rnn_core::scaling::{Channel, Mode};
use rnn_core::slots::{Area, Error, FILE_AT, Model, Refusal, Slots, check};
use rnn_core::stream::Predictor;

use super::ram::Ram;

/// The model that the firmware can run: one channel, one unit.
type Small = Forecaster<Elman<f32, 1, 1>, 1, 1>;

pub(crate) const LENGTH: usize = 128 + 80 + 4 * 5 + 8 + 4;

pub(crate) fn header(self_tests: usize) -> Header {
    let task = Task::Forecast { mode: Mode::Raw, target: 0 };
    let layers = Layers::one(Kind::Elman(Activation::Tanh), 1);
    Header { self_tests, ..Header::new(task, 1, layers) }
}

/// The file of a model; its self-test expects a prediction that is off by so much.
pub(crate) fn file_with(seed: u64, self_tests: usize, off: f32) -> Vec<u8> {
    let model =
        Small { network: Network::random(seed), channels: [Channel::IDENTITY], mode: Mode::Raw };
    let mut predictor = Predictor::<_, 1, 1, 0>::new(&model);
    let parameters: Vec<f32> = model.network.tensors().flatten().copied().collect();
    let contents = Contents {
        header: header(self_tests),
        names: &["t"],
        channels: &model.channels,
        parameters: &parameters,
        integers: &[],
        watch: None,
        modules: [""; 2],
        biases: &[],
        samples: &vec![0.5; self_tests],
        predictions: &vec![predictor.step(&[0.5])[0] + off; self_tests],
    };
    let mut bytes = vec![0; contents.header.file_length()];
    encode(&contents, &mut bytes).expect("such a model");
    bytes
}

/// The file of a good model.
pub(crate) fn file(seed: u64) -> Vec<u8> {
    file_with(seed, 1, 0.0)
}

/// Which model a file holds.
pub(crate) fn crc(file: &[u8]) -> u32 {
    ModelFile::parse(file).expect("a good file").crc()
}

fn self_test(file: &ModelFile<'_>) -> Result<usize, FileError> {
    let model: Small = file.forecaster(file.elman(0)?)?;
    Ok(model.self_test::<0>(file))
}

impl<const WRITE: usize, const ERASE: usize> Ram<WRITE, ERASE> {
    /// A flash with its two slots, and a page that isn't theirs before each.
    pub(crate) fn with_slots() -> Self {
        Self::new(2 * (1 + Self::slot_pages()))
    }

    const fn slot_pages() -> usize {
        (FILE_AT as usize + LENGTH).div_ceil(ERASE)
    }

    pub(crate) fn area() -> Area {
        let pages = [1, 2 + Self::slot_pages()];
        let size = (Self::slot_pages() * ERASE) as u32;
        Area { starts: pages.map(|page| (page * ERASE) as u32), size }
    }

    pub(crate) fn may_run(&mut self, model: Model) -> Result<(), Refusal> {
        let mut bytes = vec![0; (model.length as usize).next_multiple_of(WRITE)];
        let read = self.read(model.offset, &mut bytes);
        read.map_err(|_| Refusal::File(FileError::Checksum))?;
        check(&bytes[..model.length as usize], self_test).map(|_| ())
    }

    pub(crate) fn open(&mut self) -> Slots<&mut Self> {
        Slots::open(self, Self::area(), |flash, model| flash.may_run(model)).expect("an area")
    }

    /// What runs after a reset: its CRC, or `None` for the firmware's own model.
    pub(crate) fn running(&mut self) -> Option<u32> {
        self.open().running().map(|model| model.crc)
    }

    /// An update as a device carries it out.
    pub(crate) fn update(&mut self, file: &[u8]) -> Result<Model, Error<NorFlashErrorKind>> {
        let mut slots = self.open();
        slots.begin(file.len() as u32)?;
        for chunk in file.chunks(50) {
            slots.write(chunk)?;
        }
        slots.finish(|flash, model| flash.may_run(model))
    }

    /// A flash to which these models came, one after another.
    pub(crate) fn after(files: &[&[u8]]) -> Self {
        let mut flash = Self::with_slots();
        for file in files {
            flash.update(file).expect("an update without a cut");
        }
        assert_eq!(flash.misuse, None);
        flash
    }

    /// Whether nothing but the slots was erased or written.
    pub(crate) fn rest_is_untouched(&self) -> bool {
        let starts = Self::area().starts.map(|start| start as usize);
        starts.iter().all(|start| self.bytes[start - ERASE..*start] == [0; ERASE])
    }
}
