//! What ranks do together is the same on every link.

use crate::{Launcher, Place, Ranks, Transport, TransportKind, start, threads};
use automl_core::{Coded, Collective, CollectiveError, agree};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Runs the same on every rank, each a thread of its own; what each gave, in the order of the ranks.
fn on_all<R: Collective + Send, T: Send>(ranks: Vec<R>, work: impl Fn(R) -> T + Sync) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = ranks
            .into_iter()
            .map(|rank| scope.spawn(move || work(rank)))
            .collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn place(rank: usize, size: usize, port: u16) -> Place {
    Place {
        rank,
        size,
        local_rank: Some(rank),
        launcher: Launcher::Torchrun,
        address: Some(("127.0.0.1".into(), port)),
        job: "test".into(),
    }
}

fn transport(timeout: Duration) -> Transport {
    Transport {
        kind: Some(TransportKind::Tcp),
        mpi_library: None,
        start_timeout: timeout,
        timeout,
    }
}

/// The same on ranks that are joined by TCP.
fn over_tcp<T: Send>(
    size: usize,
    timeout: Duration,
    work: impl Fn(Box<dyn Collective>) -> T + Sync,
) -> Vec<T> {
    let (port, work) = (free_port(), &work);
    thread::scope(|scope| {
        let started: Vec<_> = (0..size)
            .map(|rank| {
                scope.spawn(move || {
                    work(start(&place(rank, size, port), &transport(timeout)).unwrap())
                })
            })
            .collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// What a rank puts in: numbers whose sum depends on the order in which they are added.
fn numbers(rank: usize, count: usize) -> Vec<f32> {
    let of = |at: usize| ((rank * 7919 + at * 104_729) % 1000) as f32 * 1.1e-3 + 1e-6;
    (0..count).map(of).collect()
}

/// The sum as a balanced tree over the ranks, which is the promise.
fn expected(size: usize, count: usize) -> Vec<u32> {
    fn of(ranks: std::ops::Range<usize>, count: usize) -> Vec<f32> {
        if ranks.len() == 1 {
            return numbers(ranks.start, count);
        }
        let middle = ranks.start + ranks.len().next_power_of_two() / 2;
        let (mut sums, others) = (of(ranks.start..middle, count), of(middle..ranks.end, count));
        for (sum, other) in sums.iter_mut().zip(others) {
            *sum += other;
        }
        sums
    }
    of(0..size, count).into_iter().map(f32::to_bits).collect()
}

/// Every call once, at lengths that take every way; panics where one is not what it must be.
fn exercise(ranks: &dyn Collective) {
    let (rank, size) = (ranks.rank(), ranks.size());
    // The last takes several buckets.
    for count in [0, 1, 3, 1000, 40_000, 1_300_003] {
        let mut sums = numbers(rank, count);
        ranks.all_reduce_f32(&mut sums).unwrap();
        let bits: Vec<u32> = sums.into_iter().map(f32::to_bits).collect();
        assert_eq!(
            bits,
            expected(size, count),
            "{count} numbers on rank {rank} of {size}"
        );
    }
    for count in [2, 9000] {
        let mut wholes = vec![i64::MAX - rank as i64; count];
        ranks.all_reduce_i64(&mut wholes).unwrap();
        let sum = (0..size as i64).fold(0_i64, |sum, rank| sum.wrapping_add(i64::MAX - rank));
        assert_eq!(wholes, vec![sum; count]);
        let mut wide = vec![i128::from(u64::MAX) << rank; count];
        ranks.all_reduce_i128(&mut wide).unwrap();
        let sum: i128 = (0..size).map(|rank| i128::from(u64::MAX) << rank).sum();
        assert_eq!(wide, vec![sum; count]);
        let mut doubles = vec![0.1 * (rank + 1) as f64; count];
        ranks.all_reduce_f64(&mut doubles).unwrap();
        let sum = 0.1 * (size * (size + 1) / 2) as f64;
        assert!(
            doubles
                .iter()
                .all(|double| (double / sum - 1.0).abs() < 1e-15)
        );
    }
    let gathered = ranks.all_gather(&vec![rank as u8; rank * 5]).unwrap();
    let of_rank = |rank: usize| vec![rank as u8; rank * 5];
    assert_eq!(gathered, (0..size).map(of_rank).collect::<Vec<_>>());
    for root in 0..size {
        let mut bytes = vec![rank as u8; 70_000];
        ranks.broadcast(&mut bytes, root).unwrap();
        assert_eq!(bytes, vec![root as u8; 70_000]);
    }
    let mut most = [rank as f64, -(rank as f64)];
    ranks.all_reduce_max_f64(&mut most).unwrap();
    assert_eq!(most, [(size - 1) as f64, 0.0]);
    ranks.barrier().unwrap();
    agree(ranks, "the config", "seed: 1\n").unwrap();
}

#[test]
fn threads_do_every_call_at_any_number_of_ranks() {
    for size in [1, 2, 3, 4, 7] {
        on_all(threads(size, SOON), |rank| exercise(&rank));
    }
}

#[test]
fn processes_joined_by_tcp_do_every_call() {
    for size in [2, 3, 4] {
        over_tcp(size, SOON, |rank| exercise(rank.as_ref()));
    }
}

#[test]
fn a_rank_that_ends_early_is_named_by_all_others() {
    let gone = |rank: &dyn Collective| {
        if rank.rank() == 2 {
            return None;
        }
        let first = rank.all_reduce_f64(&mut vec![1.0; 10_000]).unwrap_err();
        // Nothing works after a failure, and the error stays the same.
        assert_eq!(rank.barrier().unwrap_err(), first);
        Some(first)
    };
    let of_threads = on_all(threads(4, SOON), |rank: Ranks| gone(&rank));
    let of_tcp = over_tcp(4, SOON, |rank| gone(rank.as_ref()));
    for errors in [of_threads, of_tcp] {
        for error in errors.into_iter().flatten() {
            assert!(
                matches!(error, CollectiveError::Gone { rank: 2, .. }),
                "{error}"
            );
        }
    }
}

#[test]
fn a_rank_that_panics_is_named_by_all_others() {
    let ranks = threads(3, SOON);
    thread::scope(|scope| {
        let started: Vec<_> = ranks
            .into_iter()
            .map(|rank| {
                scope.spawn(move || {
                    assert!(rank.rank() != 1, "as it shall");
                    rank.barrier().unwrap_err()
                })
            })
            .collect();
        for (rank, one) in started.into_iter().enumerate() {
            match one.join() {
                Ok(error) => assert_eq!(error.to_string(), "rank 1 is gone: its thread panicked"),
                Err(_) => assert_eq!(rank, 1),
            }
        }
    });
}

#[test]
fn a_rank_that_does_not_answer_is_an_error_after_the_timeout() {
    let timeout = Duration::from_millis(100);
    let errors = on_all(threads(2, timeout), |rank| {
        if rank.rank() == 1 {
            thread::sleep(Duration::from_millis(600));
            return None;
        }
        Some(rank.barrier().unwrap_err())
    });
    assert_eq!(errors[0].as_ref().unwrap().code(), "collective-timeout");
}

#[test]
fn different_calls_and_lengths_are_errors_on_both_sides() {
    let lengths = on_all(threads(2, SOON), |rank| {
        rank.all_reduce_i64(&mut vec![0; 5 + rank.rank()])
            .unwrap_err()
    });
    assert!(
        lengths
            .iter()
            .all(|error| error.code() == "collective-length")
    );
    assert_eq!(
        lengths[0].to_string(),
        "rank 1 gave 6 elements where 5 were expected"
    );
    let calls = on_all(threads(2, SOON), |rank| {
        if rank.rank() == 0 {
            rank.barrier().unwrap_err()
        } else {
            rank.all_reduce_i64(&mut [1]).unwrap_err()
        }
    });
    assert_eq!(
        calls[0].to_string(),
        "rank 1 is in call 0, all-reduce where this rank is in call 0, all-gather"
    );
    assert_eq!(calls[1].code(), "collective-call");
}

#[test]
fn ranks_that_disagree_all_stop_with_the_difference() {
    let errors = over_tcp(3, SOON, |rank| {
        let text = format!("seed: 1\nrate: 0.{}\n", 1 + rank.rank() / 2);
        agree(rank.as_ref(), "the config", &text)
            .unwrap_err()
            .to_string()
    });
    let expected = "the ranks disagree on the config: line 2 is 'rate: 0.1' on rank 0 and 'rate: 0.2' on rank 2";
    assert_eq!(errors, [expected; 3]);
}

fn meeting_errors(places: &[Place], timeout: Duration) -> Vec<String> {
    thread::scope(|scope| {
        let started: Vec<_> = places
            .iter()
            .map(|place| scope.spawn(move || start(place, &transport(timeout))))
            .collect();
        started
            .into_iter()
            .map(|one| {
                one.join()
                    .unwrap()
                    .err()
                    .map_or_else(String::new, |e| e.to_string())
            })
            .collect()
    })
}

#[test]
fn ranks_of_another_size_or_job_are_refused_everywhere() {
    let port = free_port();
    let errors = meeting_errors(&[place(0, 2, port), place(1, 3, port)], SOON);
    let reason = "rank 1 was started as one of 3 ranks, rank 0 as one of 2";
    assert!(
        errors.iter().all(|error| error.ends_with(reason)),
        "{errors:?}"
    );
    let port = free_port();
    let stranger = Place {
        job: "other".into(),
        ..place(1, 2, port)
    };
    let errors = meeting_errors(&[place(0, 2, port), stranger], SOON);
    let reason = "rank 1 is of the job 'other', not of 'test'";
    assert!(
        errors.iter().all(|error| error.ends_with(reason)),
        "{errors:?}"
    );
    let port = free_port();
    let errors = meeting_errors(
        &[place(0, 3, port), place(1, 3, port), place(1, 3, port)],
        SOON,
    );
    assert!(
        errors[0].ends_with("two processes say that they are rank 1"),
        "{errors:?}"
    );
}

#[test]
fn ranks_that_never_come_are_named() {
    let port = free_port();
    let errors = meeting_errors(&[place(0, 3, port)], Duration::from_millis(50));
    assert!(errors[0].contains("missing: 1, 2"), "{errors:?}");
    let errors = meeting_errors(&[place(1, 3, free_port())], Duration::from_millis(50));
    assert!(
        errors[0].contains("rank 0 cannot be reached at 127.0.0.1:"),
        "{errors:?}"
    );
    let nowhere = Place {
        address: None,
        ..place(0, 2, 1)
    };
    let error = start(&nowhere, &transport(SOON)).err().unwrap();
    assert_eq!(error.code(), "ranks-no-address");
}

#[test]
fn strangers_at_the_port_of_rank_0_are_sent_away() {
    let port = free_port();
    let size = 2;
    thread::scope(|scope| {
        let first = scope.spawn(move || start(&place(0, size, port), &transport(SOON)).unwrap());
        let stranger = scope.spawn(move || {
            use std::io::{Read, Write};
            loop {
                let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                let mut answer = Vec::new();
                // The connection is closed, politely or not.
                drop(stream.read_to_end(&mut answer));
                return answer;
            }
        });
        assert_eq!(stranger.join().unwrap(), b"");
        let second = start(&place(1, size, port), &transport(SOON)).unwrap();
        let one = scope.spawn(move || exercise(second.as_ref()));
        exercise(first.join().unwrap().as_ref());
        one.join().unwrap();
    });
}
