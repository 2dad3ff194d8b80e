//! Why a device doesn't do what it is asked to.

use core::fmt;

use crate::model_file::Difference;

/// Why a device refuses a question. The model that ran goes on in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The sample's number of channels isn't the model's.
    Channels,
    /// A message that only a device sends.
    NotAQuestion,
    /// The device has no flash for models beside the one in its firmware.
    NoSlots,
    /// The file is longer than a slot's room, which is so many bytes.
    Room(u32),
    /// The device reads this version of model files.
    FileVersion(u16),
    /// What was announced, or has come, is no model file, or none that can be used.
    NotAModel,
    /// The firmware was built for another network.
    Differs(Difference),
    /// No update is under way: it wasn't begun, or the device was reset since, or it failed before.
    NotBegun,
    /// The next byte of the file that is wanted is this one.
    Offset(u32),
    /// What lies in the flash isn't what was announced.
    Damaged,
    /// The file has no self-test samples.
    NoSelfTests,
    /// So many self-test samples give other bits on the device.
    SelfTests(u32),
    /// There is no blank place left in which to seal the record of the model that runs.
    Full,
    /// The flash reports an error of its own.
    Flash,
}

impl Refusal {
    /// Number and detail on the wire.
    pub(super) fn bytes(self) -> [u8; 5] {
        let (number, detail) = match self {
            Refusal::Channels => (1, 0),
            Refusal::NotAQuestion => (2, 0),
            Refusal::NoSlots => (3, 0),
            Refusal::Room(room) => (4, room),
            Refusal::FileVersion(version) => (5, u32::from(version)),
            Refusal::NotAModel => (6, 0),
            Refusal::Differs(difference) => (7, difference as u32),
            Refusal::NotBegun => (8, 0),
            Refusal::Offset(offset) => (9, offset),
            Refusal::Damaged => (10, 0),
            Refusal::NoSelfTests => (11, 0),
            Refusal::SelfTests(wrong) => (12, wrong),
            Refusal::Full => (13, 0),
            Refusal::Flash => (14, 0),
        };
        let [a, b, c, d] = detail.to_le_bytes();
        [number, a, b, c, d]
    }

    /// What those bytes say; `None` where they say nothing.
    pub(super) fn of(bytes: [u8; 5]) -> Option<Self> {
        let [number, detail @ ..] = bytes;
        let detail = u32::from_le_bytes(detail);
        let difference = |detail| Difference::ALL.into_iter().find(|d| *d as u32 == detail);
        let refusal = match number {
            1 => Refusal::Channels,
            2 => Refusal::NotAQuestion,
            3 => Refusal::NoSlots,
            4 => Refusal::Room(detail),
            5 => Refusal::FileVersion(u16::try_from(detail).ok()?),
            6 => Refusal::NotAModel,
            7 => Refusal::Differs(difference(detail)?),
            8 => Refusal::NotBegun,
            9 => Refusal::Offset(detail),
            10 => Refusal::Damaged,
            11 => Refusal::NoSelfTests,
            12 => Refusal::SelfTests(detail),
            13 => Refusal::Full,
            14 => Refusal::Flash,
            _ => return None,
        };
        // A detail where there is none, or one too large, says nothing.
        (refusal.bytes() == bytes).then_some(refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Channels => f.write_str("its model has another number of channels"),
            Refusal::NotAQuestion => f.write_str("it doesn't take this message"),
            Refusal::NoSlots => f.write_str(
                "it has no flash for uploaded models: build its firmware with the new model instead",
            ),
            Refusal::Room(room) => {
                write!(f, "its slots hold model files of at most {room} bytes: train a smaller model")
            }
            Refusal::FileVersion(version) => write!(
                f,
                "it reads model files of version {version}: use the program that its firmware was built with"
            ),
            Refusal::NotAModel => f.write_str("the file is no model that it can use"),
            Refusal::Differs(difference) => write!(
                f,
                "its firmware was built for another network, the file differs in {difference}: train one of the same shape, or build the firmware with this one"
            ),
            Refusal::NotBegun => f.write_str(
                "no upload is under way: it was reset meanwhile, or the upload failed before",
            ),
            Refusal::Offset(offset) => write!(f, "the file's byte {offset} should come next"),
            Refusal::Damaged => f.write_str(
                "its flash doesn't hold what was sent: upload the file again; if that doesn't help, the flash is worn out",
            ),
            Refusal::NoSelfTests => f.write_str(
                "the file has no self-test samples, so nothing would show that it works there: export it again with some",
            ),
            Refusal::SelfTests(wrong) => {
                write!(f, "{wrong} self-tests of the model give other bits there")
            }
            Refusal::Full => f.write_str(
                "power was cut too often while it wrote a record: erase both slots with a probe",
            ),
            Refusal::Flash => f.write_str("its flash reports an error"),
        }
    }
}
