//! Trials told by several workers, lost ones, and what is refused.

use super::*;
use crate::db::{Database, Place, Sql};
use crate::tracking::now_ms;
use automl_core::Coded;
use std::thread;

const W: &str = "default";

struct Desk {
    db: Database,
    study: i64,
    directory: tempfile::TempDir,
}

fn new_study(name: &str) -> NewStudy {
    NewStudy {
        name: name.into(),
        protocol: "automl",
        objectives: vec![Objective {
            name: "loss".into(),
            direction: Direction::Minimize,
        }],
        spec: "{\"exactly\":  [1.0, 2]}".into(),
        lease_ms: Some(1000),
        n_retries: 1,
    }
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(&Place::File(directory.path().join("t.db"))).unwrap();
        let made = db.write(|sql| create(sql, W, &new_study("s"))).wait();
        Self {
            db,
            study: made.unwrap(),
            directory,
        }
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StudiesError> + Send + 'static,
    ) -> T {
        self.db.write(work).wait().unwrap()
    }

    fn refused<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Sql) -> Result<T, StudiesError> + Send + 'static,
    ) -> String {
        let error = self.db.write(work).wait().err().unwrap();
        format!("{}: {error}", error.code())
    }

    fn start(&self) -> i64 {
        let study = self.study;
        let new = NewTrial {
            client: Some("one".into()),
            ..NewTrial::in_state(TrialState::Running)
        };
        self.write(move |sql| add_trial(sql, study, &new)).0
    }

    fn trial(&self, id: i64) -> Trial {
        self.write(move |sql| trial(sql, W, id))
    }

    fn expire(&self, now_ms: i64) -> Vec<i64> {
        let id = self.study;
        self.write(move |sql| {
            let study = get(sql, W, id)?;
            expire(sql, W, &study, now_ms)
        })
    }
}

fn ended(state: TrialState, figures: &[f64]) -> Change {
    Change {
        figures: Some(figures.to_vec()),
        ..Change::to(state)
    }
}

#[test]
fn a_study_is_kept_as_it_was_made_and_its_name_is_its_own() {
    let desk = Desk::new();
    let study = desk.write(|sql| by_name(sql, W, "s"));
    assert_eq!(study.spec, "{\"exactly\":  [1.0, 2]}");
    assert_eq!(study.state, StudyState::Active);
    let twice = desk.refused(|sql| create(sql, W, &new_study("s")));
    assert_eq!(twice, "study-exists: a study 's' exists already");
    let other = desk.write(|sql| create(sql, "other", &new_study("s")));
    assert!(other > study.id);
    assert!(
        desk.refused(|sql| create(sql, W, &new_study(" ")))
            .starts_with("study-invalid")
    );
    let near = desk
        .db
        .write(|sql| by_name(sql, W, "ss"))
        .wait()
        .unwrap_err();
    assert_eq!(near.to_string(), "there is no study 'ss'");
    let elsewhere = desk.refused(move |sql| get(sql, W, other));
    assert!(elsewhere.starts_with("study-missing"), "{elsewhere}");
}

#[test]
fn numbers_texts_and_order_come_back_as_they_were_told() {
    let desk = Desk::new();
    let id = desk.start();
    let odd = [f64::NAN, f64::INFINITY, -0.0, 0.1 + 0.2, 5e-324];
    for (step, name) in [(3_i64, "z"), (-1, "a")] {
        desk.write(move |sql| {
            let distribution = Some("{\"name\": \"X\",  \"attributes\": {}}".to_owned());
            let param = Param {
                name: name.into(),
                value: "1.0".into(),
                distribution,
            };
            set_param(sql, W, id, &param)?;
            let figures = odd.to_vec();
            let extra = None;
            measure(
                sql,
                W,
                id,
                &Measurement {
                    step,
                    figures,
                    extra,
                },
            )
        });
    }
    let trial = desk.trial(id);
    let names: Vec<&str> = trial
        .params
        .iter()
        .map(|param| param.name.as_str())
        .collect();
    assert_eq!(names, ["z", "a"]);
    let distribution = trial.params[0].distribution.as_deref();
    assert_eq!(distribution, Some("{\"name\": \"X\",  \"attributes\": {}}"));
    let steps: Vec<i64> = trial.measurements.iter().map(|one| one.step).collect();
    assert_eq!(steps, [3, -1]);
    let bits = |figures: &[f64]| figures.iter().map(|one| one.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&trial.measurements[0].figures), bits(&odd));
}

