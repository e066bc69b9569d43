//! What ranks do together, on any link.
//!
//! With `n` ranks and `b` bytes a rank: gathering takes `⌈log₂ n⌉` steps and carries `(n − 1) b` bytes to each rank
//! (Bruck et al. 1997, Efficient algorithms for all-to-all communications). A short sum gathers and adds. A long one is
//! cut into `n` parts: each rank gets the others' bytes of its own part, adds them up, and hands
//! the sum to all, `2 (n − 1) / n · b` bytes each way: the least there is (Rabenseifner 2004, Optimization of collective
//! reduction operations).

use crate::link::{Call, Frame, Link};
use crate::words::Word;
use automl_core::{Collective, CollectiveError};
use std::sync::{Mutex, PoisonError};

/// Sums that take no more bytes of all ranks together are gathered and added up by each.
const SHORT_BYTES: usize = 32 << 10;

/// A rank and its link to the others.
pub struct Ranks {
    rank: usize,
    size: usize,
    transport: String,
    state: Mutex<State>,
}

struct State {
    link: Box<dyn Link>,
    n_calls: u32,
    failure: Option<CollectiveError>,
}

impl std::fmt::Debug for Ranks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "rank {} of {} by {}",
            self.rank, self.size, self.transport
        )
    }
}

impl Ranks {
    pub(crate) fn new(link: Box<dyn Link>) -> Self {
        Self {
            rank: link.rank(),
            size: link.size(),
            transport: link.name().to_owned(),
            state: Mutex::new(State {
                link,
                n_calls: 0,
                failure: None,
            }),
        }
    }

    /// Makes one call; after one that failed, none is made.
    fn call<T>(
        &self,
        call: Call,
        work: impl FnOnce(&mut Exchange<'_>) -> Result<T, CollectiveError>,
    ) -> Result<T, CollectiveError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State {
            link,
            n_calls,
            failure,
        } = &mut *state;
        if let Some(failure) = failure {
            return Err(failure.clone());
        }
        let mut exchange = Exchange {
            link: link.as_mut(),
            call,
            number: *n_calls,
        };
        *n_calls = n_calls.wrapping_add(1);
        let done = work(&mut exchange).and_then(|done| link.settle().map(|()| done));
        if let Err(error) = &done {
            link.abort(error);
            *failure = Some(error.clone());
        }
        done
    }

    fn all_reduce<W: Word>(&self, values: &mut [W]) -> Result<(), CollectiveError> {
        if self.size == 1 {
            return Ok(());
        }
        self.call(Call::AllReduce, |exchange| exchange.all_reduce(values))
    }
}

/// One call in progress.
struct Exchange<'a> {
    link: &'a mut dyn Link,
    call: Call,
    number: u32,
}

