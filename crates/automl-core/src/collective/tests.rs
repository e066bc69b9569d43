//! A rank alone, ranks that disagree, and what is made of gathering alone.

use super::*;

/// A rank whose peers say what is written here.
struct Scripted(Vec<Vec<u8>>);

impl Collective for Scripted {
    fn rank(&self) -> usize {
        0
    }
    fn size(&self) -> usize {
        self.0.len()
    }
    fn transport(&self) -> &'static str {
        "script"
    }
    fn all_reduce_f32(&self, _: &mut [f32]) -> Result<(), CollectiveError> {
        unreachable!("not asked for")
    }
    fn all_reduce_f64(&self, _: &mut [f64]) -> Result<(), CollectiveError> {
        unreachable!("not asked for")
    }
    fn all_reduce_i64(&self, _: &mut [i64]) -> Result<(), CollectiveError> {
        unreachable!("not asked for")
    }
    fn all_reduce_i128(&self, _: &mut [i128]) -> Result<(), CollectiveError> {
        unreachable!("not asked for")
    }
    fn broadcast(&self, _: &mut [u8], _: usize) -> Result<(), CollectiveError> {
        unreachable!("not asked for")
    }
    fn all_gather(&self, _: &[u8]) -> Result<Vec<Vec<u8>>, CollectiveError> {
        Ok(self.0.clone())
    }
}

fn disagreement(texts: &[&str]) -> Option<String> {
    let ranks = Scripted(texts.iter().map(|text| text.as_bytes().to_vec()).collect());
    agree(&ranks, "the config", texts[0])
        .err()
        .map(|error| error.to_string())
}

#[test]
fn a_rank_alone_keeps_what_it_has() {
    let mut values = [1.0, -2.0];
    Solo.all_reduce_f64(&mut values).unwrap();
    Solo.all_reduce_max_f64(&mut values).unwrap();
    assert_eq!(values, [1.0, -2.0]);
    assert_eq!(Solo.all_gather(b"x").unwrap(), [b"x"]);
    Solo.barrier().unwrap();
    agree(&Solo, "the config", "seed: 1\n").unwrap();
    let error = Solo.broadcast(&mut [0], 1).unwrap_err();
    assert_eq!(error.to_string(), "there is no rank 1 among 1");
}

#[test]
fn ranks_that_disagree_are_told_the_line() {
    assert_eq!(disagreement(&["a: 1\nb: 2\n"; 3]), None);
    assert_eq!(
        disagreement(&["a: 1\nb: 2\n", "a: 1\nb: 2\n", "a: 1\nb: 3\n"]).unwrap(),
        "the ranks disagree on the config: line 2 is 'b: 2' on rank 0 and 'b: 3' on rank 2"
    );
    assert_eq!(
        disagreement(&["a: 1\n", "a: 1\nb: 3\n"]).unwrap(),
        "the ranks disagree on the config: line 2 is '' on rank 0 and 'b: 3' on rank 1"
    );
    assert!(disagreement(&["a: 1", "a: 1\n"]).is_some());
}

#[test]
fn the_greatest_of_all_ranks_is_taken_and_lengths_are_checked() {
    let bytes = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let ranks = Scripted(vec![bytes(&[1.0, 5.0]), bytes(&[2.0, -5.0])]);
    let mut values = [1.0, 5.0];
    ranks.all_reduce_max_f64(&mut values).unwrap();
    assert_eq!(values, [2.0, 5.0]);
    let error = ranks.all_reduce_max_f64(&mut [0.0]).unwrap_err();
    assert_eq!(error.code(), "collective-length");
}
