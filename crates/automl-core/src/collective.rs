//! Ranks that work on one thing together: the contract of their exchange, and the single rank that is alone.
//!
//! A job runs as `size` ranks, numbered from 0, each with a share of the rows. Every rank makes the same calls in the same
//! order; a call returns when the others have made it too. Who carries the bytes (threads of one process, MPI, sockets)
//! is decided where the job starts; learners see this trait alone.
//!
//! The names are those of the MPI standard (Message Passing Interface Forum 2021, MPI 4.0, chapter 6).

#[cfg(test)]
mod tests;

use crate::Coded;

/// The exchange between the ranks of one job.
///
/// **Order of sums.** A sum is taken element by element as a balanced tree over the ranks, `(x₀ + x₁) + (x₂ + x₃)` and so on,
/// whoever carries it and however long it is: all ranks hold the same bits, and threads, MPI and sockets give the same. Sums
/// of whole numbers wrap, so they are the same however rows are dealt to ranks. Those of floats are, too, where parts of a
/// batch are added up as the same tree, of which each rank holds a branch; otherwise they differ by rounding.
///
/// **Failure.** When one rank is gone or does not answer in time, all others get an error that names it, and every later
/// call gives one too: what a rank holds after a failed call is of no use. Lengths that differ between ranks are an error.
///
/// Calls may come from any thread, one after the other; which call is matched with which of the other ranks is their order
/// alone, so two threads of one rank must not call at the same time.
pub trait Collective: Send + Sync {
    /// The number of this rank, from 0.
    fn rank(&self) -> usize;

    /// The number of ranks, at least 1.
    fn size(&self) -> usize;

    /// How ranks are joined, for people: `threads`, `MPI (Open MPI 4.1.4)`, `TCP`.
    fn transport(&self) -> &str;

    /// Replaces every element by its sum over the ranks.
    fn all_reduce_f32(&self, values: &mut [f32]) -> Result<(), CollectiveError>;

    /// Replaces every element by its sum over the ranks.
    fn all_reduce_f64(&self, values: &mut [f64]) -> Result<(), CollectiveError>;

    /// Replaces every element by its sum over the ranks; sums wrap.
    fn all_reduce_i64(&self, values: &mut [i64]) -> Result<(), CollectiveError>;

    /// Replaces every element by its sum over the ranks; sums wrap. For sums of products in fixed point.
    fn all_reduce_i128(&self, values: &mut [i128]) -> Result<(), CollectiveError>;

    /// Replaces the bytes of all ranks by those of `root`.
    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<(), CollectiveError>;

    /// What every rank gave, in the order of the ranks; lengths may differ.
    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError>;

    /// Returns when all ranks have come here.
    fn barrier(&self) -> Result<(), CollectiveError> {
        self.all_gather(&[]).map(drop)
    }

    /// Replaces every element by the greatest of the ranks. Not for NaN.
    fn all_reduce_max_f64(&self, values: &mut [f64]) -> Result<(), CollectiveError> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        for (rank, of_rank) in self.all_gather(&bytes)?.iter().enumerate() {
            let (found, _) = of_rank.as_chunks::<8>();
            check_length(rank, found.len(), values.len())?;
            for (most, bytes) in values.iter_mut().zip(found) {
                let value = f64::from_le_bytes(*bytes);
                *most = if value > *most { value } else { *most };
            }
        }
        Ok(())
    }
}

fn check_length(rank: usize, found: usize, expected: usize) -> Result<(), CollectiveError> {
    if found == expected {
        return Ok(());
    }
    Err(CollectiveError::Length {
        rank,
        found,
        expected,
    })
}

/// Makes sure that all ranks hold the same text, say their settings; `what` names it in the error.
///
/// # Errors
/// The first rank that holds another text than rank 0, and the first line in which they differ: the same error on all.
pub fn agree(ranks: &dyn Collective, what: &str, text: &str) -> Result<(), CollectiveError> {
    let all = ranks.all_gather(text.as_bytes())?;
    let first = String::from_utf8_lossy(&all[0]);
    for (rank, other) in all.iter().enumerate().skip(1) {
        let other = String::from_utf8_lossy(other);
        if let Some((line, of_first, of_rank)) = first_difference(&first, &other) {
            return Err(CollectiveError::Disagree {
                what: what.to_owned(),
                rank,
                line,
                of_first,
                of_rank,
            });
        }
    }
    Ok(())
}

