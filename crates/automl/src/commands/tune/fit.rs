//! `automl fit` as what is tuned: its options by name, and what it tells while it runs.

use super::call::{Params, text_of};
use super::reading::{Reading, numbers};
use crate::cli::Cli;
use crate::errors::TuneVerbError;
use automl_core::metrics::Metric;
use automl_core::nearest;
use automl_store::studies::{Direction, Objective};
use clap::CommandFactory as _;
use serde_json::{Map, Value};
use std::path::Path;

/// The directory in the folder of a trial that its model is written to.
pub(super) const MODEL: &str = "model";

/// Options that are set for each trial here.
const OURS: [&str; 4] = ["output", "overwrite", "format", "no_record"];

/// Whether `automl fit` has all these options.
///
/// # Errors
/// If one is unknown or not to be set, or there is no data or target.
pub(super) fn check(
    options: &Map<String, Value>,
    names: &[String],
    objectives: &[Objective],
) -> Result<(), TuneVerbError> {
    for objective in objectives {
        check_objective(options, objective)?;
    }
    for wanted in ["data", "target"] {
        if !options.contains_key(wanted) && !names.iter().any(|name| name == wanted) {
            return Err(TuneVerbError::FitLacks { wanted });
        }
    }
    let cli = Cli::command();
    let fit = cli.find_subcommand("fit").expect("it is a verb of ours");
    let known: Vec<String> = fit
        .get_arguments()
        .map(|argument| argument.get_id().to_string())
        .filter(|name| !OURS.contains(&name.as_str()))
        .collect();
    let given = options.keys().chain(names);
    for name in given {
        if !known.contains(name) {
            let near = nearest(name, known.iter().map(String::as_str));
            let name = name.clone();
            return Err(TuneVerbError::FitOption { name, near });
        }
    }
    Ok(())
}

/// Whether a fit tells a value of this name, and means the same by better.
fn check_objective(
    options: &Map<String, Value>,
    objective: &Objective,
) -> Result<(), TuneVerbError> {
    let name = objective.name.clone();
    let known = Metric::from_name(&name);
    let asked = options.get("metric").map(text_of);
    let asked = asked.and_then(|asked| Metric::from_name(&asked).ok());
    let metric = match (name.as_str(), known, asked) {
        ("score", _, Some(asked)) => asked,
        ("score" | "seconds" | "n_models" | "n_trials" | "n_started", ..) => return Ok(()),
        (_, Ok(known), None) if known.name() == name => known,
        (_, Ok(known), Some(asked)) if known.name() == name && known == asked => known,
        (_, Ok(known), None) => {
            let near = vec![known.name().to_owned()];
            return Err(TuneVerbError::FitObjective { name, near });
        }
        (_, _, Some(asked)) => {
            let near = vec![asked.name().to_owned()];
            return Err(TuneVerbError::FitObjective { name, near });
        }
        (_, Err(_), None) => {
            let near = nearest(&name, Metric::all().map(Metric::name));
            return Err(TuneVerbError::FitObjective { name, near });
        }
    };
    let (wanted, better) = if metric.higher_is_better() {
        (Direction::Maximize, "greater")
    } else {
        (Direction::Minimize, "smaller")
    };
    if objective.direction == wanted {
        return Ok(());
    }
    Err(TuneVerbError::FitDirection { name, better })
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
    let mut words = vec![
        std::env::current_exe()?.display().to_string(),
        "fit".to_owned(),
    ];
    for (name, value) in &all {
        let option = format!("--{}", name.replace('_', "-"));
        match value {
            _ if name == "data" => {}
            Value::Null | Value::Bool(false) => {}
            Value::Bool(true) => words.push(option),
            Value::Array(list) => {
                let texts: Vec<String> = list.iter().map(text_of).collect();
                words.push(format!("{option}={}", texts.join(",")));
            }
            other => words.push(format!("{option}={}", text_of(other))),
        }
    }
    words.push(format!("--output={}", folder.join(MODEL).display()));
    words.extend(["--overwrite", "--no-record", "--format=json", "--"].map(str::to_owned));
    words.extend(all.get("data").map(text_of));
    Ok(words)
}

/// What a fit tells: its best score after each trial as events on stderr, and its result on stdout.
#[derive(Debug, Default)]
pub(super) struct Ear {
    metric: String,
    output: String,
}

impl Ear {
    /// Takes in a line of stdout.
    pub(super) fn output(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
    }

    /// Takes in a line of stderr. Gives what [`Reading::take`] gives.
    pub(super) fn event(&mut self, line: &str, reading: &mut Reading) -> Option<(i64, Vec<f64>)> {
        let event: Value = serde_json::from_str(line).ok()?;
        if let Some(metric) = event["metric"].as_str() {
            metric.clone_into(&mut self.metric);
        }
        let score = event["best_score"].as_f64()?;
        let step = event["trial"].as_f64()?;
        let told = [("step", step), ("score", score), (&self.metric, score)];
        reading.take(&told.map(|(name, value)| (name.to_owned(), value)))
    }

    /// Takes in the result, once all of stdout is there.
    pub(super) fn end(&self, reading: &mut Reading) {
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
        assert!(matches!(wrong, Err(TuneVerbError::FitOption { near, .. }) if near == ["folds"]));
        let ours = check(&options, &["output".to_owned()], &[]);
        assert!(matches!(ours, Err(TuneVerbError::FitOption { .. })));
        let lacks = check(&map(&json!({ "data": "a.csv" })), &[], &[]);
        assert!(matches!(
            lacks,
            Err(TuneVerbError::FitLacks { wanted: "target" })
        ));
    }

    #[test]
    fn an_objective_is_what_fit_scores_by_and_better_the_way_it_is() {
        let judged = |options: Value, name: &str, direction| {
            let name = name.to_owned();
            check_objective(&map(&options), &Objective { name, direction })
        };
        let plain = || json!({});
        assert!(judged(plain(), "roc_auc", Direction::Maximize).is_ok());
        assert!(judged(plain(), "seconds", Direction::Minimize).is_ok());
        assert!(judged(json!({ "metric": "mae" }), "score", Direction::Minimize).is_ok());
        let contrary = judged(plain(), "roc_auc", Direction::Minimize);
        assert!(matches!(contrary, Err(TuneVerbError::FitDirection { .. })));
        let alias = judged(plain(), "auc", Direction::Maximize);
        assert!(
            matches!(alias, Err(TuneVerbError::FitObjective { near, .. }) if near == ["roc_auc"])
        );
        let other = judged(json!({ "metric": "mae" }), "rmse", Direction::Minimize);
        assert!(matches!(other, Err(TuneVerbError::FitObjective { near, .. }) if near == ["mae"]));
    }

    #[test]
    fn scores_are_read_by_the_name_of_the_metric() {
        let mut reading = Reading::new(vec!["rmse".to_owned()], Vec::new());
        let mut ear = Ear::default();
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
