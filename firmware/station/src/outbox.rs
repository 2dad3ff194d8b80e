//! Frames on their way out: the application leaves them here, the loop puts them on the line.

use app::Board;
use embedded_io_async::Write;
use rnn_core::link::MAX_FRAME;
use support::stack;

/// A zero, a sample and the answer to it.
const ROOM: usize = 1 + 2 * MAX_FRAME;

/// Frames that wait; what else the application asks of a board.
pub(crate) struct Outbox {
    bytes: [u8; ROOM],
    length: usize,
    lost: u32,
}

impl Outbox {
    /// Begins with a zero: whatever the start has put on the line ends there.
    pub(crate) fn new() -> Self {
        Self { bytes: [0; ROOM], length: 1, lost: 0 }
    }

    /// Counts that received bytes were lost.
    pub(crate) fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// Sends what waits.
    pub(crate) async fn empty_into(&mut self, line: &mut impl Write) {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        // What doesn't arrive, the host asks for again.
        let _ = line.write_all(bytes).await;
        self.length = 0;
    }
}

impl Board for Outbox {
    fn send(&mut self, frame: &[u8]) {
        let end = self.length + frame.len();
        if let Some(free) = self.bytes.get_mut(self.length..end) {
            free.copy_from_slice(frame);
            self.length = end;
        }
    }

    fn queue_overflows(&self) -> u32 {
        self.lost
    }

    fn stack_bytes(&self) -> u32 {
        stack::deepest()
    }

    fn ram_bytes(&self) -> u32 {
        stack::static_ram()
    }
}
