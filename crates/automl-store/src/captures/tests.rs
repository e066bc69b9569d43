//! Lines become files, also after a kill, once and whole.

use super::*;

/// Counts whole lines behind the first, and copies them; `broken` cannot be read.
fn seal(lines: &mut dyn BufRead, out: &mut (dyn Write + Send)) -> Result<SealedRows, String> {
    let mut text = String::new();
    lines
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.contains("broken") {
        return Err("it is broken".into());
    }
    let is_cut = !text.ends_with('\n');
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let rows: Vec<&str> = whole.lines().skip(1).collect();
    out.write_all(rows.join("\n").as_bytes())
        .map_err(|error| error.to_string())?;
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
    assert_eq!(fs::read_to_string(&files[0].0).unwrap(), "a\nb");
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
