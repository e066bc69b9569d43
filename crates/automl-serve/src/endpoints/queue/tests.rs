//! What waits is taken together as far as that is quick, and refused where it would wait too long.

use super::*;
use automl_core::Column;

const TARGET: Duration = Duration::from_millis(20);

fn queue(row_us: f64) -> Queue {
    Queue::new(row_us, TARGET, Some(2), Default::default())
}

fn rows(n_rows: usize) -> Batch {
    let column = Column::Number(vec![0.0; n_rows]);
    Table::new(vec![("x".into(), column)]).unwrap().into()
}

fn take(queue: &Queue, batch: Batch, ms: Option<u64>) -> Result<bool, ScoreError> {
    let (reply, _told) = oneshot::channel();
    let patience = Patience {
        clock: Clock::start(),
        ms,
    };
    let job = Job {
        id: queue.n_asked.fetch_add(1, Ordering::Relaxed),
        batch,
        clock: patience.clock,
        patience_ms: ms,
        reply,
    };
    queue.take(job, patience)
}

fn sizes(jobs: &[Job]) -> Vec<usize> {
    jobs.iter().map(|job| job.batch.table.n_rows()).collect()
}

#[test]
fn as_many_are_taken_together_as_fit_and_a_large_one_alone() {
    let queue = queue(1.0);
    for n_rows in [10, 5, 2, 1000, 1] {
        take(&queue, rows(n_rows), None).unwrap();
    }
    let mut state = queue.state();
    assert_eq!(sizes(&state.next_jobs()), [10, 5]);
    assert_eq!(sizes(&state.next_jobs()), [2]);
    assert_eq!(sizes(&state.next_jobs()), [1000]);
    assert_eq!(sizes(&state.next_jobs()), [1]);
    assert!(state.next_jobs().is_empty());
    assert_eq!(state.n_rows_waiting, 0);
}

#[test]
fn one_that_waits_no_longer_leaves_the_line() {
    let queue = queue(1.0);
    for n_rows in [10, 5, 2] {
        take(&queue, rows(n_rows), None).unwrap();
    }
    assert!(queue.withdraw(1));
    assert!(!queue.withdraw(1), "it has gone");
    let mut state = queue.state();
    assert_eq!(state.n_rows_waiting, 12);
    assert_eq!(sizes(&state.next_jobs()), [10, 2]);
    drop(state);
    assert!(!queue.withdraw(0), "it is being predicted");
}

#[tokio::test]
async fn work_is_waited_for_as_long_as_whoever_asked_does() {
    let patience = |ms| Patience {
        clock: Clock::start(),
        ms,
    };
    let never = std::future::pending::<()>();
    let late = patience(Some(1)).within(never).await.unwrap_err();
    assert!(matches!(late, ScoreError::TimeOver { ms: 1 }), "{late}");
    for ms in [None, Some(u64::MAX)] {
        let done = patience(ms).within(std::future::ready(7)).await;
        assert_eq!(done.unwrap(), 7);
    }
}

#[test]
fn as_many_workers_begin_as_there_are() {
    let queue = queue(1.0);
    let begins: Vec<bool> = (0..4)
        .map(|_| take(&queue, rows(1), None).unwrap())
        .collect();
    assert_eq!(begins, [true, true, false, false]);
}

#[test]
fn a_worker_that_finds_nothing_leaves_room_for_another_at_once() {
    let queue = queue(1.0);
    assert!(take(&queue, rows(1), None).unwrap());
    assert!(take(&queue, rows(1), None).unwrap());
    assert_eq!(queue.state().next_jobs_or_leave().len(), 2);
    assert!(!take(&queue, rows(1), None).unwrap(), "both still work");
    assert_eq!(queue.state().next_jobs_or_leave().len(), 1);
    assert!(queue.state().next_jobs_or_leave().is_empty());
    assert!(take(&queue, rows(1), None).unwrap(), "one has left");
}

#[test]
fn a_model_that_is_slow_for_one_row_alone_still_has_batches() {
    let queue = queue(22_000.0);
    let target_us = queue.target_us;
    let mut state = queue.state();
    for _ in 0..20 {
        let n_rows = state.rows_max;
        state.learn(n_rows, 22_000.0, target_us);
    }
    assert_eq!(state.rows_max, ROWS_MOST);
}