impl Exchange<'_> {
    fn send(&mut self, to: usize, bytes: Vec<u8>) -> Result<(), CollectiveError> {
        let frame = Frame {
            call: self.call,
            number: self.number,
            bytes,
        };
        self.link.send(to, frame)
    }

    /// The bytes that a rank sends in the same call.
    fn receive(&mut self, from: usize) -> Result<Vec<u8>, CollectiveError> {
        let frame = self.link.receive(from)?;
        if frame.call == Call::Abort {
            return Err(frame.told(from));
        }
        if (frame.call, frame.number) == (self.call, self.number) {
            return Ok(frame.bytes);
        }
        let text = |call: Call, number: u32| format!("call {number}, {}", call.name());
        Err(CollectiveError::Call {
            rank: from,
            found: text(frame.call, frame.number),
            expected: text(self.call, self.number),
        })
    }

    fn receive_exactly(&mut self, from: usize, n_bytes: usize) -> Result<Vec<u8>, CollectiveError> {
        let bytes = self.receive(from)?;
        if bytes.len() == n_bytes {
            return Ok(bytes);
        }
        Err(CollectiveError::Length {
            rank: from,
            found: bytes.len(),
            expected: n_bytes,
        })
    }

    /// Bruck's way: after step `k` a rank holds what the next `2^k` ranks gave, itself first.
    fn all_gather(&mut self, own: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        let (rank, size) = (self.link.rank(), self.link.size());
        let mut held = vec![own.to_vec()];
        while held.len() < size {
            let distance = held.len();
            let n_sent = distance.min(size - distance);
            let (to, from) = ((rank + size - distance) % size, (rank + distance) % size);
            self.send(to, packed(&held[..n_sent]))?;
            let arrived = self.receive(from)?;
            let arrived = unpacked(&arrived, n_sent).ok_or(CollectiveError::Length {
                rank: from,
                found: arrived.len(),
                expected: n_sent,
            })?;
            held.extend(arrived);
        }
        held.rotate_right(rank);
        Ok(held)
    }

    fn all_reduce<W: Word>(&mut self, values: &mut [W]) -> Result<(), CollectiveError> {
        let n_bytes = values.len() * W::BYTES;
        if n_bytes * self.link.size() > SHORT_BYTES {
            return self.reduce_by_parts(values);
        }
        let gathered = self.all_gather(&W::to_bytes(values))?;
        for (rank, bytes) in gathered.iter().enumerate() {
            check_length::<W>(rank, bytes, values.len())?;
        }
        let of_ranks = gathered.iter().map(|bytes| W::from_bytes(bytes)).collect();
        values.copy_from_slice(&W::sum(of_ranks));
        Ok(())
    }

    fn reduce_by_parts<W: Word>(&mut self, values: &mut [W]) -> Result<(), CollectiveError> {
        let (rank, size) = (self.link.rank(), self.link.size());
        let part = |of: usize| of * values.len() / size..(of + 1) * values.len() / size;
        let parts: Vec<_> = (0..size).map(part).collect();
        let peers = |step: usize| ((rank + step) % size, (rank + size - step) % size);
        let own = parts[rank].clone();
        let mut of_ranks = vec![Vec::new(); size];
        for step in 1..size {
            let (to, from) = peers(step);
            self.send(to, W::to_bytes(&values[parts[to].clone()]))?;
            let bytes = self.receive(from)?;
            check_length::<W>(from, &bytes, own.len())?;
            of_ranks[from] = W::from_bytes(&bytes);
        }
        of_ranks[rank] = values[own.clone()].to_vec();
        values[own.clone()].copy_from_slice(&W::sum(of_ranks));
        for step in 1..size {
            let (to, from) = peers(step);
            self.send(to, W::to_bytes(&values[own.clone()]))?;
            let bytes = self.receive(from)?;
            check_length::<W>(from, &bytes, parts[from].len())?;
            W::read(&mut values[parts[from].clone()], &bytes);
        }
        Ok(())
    }

    /// Down a binomial tree: who has the bytes hands them on, to twice as many in each step.
    fn broadcast(&mut self, bytes: &mut [u8], root: usize) -> Result<(), CollectiveError> {
        let (rank, size) = (self.link.rank(), self.link.size());
        let place = (rank + size - root) % size;
        let at = |place: usize| (place + root) % size;
        let mut distance = 1;
        if place > 0 {
            // The highest bit of a place says from whom it gets the bytes, and in which step.
            distance = 1 << place.ilog2();
            let arrived = self.receive_exactly(at(place - distance), bytes.len())?;
            bytes.copy_from_slice(&arrived);
            distance *= 2;
        }
        while place + distance < size {
            self.send(at(place + distance), bytes.to_vec())?;
            distance *= 2;
        }
        Ok(())
    }
}

fn check_length<W: Word>(
    rank: usize,
    bytes: &[u8],
    n_values: usize,
) -> Result<(), CollectiveError> {
    if bytes.len() == n_values * W::BYTES {
        return Ok(());
    }
    Err(CollectiveError::Length {
        rank,
        found: bytes.len() / W::BYTES,
        expected: n_values,
    })
}

/// Blocks as one, each with its length before it.
fn packed(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(blocks.iter().map(|block| block.len() + 8).sum());
    for block in blocks {
        bytes.extend((block.len() as u64).to_le_bytes());
        bytes.extend(block);
    }
    bytes
}

/// The blocks again; `None` if there are not so many.
fn unpacked(mut bytes: &[u8], n_blocks: usize) -> Option<Vec<Vec<u8>>> {
    let mut blocks = Vec::with_capacity(n_blocks);
    for _ in 0..n_blocks {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (block, rest) = rest.split_at_checked(length)?;
        blocks.push(block.to_vec());
        bytes = rest;
    }
    bytes.is_empty().then_some(blocks)
}

impl Collective for Ranks {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn transport(&self) -> &str {
        &self.transport
    }

    fn all_reduce_f32(&self, values: &mut [f32]) -> Result<(), CollectiveError> {
        self.all_reduce(values)
    }

    fn all_reduce_f64(&self, values: &mut [f64]) -> Result<(), CollectiveError> {
        self.all_reduce(values)
    }

    fn all_reduce_i64(&self, values: &mut [i64]) -> Result<(), CollectiveError> {
        self.all_reduce(values)
    }

    fn all_reduce_i128(&self, values: &mut [i128]) -> Result<(), CollectiveError> {
        self.all_reduce(values)
    }

    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<(), CollectiveError> {
        if root >= self.size {
            return Err(CollectiveError::NoSuchRank {
                rank: root,
                size: self.size,
            });
        }
        self.call(Call::Broadcast, |exchange| exchange.broadcast(bytes, root))
    }

    fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        self.call(Call::AllGather, |exchange| exchange.all_gather(bytes))
    }
}
