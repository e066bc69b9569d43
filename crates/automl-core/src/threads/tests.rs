//! Results keep their order at any thread count.

use super::Threads;

fn some() -> [Threads; 3] {
    [
        Threads::one(),
        Threads::new(2).unwrap(),
        Threads::new(4).unwrap(),
    ]
}

#[test]
fn counts_are_as_asked_and_at_least_one() {
    let counts = [0, 1, 3].map(|count| Threads::new(count).unwrap().count());
    assert_eq!(counts, [1, 1, 3]);
}

#[test]
fn map_keeps_the_order() {
    for threads in some() {
        for n in [0, 1, 2, 1000] {
            let expected: Vec<usize> = (0..n).map(|i| i * i).collect();
            assert_eq!(threads.map(n, |i| i * i), expected, "{threads:?}, {n}");
        }
    }
}

#[test]
fn chunks_are_cut_by_length_alone() {
    for threads in some() {
        let mut data = [0; 10];
        threads.for_each_chunk(&mut data, 4, |index, chunk| {
            chunk.fill(10 * index + chunk.len());
        });
        assert_eq!(data, [4, 4, 4, 4, 14, 14, 14, 14, 22, 22], "{threads:?}");
        threads.for_each_chunk(&mut [0; 0], 4, |_, _: &mut [u8]| {
            panic!("there is no chunk")
        });
    }
}

#[test]
fn join_returns_both_in_order() {
    for threads in some() {
        assert_eq!(threads.join(|| 1, || "two"), (1, "two"));
    }
}
