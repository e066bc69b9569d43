//! Bodies are counted as they come, and must come.

use super::super::memory::Memory;
use super::*;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt;

/// Chunks of 10 KiB.
fn chunks(n_chunks: usize) -> Body {
    let chunk = || Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; 10 << 10]));
    Body::from_stream(stream::iter((0..n_chunks).map(move |_| chunk())))
}

fn arriving(body: Body, held: &Held, places: &Places) -> (Place, Arriving) {
    let (place, charge) = places.arriving(held).unwrap();
    let body = Arriving::new(body, Poll::Pending, WHOLE, Some(charge));
    (place, body)
}

async fn stop_of(body: Arriving) -> Option<Stop> {
    let error = body.collect().await.err().unwrap();
    Stop::of(&error)
}

#[tokio::test]
async fn a_body_is_counted_as_it_comes() {
    let memory = Memory::new(1 << 20);
    let places = Places::new();
    let held = memory.held();
    let (_place, small) = arriving(chunks(1), &held, &places);
    small.collect().await.unwrap();
    assert!(
        memory.exchange(None, 1 << 20).is_ok(),
        "what is small is not counted"
    );
    let (_other, whole) = arriving(chunks(10), &held, &places);
    let came = whole.collect().await.unwrap().to_bytes();
    assert_eq!(came.len(), 100 << 10);
    assert!(memory.exchange(None, 224 << 10).is_ok());
    assert!(memory.exchange(None, 225 << 10).is_err());
    let (_third, broken) = arriving(chunks(10), &memory.held(), &places);
    assert_eq!(stop_of(broken).await, Some(Stop::Full));
    drop(held);
}

#[tokio::test]
async fn a_place_among_those_that_work_is_taken_once_the_body_is_there() {
    let places = Places::new();
    let held = Memory::new(1 << 20).held();
    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"half"))]);
    let slow = Body::from_stream(begun.chain(stream::pending()));
    let (slow_place, mut slow) = arriving(slow, &held, &places);
    slow.frame().await.unwrap().unwrap();
    assert_eq!(places.working.available_permits(), WORKING_AT_ONCE);
    assert_eq!(places.arriving.available_permits(), ARRIVING_AT_ONCE - 1);
    let (quick_place, quick) = arriving(chunks(2), &held, &places);
    quick.collect().await.unwrap();
    assert_eq!(places.working.available_permits(), WORKING_AT_ONCE - 1);
    assert_eq!(places.arriving.available_permits(), ARRIVING_AT_ONCE - 1);
    drop((slow, slow_place, quick_place));
    assert_eq!(places.working.available_permits(), WORKING_AT_ONCE);
    assert_eq!(places.arriving.available_permits(), ARRIVING_AT_ONCE);
}

#[tokio::test]
async fn a_body_that_is_there_breaks_off_where_too_many_are_worked_on() {
    let places = Places::new();
    let all: Vec<Place> = (0..WORKING_AT_ONCE)
        .map(|_| places.working().unwrap())
        .collect();
    assert!(places.working().is_none());
    let held = Memory::new(1 << 20).held();
    let (_place, body) = arriving(chunks(2), &held, &places);
    assert_eq!(stop_of(body).await, Some(Stop::Crowded));
    drop(all);
    let (_place, body) = arriving(chunks(2), &held, &places);
    assert!(body.collect().await.is_ok());
}

#[tokio::test]
async fn a_body_that_does_not_go_on_breaks_off() {
    let pace = Pace {
        idle: Duration::from_millis(1),
        ..WHOLE
    };
    let pending = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let body = Arriving::new(pending, Poll::Pending, pace, None);
    let error = body.collect().await.err().unwrap();
    assert_eq!(Stop::of(&error), Some(Stop::Late));
    let status = Status::from_error(Box::new(error));
    assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "over gRPC");
    let full = Status::from_error(Box::new(Stop::Full.error()));
    assert_eq!(full.code(), tonic::Code::ResourceExhausted);
    assert_eq!(full.metadata().get("retry-after").unwrap(), "1");
}

#[test]
fn bytes_give_a_body_time_up_to_a_minute() {
    let seconds = |waited, n_bytes| WHOLE.left(Duration::from_secs(waited), n_bytes).as_secs();
    assert_eq!(seconds(0, 0), 10);
    assert_eq!(seconds(9, 100), 1, "a byte now and then gives nothing");
    assert_eq!(seconds(10, 100), 0);
    assert_eq!(
        seconds(10, 16 << 14),
        10,
        "nothing may come for ten seconds"
    );
    assert_eq!(seconds(55, 32 << 20), 5);
    assert_eq!(seconds(60, 32 << 20), 0);
    let file = |waited, n_bytes| FILE.left(Duration::from_secs(waited), n_bytes).as_secs();
    assert_eq!(file(3600, 1 << 30), 30);
    assert_eq!(file(3600, 1 << 20), 0, "less than a KiB a second");
}

#[tokio::test]
async fn what_still_comes_of_a_refused_request_is_read() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let chunks = stream::unfold(receiver, async |mut receiver| {
        let chunk = receiver.recv().await?;
        Some((Ok::<_, std::io::Error>(chunk), receiver))
    });
    linger(Body::from_stream(chunks));
    for _ in 0..100 {
        // It waits until there is room, which nobody makes but whoever reads.
        sender.send(Bytes::from_static(b"more")).await.unwrap();
    }
}

#[tokio::test]
async fn what_came_at_once_is_not_lost() {
    let places = Places::new();
    let held = Memory::new(1 << 20).held();
    let mut body = chunks(2);
    let first = first_of(&mut body).await;
    let (_place, charge) = places.arriving(&held).unwrap();
    let body = Arriving::new(body, first, WHOLE, Some(charge));
    let came = body.collect().await.unwrap().to_bytes();
    assert_eq!(came.len(), 20 << 10);
}
