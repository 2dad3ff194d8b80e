//! Where trainings stand, on the disk: after a crash or a kill they go on with the same bits.
//!
//! A folder with a file per network, each written whole or not at all, and the fingerprint of what is
//! being trained, so that nothing else is taken for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::atomic::write_atomically;

/// Time between two writes of the same state.
const EVERY: Duration = Duration::from_millis(500);
const MAGIC: &[u8; 8] = b"RNNSTATE";
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// A folder of states.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    fingerprint: u32,
    /// When each state was written last.
    written: Mutex<Vec<Option<Instant>>>,
}

impl Checkpoint {
    /// Opens a folder, or makes it. `what` describes the training to the bit: options and data.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn open(folder: &Path, what: &[u8]) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| {
            format!("the checkpoint's folder {} can't be made", folder.display())
        })?;
        let fingerprint = CRC.checksum(what);
        Ok(Checkpoint { folder: folder.into(), fingerprint, written: Mutex::default() })
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index:03}.state"))
    }

    /// The state number `index`, if there is one.
    ///
    /// # Errors
    /// When it belongs to another training, is damaged, or can't be read.
    pub fn load<S: DeserializeOwned>(&self, index: usize) -> Result<Option<S>> {
        let path = self.path(index);
        let shown = path.display();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{shown} can't be read")),
        };
        let advice = "remove it to start afresh, or name another folder";
        let Some((data, crc)) = bytes.split_last_chunk::<4>() else {
            bail!("{shown} is no checkpoint (it has {} bytes); {advice}", bytes.len());
        };
        ensure!(
            data.starts_with(MAGIC) && data.len() >= 12,
            "{shown} is no checkpoint (it doesn't start with RNNSTATE); {advice}"
        );
        ensure!(
            CRC.checksum(data) == u32::from_le_bytes(*crc),
            "{shown} is damaged (its checksum doesn't fit); {advice}"
        );
        let (head, state) = data.split_at(12);
        ensure!(
            head[8..] == self.fingerprint.to_le_bytes(),
            "{shown} belongs to another training (other data, other options, or another version of this program); {advice}"
        );
        let state = postcard::from_bytes(state)
            .with_context(|| format!("{shown} holds no state of this kind; {advice}"))?;
        Ok(Some(state))
    }

    /// Writes the state number `index`, unless that was done a moment ago and it isn't the `last`.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save<S: Serialize>(&self, index: usize, state: &S, last: bool) -> Result<()> {
        {
            let mut written =
                self.written.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if written.len() <= index {
                written.resize(index + 1, None);
            }
            if !last && written[index].is_some_and(|before| before.elapsed() < EVERY) {
                return Ok(());
            }
            written[index] = Some(Instant::now());
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.fingerprint.to_le_bytes());
        bytes.extend(postcard::to_stdvec(state)?);
        let crc = CRC.checksum(&bytes);
        bytes.extend(crc.to_le_bytes());
        write_atomically(&self.path(index), |file| Ok(file.write_all(&bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Checkpoint;

    #[test]
    fn what_was_saved_comes_back_to_its_own_training() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/b");
        let checkpoint = Checkpoint::open(&folder, b"this").unwrap();
        let state = (7usize, vec![0.1f32, f32::MIN_POSITIVE]);
        assert_eq!(checkpoint.load::<(usize, Vec<f32>)>(0).unwrap(), None);
        checkpoint.save(0, &state, false).unwrap();
        assert_eq!(checkpoint.load(0).unwrap(), Some(state.clone()));
        // A moment later only what is last is written.
        checkpoint.save(0, &(8usize, vec![0.5f32]), false).unwrap();
        assert_eq!(checkpoint.load(0).unwrap(), Some(state));
        checkpoint.save(0, &(9usize, vec![0.5f32]), true).unwrap();
        assert_eq!(checkpoint.load(0).unwrap(), Some((9usize, vec![0.5f32])));

        let other = Checkpoint::open(&folder, b"that").unwrap();
        let message = other.load::<(usize, Vec<f32>)>(0).unwrap_err().to_string();
        assert!(message.contains("belongs to another training"), "{message}");
    }

    #[test]
    fn every_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::open(folder.path(), b"this").unwrap();
        checkpoint.save(3, &vec![1.0f32, 2.0], true).unwrap();
        let path = folder.path().join("003.state");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            std::fs::write(&path, &damaged).unwrap();
            assert!(checkpoint.load::<Vec<f32>>(3).is_err(), "byte {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(checkpoint.load::<Vec<f32>>(3).is_err(), "cut at {at}");
        }
    }
}
