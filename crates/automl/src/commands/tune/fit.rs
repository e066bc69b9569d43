//! `automl fit` as what is tuned: its options by name, and what it tells while it runs.

use super::call::{Params, text_of};
use super::own::{self, Ear, MODEL, Scores};
use super::reading::{Reading, numbers};
use crate::errors::TuneVerbError;
use automl_core::metrics::Metric;
use automl_store::studies::Objective;
use serde_json::{Map, Value};
use std::path::Path;

const VERB: &str = "fit";
/// Options that are set for each trial here.
const OURS: [&str; 4] = ["output", "overwrite", "format", "no_record"];

/// Whether `automl fit` has all these options.
///
/// # Errors
/// If one is unknown or not to be set, there is no data or target, or it does not score by an objective.
pub(super) fn check(
    options: &Map<String, Value>,
    names: &[String],
    objectives: &[Objective],
) -> Result<(), TuneVerbError> {
    let asked = options.get("metric").map(text_of);
    let asked = asked.and_then(|asked| Metric::from_name(&asked).ok());
    let scores = Scores {
        verb: VERB,
        asked: asked.as_slice(),
        others: &["seconds", "n_models", "n_trials", "n_started"],
    };
    for objective in objectives {
        scores.check(objective)?;
    }
    for wanted in ["data", "target"] {
        if !options.contains_key(wanted) && !names.iter().any(|name| name == wanted) {
            return Err(TuneVerbError::Lacks { verb: VERB, wanted });
        }
    }
    own::check_options(VERB, &OURS, options.keys().chain(names))
}

/// The command of a trial: a parameter takes the place of an option of its name.
///
/// # Errors
/// If this program cannot say where it is.
pub(super) fn words(
    options: &Map<String, Value>,
    params: &Params,
    objectives: &[String],
    folder: &Path,
) -> std::io::Result<Vec<String>> {
    let mut all = options.clone();
    // A fit that is judged by a metric also looks for the best by it.
    let metric = objectives
        .iter()
        .find(|name| Metric::from_name(name).is_ok());
    if let Some(metric) = metric.filter(|_| !all.contains_key("metric")) {
        all.insert("metric".to_owned(), Value::String(metric.clone()));
    }
    all.extend(params.clone());
    let mut words = own::words(VERB)?;
    for (name, value) in all.iter().filter(|(name, _)| *name != "data") {
        words.extend(own::option(name, value));
    }
    words.push(format!("--output={}", folder.join(MODEL).display()));
    words.extend(["--overwrite", "--no-record", "--format=json", "--"].map(str::to_owned));
    words.extend(all.get("data").map(text_of));
    Ok(words)
}

/// What a fit tells: its best score after each trial as events on stderr, and its result on stdout.
#[derive(Debug, Default)]
pub(super) struct FitEar {
    metric: String,
    output: String,
}

impl Ear for FitEar {
    fn output(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
    }

    fn event(&mut self, line: &str, reading: &mut Reading) -> Option<(i64, Vec<f64>)> {
        let event: Value = serde_json::from_str(line).ok()?;
        if let Some(metric) = event["metric"].as_str() {
            metric.clone_into(&mut self.metric);
        }
        let score = event["best_score"].as_f64()?;
        let step = event["trial"].as_f64()?;
        let told = [("step", step), ("score", score), (&self.metric, score)];
        reading.take(&told.map(|(name, value)| (name.to_owned(), value)))
    }

    fn end(&self, reading: &mut Reading) {
        let Ok(Value::Object(fields)) = serde_json::from_str(&self.output) else {
            return;
        };
        let metric = fields.get("metric").map(text_of);
        let score = fields.get("score").cloned();
        let named = metric.zip(score);
        let told = numbers(fields.into_iter().chain(named));
        reading.take(&told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_store::studies::Direction;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn options_and_parameters_become_a_command() {
        let options = map(
            &json!({ "data": "a.csv", "target": "y", "drop": ["id", "b"], "folds": 3, "holdout": null }),
        );
        let params = map(&json!({ "folds": 5, "quality": "fast", "rename_duplicates": true }));
        let words = words(&options, &params, &["rmse".to_owned()], Path::new("/f"))
            .expect("this program is somewhere");
        let told = "fit --target=y --drop=id,b --folds=5 --quality=fast --rename-duplicates --metric=rmse --output=/f/model --overwrite --no-record --format=json -- a.csv";
        let mut own: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let mut wanted: Vec<&str> = told.split(' ').collect();
        own.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(own, wanted);
        assert_eq!(words.last().map(String::as_str), Some("a.csv"));
    }

    #[test]
    fn an_option_that_fit_has_not_is_named_with_the_nearest() {
        let options = map(&json!({ "data": "a.csv", "target": "y" }));
        assert!(check(&options, &["folds".to_owned()], &[]).is_ok());
        let wrong = check(&options, &["fold".to_owned()], &[]);
        assert!(matches!(wrong, Err(TuneVerbError::Option { near, .. }) if near == ["folds"]));
        let ours = check(&options, &["output".to_owned()], &[]);
        assert!(matches!(ours, Err(TuneVerbError::Option { .. })));
        let lacks = check(&map(&json!({ "data": "a.csv" })), &[], &[]);
        assert!(matches!(
            lacks,
            Err(TuneVerbError::Lacks {
                wanted: "target",
                ..
            })
        ));
    }

    #[test]
    fn an_objective_is_what_fit_scores_by_and_better_the_way_it_is() {
        let judged = |more: Value, name: &str, direction| {
            let mut options = map(&json!({ "data": "a.csv", "target": "y" }));
            options.extend(map(&more));
            let name = name.to_owned();
            check(&options, &[], &[Objective { name, direction }])
        };
        let plain = || json!({});
        assert!(judged(plain(), "roc_auc", Direction::Maximize).is_ok());
        assert!(judged(plain(), "seconds", Direction::Minimize).is_ok());
        assert!(judged(json!({ "metric": "mae" }), "score", Direction::Minimize).is_ok());
        let contrary = judged(plain(), "roc_auc", Direction::Minimize);
        assert!(matches!(contrary, Err(TuneVerbError::Direction { .. })));
        let alias = judged(plain(), "auc", Direction::Maximize);
        assert!(matches!(alias, Err(TuneVerbError::Objective { near, .. }) if near == ["roc_auc"]));
        let other = judged(json!({ "metric": "mae" }), "rmse", Direction::Minimize);
        assert!(matches!(other, Err(TuneVerbError::Objective { near, .. }) if near == ["mae"]));
    }

    #[test]
    fn scores_are_read_by_the_name_of_the_metric() {
        let mut reading = Reading::new(vec!["rmse".to_owned()], Vec::new());
        let mut ear = FitEar::default();
        let events = [
            r#"{"event":"started","metric":"rmse"}"#,
            r#"{"event":"trial-finished","trial":3,"score":2.0,"best_score":1.5}"#,
        ];
        assert_eq!(ear.event(events[0], &mut reading), None);
        assert_eq!(ear.event(events[1], &mut reading), Some((3, vec![1.5])));
        for line in ["{", r#""metric": "rmse", "score": 1.25"#, "}"] {
            ear.output(line);
        }
        ear.end(&mut reading);
        assert_eq!(reading.values(), Ok(vec![1.25]));
    }
}
