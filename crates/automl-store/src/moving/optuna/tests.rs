//! Stores that Optuna wrote (`scripts/make_optuna_stores.py`), moved in.

use super::super::{StudiesOutcome, Watch, import_studies};
use super::*;
use crate::db::Place;
use crate::studies::{Study, Trial, TrialState, Wanted};
use crate::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::path::PathBuf;

const SQL: &str = include_str!("stores/database.sql");
const JOURNAL: &str = include_str!("stores/journal.log");
const NAME: &str = "one \"two\"/three";

struct Quiet;

impl Watch for Quiet {
    fn total(&mut self, _: u64) {}
    fn done(&mut self, _: &str) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

struct Desk {
    directory: tempfile::TempDir,
    db: Database,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(&Place::File(directory.path().join("automl.db"))).unwrap();
        Self { directory, db }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn database(&self) -> PathBuf {
        let path = self.path("study.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        // Tables stand in the order of their names, which is not that of their references.
        let sql = format!("PRAGMA foreign_keys = OFF; {SQL}");
        connection.execute_batch(&sql).unwrap();
        path
    }

    fn journal(&self, text: &str) -> PathBuf {
        let path = self.path("journal.log");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, path: &Path, wanted: Option<&str>, is_dry: bool) -> StudiesOutcome {
        self.try_import(path, wanted, is_dry).unwrap()
    }

    fn try_import(
        &self,
        path: &Path,
        wanted: Option<&str>,
        is_dry: bool,
    ) -> Result<StudiesOutcome, ImportError> {
        let mut source = OptunaSource::open(path.to_str().unwrap())?;
        import_studies(&mut source, &self.db, W, wanted, is_dry, &mut Quiet)
    }

    fn study(&self, name: &'static str) -> (Study, Vec<Trial>, Vec<Attribute>) {
        let read = self.db.read(move |sql| {
            let study = studies::by_name(sql, W, name)?;
            let trials = studies::trials(sql, study.id, &Wanted::All)?;
            let attributes = studies::attributes(sql, study.id)?;
            Ok::<_, StudiesError>((study, trials, attributes))
        });
        read.wait().unwrap()
    }
}

/// Attributes whatever blanks and escapes their JSON is written with.
fn loose(attributes: &[Attribute]) -> Vec<String> {
    let text = |own: &Attribute| {
        let value = own.value.replace(' ', "").replace("\\u00fc", "ü");
        format!("{} {} {value}", own.scope, own.key)
    };
    attributes.iter().map(text).collect()
}

fn counts(n_studies: u64, n_trials: u64, n_ended: u64, n_there: u64) -> StudyCounts {
    StudyCounts {
        n_studies,
        n_trials,
        n_ended,
        n_there,
    }
}

#[test]
fn a_database_and_a_journal_of_the_same_studies_are_the_same_here() {
    let (one, other) = (Desk::new(), Desk::new());
    let path = one.database();
    assert_eq!(one.import(&path, None, true).counts, counts(2, 13, 0, 0));
    let outcome = one.import(&path, None, false);
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert_eq!(outcome.counts, counts(2, 13, 0, 0));
    let journal = other.journal(JOURNAL);
    assert_eq!(
        other.import(&journal, None, false).counts,
        counts(2, 13, 0, 0)
    );
    for name in [NAME, "front"] {
        let (a, b) = (one.study(name), other.study(name));
        assert_eq!(a.0.objectives, b.0.objectives);
        assert_eq!(loose(&a.2), loose(&b.2), "attributes of the study");
        for (a, b) in a.1.iter().zip(&b.1) {
            assert_eq!((a.number, a.state), (b.number, b.state));
            assert_eq!(loose(&a.attributes), loose(&b.attributes));
            assert_eq!(
                format!("{:?} {:?}", a.figures, a.measurements),
                format!("{:?} {:?}", b.figures, b.measurements)
            );
            let sorted = |trial: &Trial| {
                let mut params = trial.params.clone();
                params.sort_by(|a, b| a.name.cmp(&b.name));
                params
            };
            if a.number != 5 || name == "front" {
                assert_eq!(sorted(a), sorted(b), "but for what was drawn at random");
                assert_eq!((a.started_us, a.ended_us), (b.started_us, b.ended_us));
            }
        }
    }
}

#[test]
fn nothing_of_a_study_is_lost() {
    use TrialState as T;
    let desk = Desk::new();
    desk.import(&desk.database(), Some(NAME), false);
    let (study, trials, attributes) = desk.study(NAME);
    assert_eq!(study.protocol, "optuna");
    assert_eq!(study.objectives[0].direction, Direction::Maximize);
    assert_eq!(
        attributes[0].value,
        r#"{"name": "\u00fc", "numbers": [1, 2.5, NaN]}"#
    );
    let states: Vec<T> = trials.iter().map(|trial| trial.state).collect();
    assert_eq!(
        states,
        [
            T::Complete,
            T::Complete,
            T::Complete,
            T::Pruned,
            T::Failed,
            T::Running,
            T::Waiting
        ]
    );
    assert_eq!(trials[0].started_us, Some(1_777_636_800_000_000));
    assert_eq!(trials[0].ended_us, Some(1_777_636_800_500_000));
    assert_eq!(trials[1].figures, Some(vec![f64::INFINITY]));
    let measured: Vec<String> = trials[0]
        .measurements
        .iter()
        .map(|one| format!("{} {:?}", one.step, one.figures))
        .collect();
    assert_eq!(measured, ["1 [0.25]", "2 [NaN]", "3 [-inf]"]);
    let kind = trials[1]
        .params
        .iter()
        .find(|own| own.name == "kind")
        .unwrap();
    assert_eq!(kind.value, "2.0", "the place among the choices");
    assert!(
        kind.distribution
            .as_ref()
            .unwrap()
            .contains("CategoricalDistribution")
    );
    assert!(
        trials[6]
            .attributes
            .iter()
            .any(|one| one.scope == "system" && one.key == "fixed_params")
    );
    let missing = desk.db.read(|sql| studies::by_name(sql, W, "front")).wait();
    assert!(missing.is_err(), "only one was wanted");
}

#[test]
fn what_is_there_is_left_alone_and_what_went_on_is_completed() {
    let desk = Desk::new();
    let lines: Vec<&str> = JOURNAL.lines().collect();
    let half = lines[..lines.len() / 3].join("\n") + "\n";
    let path = desk.journal(&half);
    let first = desk.import(&path, None, false).counts;
    let path = desk.journal(JOURNAL);
    let second = desk.import(&path, None, false).counts;
    assert_eq!(first.n_trials + second.n_trials, 13, "{first:?} {second:?}");
    assert_eq!(desk.import(&path, None, false).counts, counts(0, 0, 0, 13));
    let ended = format!(
        "{JOURNAL}{}\n",
        r#"{"op_code":6,"worker_id":"w","trial_id":5,"state":1,"values":[0.9],"datetime_complete":"2026-05-01T13:00:00.000000+00:00"}"#
    );
    let path = desk.journal(&ended);
    assert_eq!(desk.import(&path, None, true).counts, counts(0, 0, 1, 12));
    assert_eq!(desk.import(&path, None, false).counts, counts(0, 0, 1, 12));
    let (_, trials, _) = desk.study(NAME);
    assert_eq!(trials[5].state, TrialState::Complete);
    assert_eq!(trials[5].figures, Some(vec![0.9]));
    assert_eq!(trials[5].ended_us, Some(1_777_640_400_000_000));
    assert_eq!(desk.import(&path, None, false).counts, counts(0, 0, 0, 13));
}

#[test]
fn another_study_of_the_name_is_not_touched() {
    let desk = Desk::new();
    desk.import(&desk.database(), Some("front"), false);
    let path = desk.journal(&JOURNAL.replace("\"directions\":[1,2]", "\"directions\":[2,2]"));
    let outcome = desk.import(&path, Some("front"), false);
    assert!(matches!(
        &outcome.failures[..],
        [(name, ImportError::Another { what: "study", .. })] if name == "front"
    ));
}

#[test]
fn what_is_no_storage_is_told() {
    let desk = Desk::new();
    let refused = |text: &str| {
        let path = desk.journal(text);
        desk.try_import(&path, None, false).unwrap_err()
    };
    for text in ["", "hello\n", "{}\n", "[1]"] {
        let error = refused(text);
        assert!(
            matches!(error, ImportError::NotAStorage { .. }),
            "{text}: {error}"
        );
    }
    for (text, told) in [
        ("{\"op_code\":77}\n", "line 1: its operation is not known"),
        (
            "{\"op_code\":0,\"study_name\":\"s\",\"directions\":[1]}\n{]\n{}\n",
            "line 2",
        ),
        (
            "{\"op_code\":0,\"directions\":[1]}\n",
            "line 1: it has no 'study_name'",
        ),
        (
            "{\"op_code\":0,\"study_name\":\"s\",\"directions\":[1]}\n{\"op_code\":4,\"study_id\":0,\"datetime_start\":\"now\"}\n",
            "'now' is no time",
        ),
    ] {
        let error = refused(text);
        assert!(matches!(error, ImportError::Odd { .. }), "{text}: {error}");
        assert!(error.to_string().contains(told), "{error}");
    }
    let cut = "{\"op_code\":0,\"study_name\":\"s\",\"directions\":[1]}\n{\"op_code\":4,\"st";
    let path = desk.journal(cut);
    assert_eq!(desk.import(&path, None, false).counts, counts(1, 0, 0, 0));
    let error = desk.try_import(&path, Some("t"), false).unwrap_err();
    assert!(matches!(error, ImportError::StudyUnknown { .. }), "{error}");
    let other = desk.path("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    let error = desk.try_import(&other, None, false).unwrap_err();
    assert!(matches!(error, ImportError::NotAStorage { .. }), "{error}");
}

#[test]
fn names_of_drivers_are_left_out_of_addresses() {
    use super::database::postgres_url;
    assert_eq!(
        postgres_url("postgresql+psycopg2://a:b@c/d").as_deref(),
        Some("postgres://a:b@c/d")
    );
    assert_eq!(postgres_url("sqlite:///a.db"), None);
    assert_eq!(postgres_url("mysql://a"), None);
}

#[test]
fn no_journal_makes_a_panic() {
    let bytes = JOURNAL.as_bytes();
    for at in (0..bytes.len()).step_by(3) {
        // What comes of it is a few studies or an error; that it comes is all that counts.
        journal::replay("cut", &bytes[..at]).ok();
        for byte in [b'"', b'9', b'}', 0xff] {
            let mut changed = bytes.to_vec();
            changed[at] = byte;
            journal::replay("changed", &changed).ok();
        }
    }
}

#[test]
fn a_parameter_that_changed_its_kind_is_passed_over_as_optuna_does() {
    let line =
        |code: u8, rest: &str| format!("{{\"op_code\":{code},\"worker_id\":\"w\",{rest}}}\n");
    let param = |trial: u8, kind: &str, value: f64| {
        let distribution = format!("{{\\\"name\\\":\\\"{kind}\\\",\\\"attributes\\\":{{}}}}");
        let rest = format!(
            "\"trial_id\":{trial},\"param_name\":\"x\",\"param_value_internal\":{value},\"distribution\":\"{distribution}\""
        );
        line(5, &rest)
    };
    let begun = "\"datetime_start\":\"2026-01-01T00:00:00\"";
    let trial = line(4, &format!("\"study_id\":0,{begun}"));
    let text = [
        line(0, "\"study_name\":\"s\",\"directions\":[1]"),
        trial.clone(),
        param(0, "FloatDistribution", 0.5),
        trial,
        param(1, "IntDistribution", 3.0),
    ];
    let read = journal::replay("journal", text.concat().as_bytes()).unwrap();
    let n_params: Vec<usize> = read[0].trials.iter().map(|own| own.params.len()).collect();
    assert_eq!(n_params, [1, 0]);
}
