//! Lines that are full or old become files, and what is on the disk is counted.

use super::*;
use automl_store::captures::{FileKind, SealError, SealedRows};
use std::io::{BufRead, Write};

fn seal(lines: &mut dyn BufRead, out: &mut (dyn Write + Send)) -> Result<SealedRows, SealError> {
    let copied = std::io::copy(lines, out);
    let n_bytes = copied.map_err(|error| SealError::Disk(error.to_string()))?;
    Ok(SealedRows {
        n_rows: n_bytes,
        is_cut: false,
    })
}

struct Room {
    _folder: tempfile::TempDir,
    captures: Captures,
    desk: Desk,
    ending: Receiver<Ending>,
}

fn room(lines_bytes_max: u64, lines_age_us_max: i64) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let captures = Captures::new(folder.path(), seal);
    let (ended, ending) = mpsc::channel();
    let keeping = Keeping {
        lines_bytes_max,
        lines_age_us_max,
        retention: Retention::default(),
    };
    let desk = Desk::new(captures.clone(), Numbers::default(), ended, keeping);
    Room {
        _folder: folder,
        captures,
        desk,
        ending,
    }
}

impl Room {
    fn truths(&mut self, n: usize) {
        let truth = |row| Truth {
            request_id: "a".into(),
            row,
            truth: "yes".into(),
        };
        let truths: Vec<Truth> = (0..n as u32).map(truth).collect();
        self.desk.keep_truths("e", 0, &truths).unwrap();
    }

    /// Makes files of what is done, and counts those that are and those that grow.
    fn files(&self) -> [usize; 2] {
        for ending in self.ending.try_iter() {
            match ending {
                Ending::Lines(lines) => end(&self.captures, lines),
                Ending::Mark(told) => told.send(()).unwrap(),
            }
        }
        let files = self.captures.files("e").unwrap();
        [FileKind::Done, FileKind::Growing]
            .map(|kind| files.iter().filter(|file| file.kind == kind).count())
    }
}

#[test]
fn lines_that_are_full_become_a_file_and_others_begin() {
    let mut room = room(1000, i64::MAX);
    room.truths(5);
    assert_eq!(room.files(), [0, 1]);
    room.truths(50);
    assert_eq!(room.files(), [1, 0]);
    room.truths(1);
    assert_eq!(room.files(), [1, 1]);
    room.desk.end_all();
    assert_eq!(room.files(), [2, 0]);
}

#[test]
fn a_mark_is_told_behind_lines_that_were_handed_over_before_it() {
    let mut room = room(1, i64::MAX);
    room.truths(1);
    let (told, done) = mpsc::channel();
    room.desk.take(Item::Mark(told));
    assert!(done.try_recv().is_err(), "no file is made yet");
    assert_eq!(room.files(), [1, 0]);
    assert!(done.try_recv().is_ok());
}

#[test]
fn lines_that_are_old_become_a_file() {
    let mut young = room(u64::MAX, i64::MAX);
    young.truths(1);
    young.desk.sync();
    assert_eq!(young.files(), [0, 1]);
    let mut old = room(u64::MAX, 0);
    old.truths(1);
    assert_eq!(old.files(), [0, 1], "until it is looked at");
    old.desk.sync();
    assert_eq!(old.files(), [1, 0]);
}