#[test]
fn measurements_of_any_step_can_be_kept_in_order() {
    let desk = Desk::new();
    let id = desk.start();
    for (step, figure) in [(5, 0.5), (2, 0.25), (5, 0.75)] {
        let measurement = Measurement {
            step,
            figures: vec![figure],
            extra: Some("as it came".into()),
        };
        desk.write(move |sql| measure_also(sql, W, id, &measurement));
    }
    let steps = |trial: &Trial| {
        let measured = trial.measurements.iter();
        measured
            .map(|one| (one.step, one.figures[0]))
            .collect::<Vec<_>>()
    };
    assert_eq!(steps(&desk.trial(id)), [(5, 0.5), (2, 0.25), (5, 0.75)]);
    let later = Measurement {
        step: 2,
        figures: vec![1.0],
        extra: None,
    };
    desk.write(move |sql| measure(sql, W, id, &later));
    assert_eq!(steps(&desk.trial(id)), [(5, 0.5), (2, 1.0), (5, 0.75)]);
}

#[test]
fn a_trial_tells_its_study_and_a_client_its_trials() {
    let desk = Desk::new();
    let (one, two) = (desk.start(), desk.start());
    desk.write(move |sql| stop(sql, W, one));
    let study = desk.study;
    assert_eq!(desk.write(move |sql| running_of(sql, study, "one")), [two]);
    assert!(
        desk.write(move |sql| running_of(sql, study, "two"))
            .is_empty()
    );
    assert_eq!(desk.write(move |sql| of_trial(sql, W, one)).id, study);
    let missing = desk.refused(|sql| of_trial(sql, W, 77));
    assert_eq!(missing, "study-trial-unknown: there is no trial 77");
}

#[test]
fn a_trial_ends_once_and_then_stays_as_it_is() {
    let desk = Desk::new();
    let id = desk.start();
    assert!(desk.write(move |sql| change(sql, W, id, &ended(TrialState::Complete, &[0.5]))));
    let twice = desk.refused(move |sql| change(sql, W, id, &Change::to(TrialState::Failed)));
    assert_eq!(
        twice,
        "study-trial-finished: trial 0 has ended already, as complete"
    );
    let late = Measurement {
        step: 1,
        figures: vec![1.0],
        extra: None,
    };
    let late = desk.refused(move |sql| measure(sql, W, id, &late));
    assert!(late.starts_with("study-trial-finished"), "{late}");
    let trial = desk.trial(id);
    assert_eq!(trial.figures, Some(vec![0.5]));
    assert_eq!(trial.expires_ms, None);
    assert!(trial.ended_us >= trial.started_us);
    let study = desk.study;
    let events = desk.write(move |sql| events_since(sql, study, 0, 100));
    let what: Vec<&str> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(what, ["created", "trial", "complete"]);
    assert_eq!(trial.end_event, Some(3));
}

#[test]
fn of_many_workers_that_want_one_waiting_trial_one_gets_it() {
    let desk = Desk::new();
    let study = desk.study;
    let waits = NewTrial::in_state(TrialState::Waiting);
    let (id, _) = desk.write(move |sql| add_trial(sql, study, &waits));
    let db = &desk.db;
    let n_got = thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(move || {
                    let run = Change::to(TrialState::Running);
                    db.write(move |sql| change(sql, W, id, &run))
                        .wait()
                        .unwrap()
                })
            })
            .collect();
        workers
            .into_iter()
            .filter_map(|one| one.join().unwrap().then_some(()))
            .count()
    });
    assert_eq!(n_got, 1);
}

