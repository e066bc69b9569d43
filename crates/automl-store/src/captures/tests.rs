//! Lines become files, also after a kill, once and whole.

use super::*;

/// Counts whole lines behind the first, and copies them; `broken` cannot be read, and `away` not now.
fn seal(lines: &mut dyn BufRead, out: &mut (dyn Write + Send)) -> Result<SealedRows, SealError> {
    let disk = |error: io::Error| SealError::Disk(error.to_string());
    let mut text = String::new();
    lines.read_to_string(&mut text).map_err(disk)?;
    if text.contains("broken") {
        return Err(SealError::Lines("it is broken".into()));
    }
    if text.contains("away") {
        return Err(SealError::Disk("the disk is away".into()));
    }
    let is_cut = !text.ends_with('\n');
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let rows: Vec<&str> = whole.lines().skip(1).collect();
    out.write_all(rows.join("\n").as_bytes()).map_err(disk)?;
    Ok(SealedRows {
        n_rows: rows.len() as u64,
        is_cut,
    })
}

struct Desk {
    folder: tempfile::TempDir,
    captures: Captures,
}

fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let captures = Captures::new(&folder.path().join("captures"), seal);
    Desk { folder, captures }
}

impl Desk {
    /// The names of all files of the endpoint `e`, without their time.
    fn names(&self) -> Vec<String> {
        let paths = listed(&self.folder.path().join("captures/e")).unwrap();
        let name = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let (series, rest) = name.split_once('-').unwrap();
            format!("{series}.{}", rest.rsplit_once('.').unwrap().1)
        };
        paths.iter().map(name).collect()
    }
}

#[test]
fn lines_become_a_file_and_go() {
    let desk = desk();
    let mut lines = desk.captures.begin("e", "v1", "head").unwrap();
    lines.append("a").unwrap();
    lines.append("b").unwrap();
    lines.sync().unwrap();
    assert_eq!(desk.names(), ["v1.lines"]);
    let sealed = desk.captures.end(lines).unwrap();
    assert_eq!(sealed.n_rows, 2);
    assert_eq!(desk.names(), ["v1.parquet"]);
    let files = desk.captures.files("e").unwrap();
    assert_eq!(fs::read_to_string(&files[0].path).unwrap(), "a\nb");
}

#[test]
fn lines_of_nothing_become_nothing() {
    let desk = desk();
    let lines = desk.captures.begin("e", "v1", "head").unwrap();
    assert_eq!(desk.captures.end(lines).unwrap().n_rows, 0);
    assert!(desk.names().is_empty());
}

#[test]
fn what_a_killed_process_left_is_made_into_a_file_by_the_next() {
    let desk = desk();
    let mut lines = desk.captures.begin("e", "v1", "head").unwrap();
    lines.append("a").unwrap();
    lines.file.write_all(b"cut of").unwrap();
    lines.sync().unwrap();
    lines.is_synced = false;
    lines.file.flush().unwrap();
    assert!(
        desk.captures.end_left().unwrap().is_empty(),
        "somebody writes it"
    );
    drop(lines);
    let done = desk.captures.end_left().unwrap();
    assert_eq!(
        done[0].1.as_ref().unwrap(),
        &SealedRows {
            n_rows: 1,
            is_cut: true
        }
    );
    assert_eq!(desk.names(), ["v1.parquet"]);
    assert!(desk.captures.end_left().unwrap().is_empty());
}

#[test]
fn a_kill_between_file_and_lines_makes_no_row_twice() {
    let desk = desk();
    let mut lines = desk.captures.begin("e", "v1", "head").unwrap();
    lines.append("a").unwrap();
    lines.sync().unwrap();
    let path = lines.path.clone();
    let text = fs::read(&path).unwrap();
    desk.captures.end(lines).unwrap();
    fs::write(&path, text).unwrap();
    let done = desk.captures.end_left().unwrap();
    assert_eq!(done[0].1.as_ref().unwrap().n_rows, 0);
    assert_eq!(desk.names(), ["v1.parquet"]);
}