/// The first line, from 1, in which two texts differ, and both lines; a line that is not there is empty.
fn first_difference(a: &str, b: &str) -> Option<(usize, String, String)> {
    if a == b {
        return None;
    }
    let (mut of_a, mut of_b) = (a.lines(), b.lines());
    for line in 1.. {
        let pair = (of_a.next(), of_b.next());
        if pair == (None, None) {
            // They differ in what ends a line.
            return Some((line, String::new(), String::new()));
        }
        if pair.0 != pair.1 {
            let text = |line: Option<&str>| line.unwrap_or_default().trim_end().to_owned();
            return Some((line, text(pair.0), text(pair.1)));
        }
    }
    unreachable!("texts end")
}

/// The single rank of a job that runs alone: sums are what they were.
///
/// ```
/// use automl_core::{Collective, Solo};
///
/// let mut sums = [1.5, 2.0];
/// Solo.all_reduce_f64(&mut sums)?;
/// assert_eq!((sums, Solo.rank(), Solo.size()), ([1.5, 2.0], 0, 1));
/// # Ok::<(), automl_core::CollectiveError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Solo;

impl Collective for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn transport(&self) -> &'static str {
        "alone"
    }

    fn all_reduce_f32(&self, _: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn all_reduce_f64(&self, _: &mut [f64]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn all_reduce_i64(&self, _: &mut [i64]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn all_reduce_i128(&self, _: &mut [i128]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn broadcast(&self, _: &mut [u8], root: usize) -> Result<(), CollectiveError> {
        if root == 0 {
            Ok(())
        } else {
            Err(CollectiveError::NoSuchRank {
                rank: root,
                size: 1,
            })
        }
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        Ok(vec![bytes.to_vec()])
    }
}

/// Why ranks could not exchange anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectiveError {
    /// A rank has ended, or its machine cannot be reached any more.
    #[error("rank {rank} is gone: {reason}")]
    Gone {
        /// The rank that is gone.
        rank: usize,
        /// How that was noticed.
        reason: String,
    },
    /// A rank does not answer.
    #[error("rank {rank} has not answered for {waited_s} s")]
    Timeout {
        /// The rank that was waited for.
        rank: usize,
        /// How long.
        waited_s: u64,
    },
    /// Ranks gave another number of elements to the same call.
    #[error("rank {rank} gave {found} elements where {expected} were expected")]
    Length {
        /// The rank that differs.
        rank: usize,
        /// Its number of elements.
        found: usize,
        /// The number of elements here.
        expected: usize,
    },
    /// Ranks made different calls.
    #[error("rank {rank} is in {found} where this rank is in {expected}")]
    Call {
        /// The rank that differs.
        rank: usize,
        /// The call that it makes.
        found: String,
        /// The call made here.
        expected: String,
    },
    /// Ranks were started with different settings.
    #[error(
        "the ranks disagree on {what}: line {line} is '{of_first}' on rank 0 and '{of_rank}' on rank {rank}"
    )]
    Disagree {
        /// What they disagree on.
        what: String,
        /// The first rank that differs from rank 0.
        rank: usize,
        /// The first line that differs, from 1.
        line: usize,
        /// That line on rank 0.
        of_first: String,
        /// That line on the other rank.
        of_rank: String,
    },
    /// There is no such rank.
    #[error("there is no rank {rank} among {size}")]
    NoSuchRank {
        /// The rank asked for.
        rank: usize,
        /// The number of ranks.
        size: usize,
    },
    /// The transport failed.
    #[error("{call} failed: {reason}")]
    Transport {
        /// What was called.
        call: &'static str,
        /// What it said.
        reason: String,
    },
}

impl Coded for CollectiveError {
    fn code(&self) -> &'static str {
        match self {
            Self::Gone { .. } => "collective-gone",
            Self::Timeout { .. } => "collective-timeout",
            Self::Length { .. } => "collective-length",
            Self::Call { .. } => "collective-call",
            Self::Disagree { .. } => "collective-disagree",
            Self::NoSuchRank { .. } => "collective-no-such-rank",
            Self::Transport { .. } => "collective-transport",
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Gone { rank, .. } => format!("see what rank {rank} said last"),
            Self::Timeout { rank, .. } => {
                format!("see what rank {rank} is doing, or allow more time between its answers")
            }
            Self::Length { .. } | Self::Call { .. } | Self::Disagree { .. } => {
                "start all ranks with the same program, settings and data".to_owned()
            }
            Self::NoSuchRank { .. } | Self::Transport { .. } => return None,
        };
        Some(hint)
    }
}
