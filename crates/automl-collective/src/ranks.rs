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

/// Bytes of a long sum that are under way at once.
const BUCKET_BYTES: usize = 2 << 20;

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

    /// A bucket at a time: while the sums of one are on their way, the next one's parts are, too, so that the line is never
    /// idle while numbers are added up.
    fn reduce_by_parts<W: Word>(&mut self, values: &mut [W]) -> Result<(), CollectiveError> {
        let mut before: Option<&mut [W]> = None;
        let mut buckets = values.chunks_mut(BUCKET_BYTES / W::BYTES).peekable();
        if let Some(first) = buckets.peek() {
            self.send_parts(first)?;
        }
        while let Some(bucket) = buckets.next() {
            if let Some(next) = buckets.peek() {
                self.send_parts(next)?;
            }
            let own = self.sum_own_part(bucket)?;
            self.send_sums(&own)?;
            let part = self.part(self.link.rank(), bucket.len());
            bucket[part].copy_from_slice(&own);
            if let Some(before) = before.replace(bucket) {
                self.receive_sums(before)?;
            }
        }
        before.map_or(Ok(()), |last| self.receive_sums(last))
    }

    /// What a rank adds up of so many numbers.
    fn part(&self, rank: usize, n_values: usize) -> std::ops::Range<usize> {
        let size = self.link.size();
        rank * n_values / size..(rank + 1) * n_values / size
    }

    /// To whom this rank sends in a step, and from whom it receives.
    fn peers(&self, step: usize) -> (usize, usize) {
        let (rank, size) = (self.link.rank(), self.link.size());
        ((rank + step) % size, (rank + size - step) % size)
    }

    /// Gives every other rank this rank's numbers of its part.
    fn send_parts<W: Word>(&mut self, bucket: &[W]) -> Result<(), CollectiveError> {
        for step in 1..self.link.size() {
            let (to, _) = self.peers(step);
            self.send(to, W::to_bytes(&bucket[self.part(to, bucket.len())]))?;
        }
        Ok(())
    }

    /// The sums of this rank's part.
    fn sum_own_part<W: Word>(&mut self, bucket: &[W]) -> Result<Vec<W>, CollectiveError> {
        let own = &bucket[self.part(self.link.rank(), bucket.len())];
        let mut of_ranks = vec![Vec::new(); self.link.size()];
        for step in 1..self.link.size() {
            let (_, from) = self.peers(step);
            let bytes = self.receive(from)?;
            check_length::<W>(from, &bytes, own.len())?;
            of_ranks[from] = W::from_bytes(&bytes);
        }
        of_ranks[self.link.rank()] = own.to_vec();
        Ok(W::sum(of_ranks))
    }

    fn send_sums<W: Word>(&mut self, own: &[W]) -> Result<(), CollectiveError> {
        for step in 1..self.link.size() {
            let (to, _) = self.peers(step);
            self.send(to, W::to_bytes(own))?;
        }
        Ok(())
    }

    /// Takes in the sums of all other parts.
    fn receive_sums<W: Word>(&mut self, bucket: &mut [W]) -> Result<(), CollectiveError> {
        for step in 1..self.link.size() {
            let (_, from) = self.peers(step);
            let part = self.part(from, bucket.len());
            let bytes = self.receive(from)?;
            check_length::<W>(from, &bytes, part.len())?;
            W::read(&mut bucket[part], &bytes);
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
