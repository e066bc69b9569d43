//! What carries frames of bytes from one rank to another.

use automl_core::CollectiveError;

/// What a frame is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    AllReduce,
    AllGather,
    Broadcast,
    /// The sender has failed and says why; nothing else will come from it.
    Abort,
    /// The sender has ended; nothing else will come from it.
    Bye,
}

impl Call {
    pub(crate) const ALL: [Self; 5] = [
        Self::AllReduce,
        Self::AllGather,
        Self::Broadcast,
        Self::Abort,
        Self::Bye,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AllReduce => "all-reduce",
            Self::AllGather => "all-gather",
            Self::Broadcast => "broadcast",
            Self::Abort => "abort",
            Self::Bye => "end",
        }
    }

    pub(crate) fn code(self) -> u32 {
        self as u32
    }

    pub(crate) fn from_code(code: u32) -> Option<Self> {
        Self::ALL.get(code as usize).copied()
    }
}

/// Bytes, and the call that they belong to.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) call: Call,
    /// How many calls the sender has made before.
    pub(crate) number: u32,
    pub(crate) bytes: Vec<u8>,
}

/// Bytes of a frame's head: call, number and length.
pub(crate) const HEAD_BYTES: usize = 16;

impl Frame {
    /// What stands before the bytes on a wire.
    pub(crate) fn head(&self) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&self.call.code().to_le_bytes());
        head[4..8].copy_from_slice(&self.number.to_le_bytes());
        head[8..].copy_from_slice(&(self.bytes.len() as u64).to_le_bytes());
        head
    }

    /// A frame without its bytes, and how many there are; `None` for what no rank sends.
    pub(crate) fn from_head(head: &[u8; HEAD_BYTES]) -> Option<(Self, u64)> {
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let n_bytes = u64::from(word(8)) | u64::from(word(12)) << 32;
        let frame = Self {
            call: Call::from_code(word(0))?,
            number: word(4),
            bytes: Vec::new(),
        };
        Some((frame, n_bytes))
    }

    /// What a rank that failed tells the others.
    pub(crate) fn abort(rank: usize, error: &CollectiveError) -> Self {
        let (culprit, reason) = match error {
            CollectiveError::Gone { rank, reason } => (*rank, reason.clone()),
            CollectiveError::Timeout { rank: late, .. } => (*late, format!("rank {rank}: {error}")),
            error => (rank, error.to_string()),
        };
        Self {
            call: Call::Abort,
            number: 0,
            bytes: format!("{culprit}\n{reason}").into_bytes(),
        }
    }

    /// The error that an abort from `sender` stands for.
    pub(crate) fn told(&self, sender: usize) -> CollectiveError {
        let text = String::from_utf8_lossy(&self.bytes);
        let (rank, reason) = text.split_once('\n').unwrap_or(("", &text));
        CollectiveError::Gone {
            rank: rank.parse().unwrap_or(sender),
            reason: reason.to_owned(),
        }
    }
}

/// Carries frames between this rank and every other one; those from one rank arrive in the order in which it sent them.
pub(crate) trait Link: Send {
    /// The number of this rank.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn size(&self) -> usize;

    /// Its name, for people.
    fn name(&self) -> &str;

    /// Sends, at the latest when frames are received or [`Link::settle`] is called.
    fn send(&mut self, to: usize, frame: Frame) -> Result<(), CollectiveError>;

    /// The next frame of a rank.
    fn receive(&mut self, from: usize) -> Result<Frame, CollectiveError>;

    /// Returns when all that was sent is on its way.
    fn settle(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }

    /// Tells all others that this rank has failed, as far as they can be reached.
    fn abort(&mut self, error: &CollectiveError);
}
