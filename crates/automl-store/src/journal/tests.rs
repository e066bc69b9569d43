//! What a journal tells after kills, cuts and rot.

use super::*;
use serde_json::json;

fn artifact() -> Artifact {
    let mut artifact = Artifact::new("mean", json!({ "of": "rows" }));
    artifact.push_f64("values", vec![0.1, f64::MAX, -0.0]);
    artifact
}

#[test]
fn notes_and_artifacts_come_back_as_they_were() {
    let desk = tempfile::tempdir().unwrap();
    let output = desk.path().join("deep/model");
    let journal = Journal::begin(&output, &json!({ "seed": 1 })).unwrap();
    journal.note(&json!({ "score": 0.1 + 0.2 })).unwrap();
    journal.keep("fit-0-0", &artifact()).unwrap();
    drop(journal);
    let (journal, noted) = Journal::open(&output).unwrap().unwrap();
    assert_eq!(noted.about, json!({ "seed": 1 }));
    assert_eq!(noted.notes, [json!({ "score": 0.1 + 0.2 })]);
    assert!(!noted.is_cut);
    assert_eq!(journal.restore("fit-0-0").unwrap(), artifact());
    journal.forget("fit-0-0");
    assert!(journal.restore("fit-0-0").is_err());
    journal.discard();
    assert_eq!(
        fs::read_dir(desk.path()).unwrap().count(),
        1,
        "only 'deep' was there before it was opened"
    );
}

#[test]
fn what_is_discarded_leaves_no_directory_that_was_made_for_it() {
    let desk = tempfile::tempdir().unwrap();
    let output = desk.path().join("deep/er/model");
    Journal::begin(&output, &json!({})).unwrap().discard();
    assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 0);
}

/// However many bytes of the log a kill let through, all whole lines come back, and what is noted afterwards follows them.
#[test]
fn a_log_that_is_cut_anywhere_tells_its_whole_lines_and_goes_on() {
    let desk = tempfile::tempdir().unwrap();
    let output = desk.path().join("model");
    let journal = Journal::begin(&output, &json!({ "seed": 1 })).unwrap();
    for number in 0..3 {
        journal.note(&json!({ "number": number })).unwrap();
    }
    drop(journal);
    let path = journal_dir(&output).unwrap().join(LOG);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let n_lines = whole[..length].split(|&byte| byte == b'\n').count() - 1;
        let opened = Journal::open(&output).unwrap();
        assert_eq!(opened.is_some(), n_lines > 0, "{length} bytes");
        let Some((journal, noted)) = opened else {
            continue;
        };
        assert_eq!(noted.notes.len(), n_lines - 1, "{length} bytes");
        journal.note(&json!("after")).unwrap();
        drop(journal);
        let (_, noted) = Journal::open(&output).unwrap().unwrap();
        assert_eq!(noted.notes.last(), Some(&json!("after")), "{length} bytes");
        assert!(!noted.is_cut);
    }
}

#[test]
fn a_bit_that_turned_over_is_noticed_wherever_it_is() {
    let desk = tempfile::tempdir().unwrap();
    let output = desk.path().join("model");
    let journal = Journal::begin(&output, &json!({})).unwrap();
    journal.keep("fit", &artifact()).unwrap();
    let path = journal_dir(&output).unwrap().join("fit");
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 4;
        fs::write(&path, altered).unwrap();
        assert!(journal.restore("fit").is_err(), "byte {at}");
    }
}

#[test]
fn two_processes_cannot_write_one_journal() {
    let desk = tempfile::tempdir().unwrap();
    let output = desk.path().join("model");
    let journal = Journal::begin(&output, &json!({})).unwrap();
    let second = Journal::open(&output).map(|_| ());
    assert!(
        matches!(second, Err(StoreError::InUse { .. })),
        "{second:?}"
    );
    drop(journal);
    assert!(Journal::open(&output).unwrap().is_some());
}

#[test]
fn who_comes_second_leaves_alone_what_the_first_has_begun() {
    let root = tempfile::tempdir().unwrap();
    let output = root.path().join("model");
    let first = Journal::begin(&output, &json!("first")).unwrap();
    first.keep("fit-1", &artifact()).unwrap();
    let second = Journal::begin(&output, &json!("second"));
    assert!(
        matches!(second, Err(StoreError::InUse { .. })),
        "{second:?}"
    );
    assert_eq!(first.restore("fit-1").unwrap(), artifact());
    drop(first);
    // A log that says nothing, as of one that was killed as it began, is in nobody's way.
    let dir = journal_dir(&output).unwrap();
    fs::write(dir.join(LOG), "").unwrap();
    let third = Journal::begin(&output, &json!("third")).unwrap();
    assert!(third.restore("fit-1").is_err(), "it is of another search");
    drop(third);
    let (_, noted) = Journal::open(&output).unwrap().unwrap();
    assert_eq!(noted.about, json!("third"));
}

#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let (elsewhere, output) = (root.path().join("elsewhere"), root.path().join("model"));
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("mine"), "kept").unwrap();
    let dir = journal_dir(&output).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &dir).unwrap();
    Journal::begin(&output, &json!({})).unwrap().discard();
    fs::create_dir(&dir).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("mine"), dir.join(LOG)).unwrap();
    Journal::begin(&output, &json!({})).unwrap().discard();
    assert_eq!(fs::read_to_string(elsewhere.join("mine")).unwrap(), "kept");
}