#[test]
fn a_lost_trial_waits_again_and_fails_when_lost_too_often() {
    let desk = Desk::new();
    let (id, study) = (desk.start(), desk.study);
    assert!(desk.expire(now_ms()).is_empty());
    let late = now_ms() + 2000;
    let measured = Measurement {
        step: 7,
        figures: vec![1.0],
        extra: None,
    };
    desk.write(move |sql| measure(sql, W, id, &measured));
    assert_eq!(desk.expire(late), [id]);
    let waits = desk.trial(id);
    assert_eq!(waits.state, TrialState::Waiting);
    assert!(waits.measurements.is_empty());
    let gone = desk.refused(move |sql| beat(sql, W, id, "one"));
    assert_eq!(gone, "study-trial-not-held: trial 0 is not held by 'one'");
    let got = desk.write(move |sql| claim(sql, W, study, Some("two"), 5, None));
    assert_eq!(got, [id]);
    assert!(!desk.write(move |sql| beat(sql, W, id, "two")));
    assert_eq!(desk.expire(late + 2000), [id]);
    let failed = desk.trial(id);
    assert_eq!(failed.state, TrialState::Failed);
    assert_eq!(failed.note.as_deref(), Some("its worker was lost"));
    assert_eq!(failed.n_lost, 2);
}

/// A study of another protocol, without a lease, and a trial that runs in it.
fn unleased(desk: &Desk, name: &str) -> (i64, i64) {
    let new = NewStudy {
        protocol: "optuna",
        lease_ms: None,
        n_retries: 0,
        ..new_study(name)
    };
    desk.write(move |sql| {
        let study = create(sql, W, &new)?;
        let runs = NewTrial::in_state(TrialState::Running);
        Ok((study, add_trial(sql, study, &runs)?.0))
    })
}

#[test]
fn studies_of_a_protocol_are_leased_and_lose_trials_together_and_those_of_others_are_not() {
    let desk = Desk::new();
    let other = desk.start();
    let (_, early) = unleased(&desk, "early");
    assert_eq!(desk.trial(early).expires_ms, None);
    desk.write(|sql| lease_all(sql, W, "optuna", 10_000));
    let (study, late) = unleased(&desk, "late");
    let begun = now_ms();
    desk.write(|sql| lease_new(sql, W, "optuna", 20_000));
    let ends = |id: i64| desk.trial(id).expires_ms.unwrap_or_default() - begun;
    assert!(ends(early) <= 10_000, "a lease that is there stays");
    assert!(ends(late) >= 20_000);
    let runs = NewTrial::in_state(TrialState::Running);
    let (next, _) = desk.write(move |sql| add_trial(sql, study, &runs));
    assert!(
        ends(next) >= 20_000,
        "new trials have the time of their study"
    );
    let at = |after_ms: i64| move |sql: &mut dyn Sql| expire_all(sql, W, "optuna", after_ms);
    assert_eq!(desk.write(at(begun + 15_000)), [early]);
    assert!(
        desk.write(at(begun + 15_000)).is_empty(),
        "they are lost once"
    );
    assert_eq!(desk.write(at(now_ms() + 25_000)), [late, next]);
    for id in [early, late, next] {
        let lost = desk.trial(id);
        assert_eq!(lost.state, TrialState::Failed);
        assert_eq!(lost.note.as_deref(), Some("its worker was lost"));
        assert!(lost.ended_us.is_some());
    }
    assert_eq!(desk.trial(other).state, TrialState::Running);
    let events = desk.write(move |sql| events_since(sql, study, 0, 100));
    let n_failed = events.iter().filter(|event| event.what == "failed").count();
    assert_eq!(n_failed, 2);
}

#[test]
fn who_could_not_hear_of_signs_of_life_gives_running_trials_the_whole_time() {
    let desk = Desk::new();
    let (_, id) = unleased(&desk, "long");
    desk.write(|sql| lease_all(sql, W, "optuna", -1000));
    let over = desk.trial(id).expires_ms;
    assert!(over < Some(now_ms()));
    desk.write(|sql| lease_new(sql, W, "optuna", 10_000));
    assert_eq!(desk.trial(id).expires_ms, over, "it has a lease already");
    desk.write(|sql| lease_all(sql, W, "optuna", 10_000));
    assert!(
        desk.write(|sql| expire_all(sql, W, "optuna", now_ms()))
            .is_empty()
    );
    assert!(desk.trial(id).expires_ms > Some(now_ms()));
}

