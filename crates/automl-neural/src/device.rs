//! What computes.

use std::fmt;

/// What a network is trained on. It is predicted with on the processor, wherever it was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Device {
    /// The processor: the same bits at any number of threads and ranks.
    #[default]
    Cpu,
    /// The NVIDIA GPU of this number.
    #[cfg(feature = "cuda")]
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => out.write_str("cpu"),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => write!(out, "cuda:{index}"),
        }
    }
}
