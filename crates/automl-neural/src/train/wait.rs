//! Work that other ranks wait for, however long it takes.
//!
//! A call of a [`Collective`] fails where a rank does not come to it in time, so that one that hangs is noticed. Scoring, a
//! range test or a slow disk may take longer. While a rank works, a thread of its own makes calls: all ranks gather, again and
//! again, who has done its work, until all have. A rank that has died, was stopped or is out of reach gives no such sign, and is
//! noticed as ever, whoever carries the bytes.

use automl_core::{CancelToken, Collective, CollectiveError};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Between two signs of life: far less than the least time that a call may be given.
const EVERY: Duration = Duration::from_millis(200);

/// What a sign tells: that the work is done, and that it shall end.
const DONE: u8 = 1;
const CANCELLED: u8 = 2;

/// What the bytes of a rank that has done its work begin with; those of one that failed are the reason.
const MADE: u8 = 0;
const FAILED: u8 = 1;

/// Each rank does its work, for as long as that takes, and gets what all have made, in the order of the ranks. All call it, and
/// the work makes no calls of its own. A flag that goes up on one of them goes up on all, where they give one.
///
/// # Errors
/// What the work of this rank failed by; else the first rank whose work failed or that is gone.
pub fn each_works<E: From<CollectiveError> + Display>(
    ranks: &dyn Collective,
    cancel: Option<&CancelToken>,
    work: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<Vec<Vec<u8>>, E> {
    if ranks.size() == 1 {
        return Ok(vec![work()?]);
    }
    let (made, waited) = thread::scope(|scope| {
        let (at_work, ends) = channel::<()>();
        let signs = scope.spawn(move || wait_for_all(ranks, cancel, &ends));
        let made = catch_unwind(AssertUnwindSafe(work));
        drop(at_work);
        (
            made,
            signs.join().unwrap_or_else(|panic| resume_unwind(panic)),
        )
    });
    let told = match &made {
        Ok(Ok(bytes)) => [&[MADE], bytes.as_slice()].concat(),
        Ok(Err(error)) => [&[FAILED], error.to_string().as_bytes()].concat(),
        Err(_) => [&[FAILED], b"its thread panicked".as_slice()].concat(),
    };
    let all = waited.and_then(|()| ranks.all_gather(&told));
    made.unwrap_or_else(|panic| resume_unwind(panic))?;
    let of_rank = |(rank, mut told): (usize, Vec<u8>)| {
        if told.first() == Some(&MADE) {
            told.remove(0);
            return Ok(told);
        }
        let reason = String::from_utf8_lossy(told.get(1..).unwrap_or_default()).into_owned();
        Err(CollectiveError::Gone { rank, reason }.into())
    };
    all?.into_iter().enumerate().map(of_rank).collect()
}

/// Gathers, again and again, who has done its work, until all have. This rank has when the other end of the channel is gone.
fn wait_for_all(
    ranks: &dyn Collective,
    cancel: Option<&CancelToken>,
    ends: &Receiver<()>,
) -> Result<(), CollectiveError> {
    loop {
        let is_done = ends.recv_timeout(EVERY) == Err(RecvTimeoutError::Disconnected);
        let is_cancelled = cancel.is_some_and(CancelToken::is_cancelled);
        let done = if is_done { DONE } else { 0 };
        let cancelled = if is_cancelled { CANCELLED } else { 0 };
        let signs = ranks.all_gather(&[done | cancelled])?;
        let says = |sign: &[u8], what: u8| matches!(sign, [told] if told & what != 0);
        if let Some(cancel) = cancel
            && signs.iter().any(|sign| says(sign, CANCELLED))
        {
            cancel.cancel();
        }
        if signs.iter().all(|sign| says(sign, DONE)) {
            return Ok(());
        }
    }
}

/// The first rank does the work, for as long as that takes, while the others wait for what it makes.
///
/// # Errors
/// What the work failed by; on the other ranks, that the first is gone, with that reason.
pub(crate) fn first_works<T, E>(
    ranks: &dyn Collective,
    cancel: Option<&CancelToken>,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E>
where
    T: Serialize + DeserializeOwned,
    E: From<CollectiveError> + Display,
{
    if ranks.size() == 1 {
        return work();
    }
    let mut own = None;
    let told = each_works(ranks, cancel, || {
        if ranks.rank() > 0 {
            return Ok(Vec::new());
        }
        let made = own.insert(work()?);
        Ok::<_, E>(serde_json::to_vec(made).expect("it is plain data"))
    })?;
    match own {
        Some(made) => Ok(made),
        None => serde_json::from_slice(&told[0]).map_err(|error| {
            let found = format!("something else ({error})");
            let expected = "the exchange of what the first rank made".to_owned();
            CollectiveError::Call {
                rank: 0,
                found,
                expected,
            }
            .into()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_collective::{Launcher, Place, Transport, TransportKind, start, threads};
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// How long a call waits for a rank, and how many signs of life take longer.
    const TIMEOUT: Duration = Duration::from_secs(2);
    const SIGNS: usize = 15;

    /// A rank that counts what it has heard of all.
    struct Counting<'a>(Box<dyn Collective>, &'a AtomicUsize);

    impl Collective for Counting<'_> {
        fn rank(&self) -> usize {
            self.0.rank()
        }

        fn size(&self) -> usize {
            self.0.size()
        }

        fn transport(&self) -> &str {
            self.0.transport()
        }

        fn all_reduce_f32(&self, values: &mut [f32]) -> Result<(), CollectiveError> {
            self.0.all_reduce_f32(values)
        }

        fn all_reduce_f64(&self, values: &mut [f64]) -> Result<(), CollectiveError> {
            self.0.all_reduce_f64(values)
        }

        fn all_reduce_i64(&self, values: &mut [i64]) -> Result<(), CollectiveError> {
            self.0.all_reduce_i64(values)
        }

        fn all_reduce_i128(&self, values: &mut [i128]) -> Result<(), CollectiveError> {
            self.0.all_reduce_i128(values)
        }

        fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<(), CollectiveError> {
            self.0.broadcast(bytes, root)
        }

        fn all_gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
            let all = self.0.all_gather(bytes)?;
            self.1.fetch_add(1, Ordering::SeqCst);
            Ok(all)
        }
    }

    fn by_threads(size: usize) -> Vec<Box<dyn Collective>> {
        let ranks = threads(size, TIMEOUT).into_iter();
        ranks.map(|rank| Box::new(rank) as _).collect()
    }

    fn by_tcp(size: usize) -> Vec<Box<dyn Collective>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has one").port();
        drop(listener);
        let join = |rank| {
            let place = Place {
                rank,
                size,
                local_rank: Some(rank),
                launcher: Launcher::Torchrun,
                address: Some(("127.0.0.1".into(), port)),
                job: "test".into(),
            };
            let transport = Transport {
                kind: Some(TransportKind::Tcp),
                timeout: TIMEOUT,
                ..Transport::default()
            };
            start(&place, &transport).expect("all come")
        };
        on_all((0..size).collect(), join)
    }

    /// The same on every rank, each a thread of its own; what each gave, in their order.
    fn on_all<R: Send, T: Send>(ranks: Vec<R>, work: impl Fn(R) -> T + Sync) -> Vec<T> {
        let work = &work;
        thread::scope(|scope| {
            let started: Vec<_> = ranks
                .into_iter()
                .map(|rank| scope.spawn(move || work(rank)))
                .collect();
            let join = |one: thread::ScopedJoinHandle<'_, T>| {
                one.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            started.into_iter().map(join).collect()
        })
    }

    #[test]
    fn ranks_wait_for_the_first_longer_than_a_call_may_take() {
        for ranks in [by_threads(3), by_tcp(3)] {
            let n_heard = AtomicUsize::new(0);
            let made = on_all(ranks, |rank| {
                let rank = Counting(rank, &n_heard);
                first_works(&rank, None, || {
                    // Each of three ranks hears each sign.
                    while n_heard.load(Ordering::SeqCst) < 3 * SIGNS {
                        thread::sleep(Duration::from_millis(1));
                    }
                    Ok::<_, CollectiveError>(vec![0.1_f64, f64::MIN_POSITIVE])
                })
            });
            assert_eq!(made, vec![Ok(vec![0.1, f64::MIN_POSITIVE]); 3]);
        }
    }

    #[test]
    fn each_gets_what_all_have_made() {
        let made = on_all(by_threads(4), |rank| {
            let own = vec![rank.rank() as u8; rank.rank()];
            each_works(rank.as_ref(), None, || Ok::<_, CollectiveError>(own))
        });
        let all: Vec<Vec<u8>> = (0..4).map(|rank| vec![rank as u8; rank]).collect();
        assert_eq!(made, vec![Ok(all); 4]);
    }

    #[test]
    fn the_others_are_told_why_the_first_has_nothing_for_them() {
        let full = CollectiveError::Transport {
            call: "write",
            reason: "the disk is full".into(),
        };
        let made = on_all(by_threads(3), |rank| {
            first_works(rank.as_ref(), None, || Err::<(), _>(full.clone()))
        });
        assert_eq!(made[0], Err(full));
        for made in &made[1..] {
            let told = made.as_ref().expect_err("there is nothing").to_string();
            assert_eq!(told, "rank 0 is gone: write failed: the disk is full");
        }
    }

    #[test]
    fn a_first_rank_that_dies_while_it_works_ends_the_wait() {
        for ranks in [by_threads(3), by_tcp(3)] {
            let made = on_all(ranks, |rank| {
                if rank.rank() == 0 {
                    // One sign of life, then none.
                    rank.all_gather(&[0]).expect("all are there");
                    drop(rank);
                    return None;
                }
                let waited = first_works(rank.as_ref(), None, || Ok::<(), CollectiveError>(()));
                Some(waited.expect_err("there is nothing"))
            });
            for error in made.into_iter().flatten() {
                assert!(
                    matches!(error, CollectiveError::Gone { rank: 0, .. }),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn a_flag_that_goes_up_on_one_rank_goes_up_on_the_one_that_works() {
        let made = on_all(by_threads(3), |rank| {
            let cancel = CancelToken::default();
            if rank.rank() == 2 {
                cancel.cancel();
            }
            first_works(rank.as_ref(), Some(&cancel), || {
                while !cancel.is_cancelled() {
                    thread::sleep(Duration::from_millis(1));
                }
                Ok::<_, CollectiveError>("ended".to_owned())
            })
        });
        assert_eq!(made, vec![Ok("ended".to_owned()); 3]);
    }
}