#[test]
fn a_trial_that_was_asked_to_end_is_pruned_with_what_it_measured_when_it_is_lost_or_given_up() {
    let desk = Desk::new();
    let (lost, given_up) = (desk.start(), desk.start());
    for id in [lost, given_up] {
        for (step, figure) in [(1, 0.5), (2, 0.25)] {
            let measured = Measurement {
                step,
                figures: vec![figure],
                extra: None,
            };
            desk.write(move |sql| measure(sql, W, id, &measured));
        }
        desk.write(move |sql| stop(sql, W, id));
        assert!(desk.write(move |sql| beat(sql, W, id, "one")));
    }
    desk.write(move |sql| release(sql, W, given_up, "one"));
    assert_eq!(desk.expire(now_ms() + 2000), [lost]);
    for id in [lost, given_up] {
        let trial = desk.trial(id);
        assert_eq!(trial.state, TrialState::Pruned);
        assert_eq!(trial.measurements.len(), 2);
        assert_eq!(trial.figures, Some(vec![0.25]));
        assert_eq!(trial.n_lost, i64::from(id == lost));
        let note = (id == lost).then_some("its worker was lost");
        assert_eq!(trial.note.as_deref(), note);
    }
    let study = desk.study;
    let got = desk.write(move |sql| claim(sql, W, study, Some("two"), 5, None));
    assert!(got.is_empty(), "nobody runs them again");
}

#[test]
fn a_parameter_keeps_its_kind_scale_and_choices_within_a_study() {
    let desk = Desk::new();
    let id = desk.start();
    let set = move |name: &'static str, distribution: &'static str| {
        move |sql: &mut dyn Sql| {
            let param = Param {
                name: name.into(),
                value: "1.0".into(),
                distribution: Some(distribution.into()),
            };
            set_param(sql, W, id, &param)
        }
    };
    let wide =
        r#"{"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 9.0, "log": false}}"#;
    let narrow =
        r#"{"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0, "log": false}}"#;
    let log =
        r#"{"name": "FloatDistribution", "attributes": {"low": 0.1, "high": 1.0, "log": true}}"#;
    let int = r#"{"name": "IntDistribution", "attributes": {"low": 0, "high": 1, "log": false}}"#;
    desk.write(set("x", wide));
    desk.write(set("x", narrow));
    assert!(
        desk.refused(set("x", log))
            .ends_with("it was on another scale")
    );
    assert!(
        desk.refused(set("x", int))
            .ends_with("it was of another kind")
    );
    let ab = r#"{"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b"]}}"#;
    let a = r#"{"name": "CategoricalDistribution", "attributes": {"choices": ["a"]}}"#;
    desk.write(set("c", ab));
    assert!(desk.refused(set("c", a)).starts_with("study-distribution"));
    assert_eq!(desk.trial(id).params.len(), 2);
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart_and_a_deleted_study_leaves_nothing() {
    let desk = Desk::new();
    let (id, study) = (desk.start(), desk.study);
    let attribute = Attribute {
        scope: "user".into(),
        key: "k".into(),
        value: "[1, \"ü\"]".into(),
    };
    let same = attribute.clone();
    desk.write(move |sql| {
        set_attribute(sql, study, &attribute)?;
        set_trial_attribute(sql, W, id, &attribute, false)
    });
    let Desk { db, directory, .. } = desk;
    drop(db);
    let db = Database::open(&Place::File(directory.path().join("t.db"))).unwrap();
    let found = db
        .read(move |sql| Ok::<_, StudiesError>((trial(sql, W, id)?, attributes(sql, study)?)))
        .wait()
        .unwrap();
    assert_eq!(found.0.attributes, std::slice::from_ref(&same));
    assert_eq!(found.1, [same]);
    let left = db
        .write(move |sql| {
            delete(sql, W, study)?;
            let tables = [
                "trials",
                "trial_attributes",
                "study_attributes",
                "study_events",
            ];
            let mut n_left = 0;
            for table in tables {
                n_left += sql.query(&format!("SELECT 1 FROM {table}"), &[])?.len();
            }
            Ok::<_, StudiesError>(n_left)
        })
        .wait();
    assert_eq!(left.unwrap(), 0);
}

#[test]
fn a_request_is_known_by_its_key() {
    let desk = Desk::new();
    let study = desk.study;
    let new = NewTrial {
        request: Some("r-1".into()),
        ..NewTrial::in_state(TrialState::Running)
    };
    let (id, _) = desk.write(move |sql| add_trial(sql, study, &new));
    assert_eq!(
        desk.write(move |sql| trials_of_request(sql, study, "r-1")),
        [id]
    );
    assert!(
        desk.write(move |sql| trials_of_request(sql, study, "r-2"))
            .is_empty()
    );
}