#[test]
fn who_would_wait_too_long_is_told_to_come_again() {
    // A row takes 100 ms, and two are predicted at once.
    let queue = queue(100_000.0);
    for _ in 0..9 {
        take(&queue, rows(1), None).unwrap();
    }
    take(&queue, rows(1), None).unwrap();
    let full = take(&queue, rows(1), None).unwrap_err();
    assert!(
        matches!(full, ScoreError::Overloaded { seconds: 1 }),
        "{full}"
    );
    assert!(take(&queue, rows(1), Some(100)).is_err());
    assert!(take(&queue, rows(1), Some(10_000)).is_ok());
}

#[test]
fn while_some_are_refused_the_line_is_as_short_as_a_batch() {
    // A row takes 100 ms, so a batch may take 300, and two are predicted at once.
    let queue = queue(100_000.0);
    while take(&queue, rows(1), None).is_ok() {}
    assert_eq!(queue.state().waiting.len(), 10, "half a second of work");
    let mut state = queue.state();
    state.waiting.truncate(7);
    state.n_rows_waiting = 7;
    drop(state);
    assert!(take(&queue, rows(1), None).is_err(), "350 ms of work wait");
    assert!(
        take(&queue, rows(1), Some(400)).is_ok(),
        "it said that it waits"
    );
    queue.state().next_jobs_or_leave();
    assert!(take(&queue, rows(1), None).is_ok(), "nothing waits");
    while take(&queue, rows(1), None).is_ok() {}
    assert_eq!(queue.state().waiting.len(), 7, "it was refused just now");
    queue.state().refused = Some(Clock::start().advanced(Duration::from_secs(2)));
    while take(&queue, rows(1), None).is_ok() {}
    assert_eq!(queue.state().waiting.len(), 10, "nobody was for a while");
}

#[test]
fn a_line_that_ended_does_not_stand() {
    let queue = queue(100_000.0);
    while take(&queue, rows(1), None).is_ok() {}
    while !queue.state().next_jobs_or_leave().is_empty() {}
    while take(&queue, rows(1), None).is_ok() {}
    assert_eq!(queue.state().waiting.len(), 10);
}

#[test]
fn batches_grow_while_they_are_quick_and_shrink_when_they_are_slow() {
    let queue = queue(1000.0);
    let mut state = queue.state();
    let target_us = 20_000.0;
    state.learn(16, 5_000.0, target_us);
    assert_eq!(state.rows_max, 32);
    state.learn(4, 5_000.0, target_us);
    assert_eq!(state.rows_max, 32, "a batch that was not full says little");
    state.learn(32, 15_000.0, target_us);
    assert_eq!(state.rows_max, 32);
    state.learn(32, 25_000.0, target_us);
    assert_eq!(state.rows_max, 24);
    for _ in 0..20 {
        let n_rows = state.rows_max;
        state.learn(n_rows, 50_000.0, target_us);
    }
    assert_eq!(state.rows_max, 1);
    for _ in 0..20 {
        let n_rows = state.rows_max;
        state.learn(n_rows, 100.0, target_us);
    }
    assert_eq!(state.rows_max, ROWS_MOST);
    state.learn(2, 25_000.0, target_us);
    assert_eq!(state.rows_max, ROWS_MOST, "a small one that was slow, too");
    state.learn(1_000_000, 1e9, target_us);
    assert_eq!(state.rows_max, ROWS_MOST, "one that is larger was alone");
}

#[test]
fn predictions_are_cut_where_requests_end() {
    let all = Predictions::Probabilities {
        n_classes: 2,
        values: vec![0.1, 0.9, 0.2, 0.8, 0.3, 0.7],
    };
    assert_eq!(part(&all, 1, 2).values(), [0.2, 0.8, 0.3, 0.7]);
    let all = Predictions::Numbers(vec![1.0, 2.0, 3.0]);
    assert_eq!(part(&all, 0, 1).values(), [1.0]);
    assert_eq!(part(&all, 3, 0).n_rows(), 0);
}