#[test]
fn lines_that_nobody_can_read_are_told_of_and_kept_aside() {
    let desk = desk();
    let mut lines = desk.captures.begin("e", "v1", "head").unwrap();
    lines.append("broken").unwrap();
    let error = desk.captures.end(lines).unwrap_err();
    assert_eq!(error.code(), "capture-lines");
    assert!(error.to_string().ends_with("it is broken"), "{error}");
    assert_eq!(desk.names(), ["v1.bad"]);
}

#[test]
fn lines_that_the_disk_does_not_give_stay_until_it_does() {
    let desk = desk();
    let mut lines = desk.captures.begin("e", "v1", "head").unwrap();
    lines.append("away").unwrap();
    let path = lines.path.clone();
    let error = desk.captures.end(lines).unwrap_err();
    assert_eq!(error.code(), "capture-io");
    assert!(error.to_string().ends_with("the disk is away"), "{error}");
    assert_eq!(desk.names(), ["v1.lines"]);
    fs::write(&path, "head\na\n").unwrap();
    let done = desk.captures.end_left().unwrap();
    assert_eq!(done[0].1.as_ref().unwrap().n_rows, 1);
    assert_eq!(desk.names(), ["v1.parquet"]);
}

#[test]
fn a_file_that_cannot_be_opened_keeps_no_other_from_its_end() {
    let desk = desk();
    for name in ["a", "b"] {
        let mut lines = desk.captures.begin("e", name, "head").unwrap();
        lines.append("a").unwrap();
    }
    // A folder in the place of lines cannot be read.
    let odd = desk.captures.folder("e").join("0-odd.lines");
    fs::create_dir(&odd).unwrap();
    let done = desk.captures.end_left().unwrap();
    assert_eq!(done.iter().filter(|(_, sealed)| sealed.is_ok()).count(), 2);
    assert_eq!(desk.names(), ["0.lines", "a.parquet", "b.parquet"]);
}

#[test]
fn files_of_all_kinds_are_counted() {
    let desk = desk();
    let mut done = desk.captures.begin("e", "v1", "head").unwrap();
    done.append("a").unwrap();
    desk.captures.end(done).unwrap();
    let mut bad = desk.captures.begin("e", "v2", "head").unwrap();
    bad.append("broken").unwrap();
    desk.captures.end(bad).unwrap_err();
    let mut growing = desk.captures.begin("e", "v3", "head").unwrap();
    growing.append("a").unwrap();
    growing.sync().unwrap();
    let files = desk.captures.files("e").unwrap();
    let kinds: Vec<(FileKind, u64)> = (files.iter())
        .map(|file| (file.kind, file.n_bytes))
        .collect();
    assert_eq!(
        kinds,
        [
            (FileKind::Done, 1),
            (FileKind::Bad, 12),
            (FileKind::Growing, 7)
        ]
    );
}

#[test]
fn what_is_old_or_too_much_goes_oldest_first() {
    let desk = desk();
    for name in ["a", "b", "c"] {
        let mut lines = desk.captures.begin("e", name, "head").unwrap();
        lines.append("four").unwrap();
        desk.captures.end(lines).unwrap();
    }
    let _growing = desk.captures.begin("e", "d", "head").unwrap();
    let newest = |files: &[CaptureFile]| files.iter().map(|file| file.changed_us).max();
    let now_us = newest(&desk.captures.files("e").unwrap()).unwrap();
    let sweep = |keep, now_us| desk.captures.sweep(keep, now_us).unwrap().len();
    assert_eq!(sweep(Retention::default(), i64::MAX), 0, "all is kept");
    let at_most = |n_bytes| Retention {
        n_bytes_max: Some(n_bytes),
        ..Retention::default()
    };
    assert_eq!(sweep(at_most(12), now_us), 0);
    assert_eq!(sweep(at_most(8), now_us), 1);
    assert_eq!(desk.names(), ["b.parquet", "c.parquet", "d.lines"]);
    let younger = Retention {
        age_us_max: Some(60_000_000),
        ..Retention::default()
    };
    assert_eq!(sweep(younger, now_us), 0);
    assert_eq!(sweep(younger, now_us + 61_000_000), 2);
    assert_eq!(desk.names(), ["d.lines"], "what grows stays");
}
