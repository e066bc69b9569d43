//! `automl train` as what is tuned: keys of its configuration by name, and what it tells of each epoch.

use super::call::{Params, text_of};
use super::own::{self, Ear, MODEL, Scores, forgiving_absence};
use super::reading::{Reading, numbers};
use crate::commands::train::read_files;
use crate::errors::TuneVerbError;
use automl_core::metrics::Metric;
use automl_neural::config::{ConfigError, Layer, PlacedError, TrainConfig};
use automl_serve::tuning::{self, Spec};
use automl_store::studies::{Objective, Study};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const VERB: &str = "train";
/// Options that are set for each trial here, or with which nothing is trained.
const OURS: [&str; 7] = [
    "output",
    "overwrite",
    "resume",
    "print_config",
    "print_schema",
    "format",
    "no_record",
];
/// Options that are lists here.
const LISTS: [&str; 2] = ["config", "set"];
/// What is told of a training besides metrics.
const OTHERS: [&str; 4] = ["train_loss", "seconds", "n_epochs", "n_steps"];
/// The key of the metrics, which are the objectives where the configuration names none.
const METRICS: &str = "metrics";
/// The file in the folder of a trial that says what its training is, so that only the same one is gone on with.
pub(super) const TRAINING: &str = "training.yaml";
/// The file beside it that says of which study and which data it is.
const ORIGIN: &str = "origin.json";
/// What an earlier training leaves in the folder of a trial.
const REMAINS: [&str; 2] = [MODEL, "model.run"];

/// What the trials of a study train: the configuration as its files were when `automl tune` began.
pub(super) struct Base {
    options: Map<String, Value>,
    /// Name and content of each file of the configuration.
    files: Vec<(String, String)>,
    /// What is set over them, whatever the trial.
    sets: Vec<String>,
}

impl Base {
    /// Reads the files of the configuration.
    ///
    /// # Errors
    /// An option is not known or not to be set, or a file cannot be read or is no configuration.
    pub(super) fn read(
        options: &Map<String, Value>,
        objectives: &[String],
    ) -> anyhow::Result<Self> {
        own::check_options(VERB, &OURS, options.keys())?;
        let paths = list(options.get("config"));
        if paths.is_empty() {
            let wanted = "config";
            return Err(TuneVerbError::Lacks { verb: VERB, wanted }.into());
        }
        let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
        let mut base = Self {
            options: options.clone(),
            files: read_files(&paths)?,
            sets: match options.get("set") {
                Some(Value::Object(map)) => map.iter().map(assigned).collect(),
                said => list(said),
            },
        };
        // A training that is judged by a metric also keeps the epoch that is best by it.
        let is_metric = |name: &&String| Metric::from_name(name).is_ok();
        let metrics: Vec<&String> = objectives.iter().filter(is_metric).collect();
        if base.config(&Params::new())?.metrics.is_empty() && !metrics.is_empty() {
            base.sets
                .push(assigned((&METRICS.to_owned(), &json!(metrics))));
        }
        Ok(base)
    }

    /// What `--set` is to be given for a trial.
    fn sets_of(&self, params: &Params) -> Vec<String> {
        let params = params.iter().map(assigned);
        self.sets.iter().cloned().chain(params).collect()
    }

    fn config(&self, params: &Params) -> Result<TrainConfig, PlacedError> {
        let files = self.files.iter();
        let layers: Vec<Layer<'_>> = files.map(|(name, text)| Layer { name, text }).collect();
        TrainConfig::read(&layers, &self.sets_of(params))
    }

    /// Whether each trial will have a configuration, and tell a value for each objective.
    ///
    /// # Errors
    /// A parameter is no key of the configuration, has values that it cannot have, or an objective is never told.
    pub(super) fn check(&self, spec: &Spec, objectives: &[Objective]) -> anyhow::Result<()> {
        for params in tuning::probes(spec)? {
            if let Err(PlacedError { error, .. }) = self.config(&params) {
                return Err(misfit(error, &params).into());
            }
        }
        let config = self.config(&Params::new())?;
        let scores = Scores {
            verb: VERB,
            asked: &config.metrics,
            others: &OTHERS,
        };
        let mut names = spec.space.parameters().iter().map(|own| own.name.as_str());
        let is_held_out =
            config.data.validation_share > 0.0 || names.any(|name| name == "data.validation_share");
        for objective in objectives {
            scores.check(objective)?;
            if !is_held_out && !OTHERS.contains(&objective.name.as_str()) {
                let name = objective.name.clone();
                return Err(TuneVerbError::NotScored { name }.into());
            }
        }
        Ok(())
    }

    /// The command of a trial. It goes on with what an earlier attempt at the same training, for the same study and on the same
    /// data, left in the trial's folder; what another one left is removed.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn words(
        &self,
        params: &Params,
        (folder, study): (&Path, &Study),
        n_threads: Option<usize>,
    ) -> anyhow::Result<Attempt> {
        let config = self.config(params)?;
        let (training, origin) = (config.to_yaml(), origin(study, &config.data.path));
        let (place, beside) = (folder.join(TRAINING), folder.join(ORIGIN));
        let is = |path: &Path, wanted: &str| {
            std::fs::read_to_string(path).is_ok_and(|before| before == wanted)
        };
        let goes_on = is(&place, &training) && is(&beside, &origin);
        if !goes_on {
            for name in REMAINS {
                forgiving_absence(std::fs::remove_dir_all(folder.join(name)))?;
            }
            std::fs::write(&place, training)?;
            std::fs::write(&beside, origin)?;
        }
        let mut words = own::words(VERB)?;
        for (name, value) in &self.options {
            if !LISTS.contains(&name.as_str()) {
                words.extend(own::option(name, value));
            }
        }
        if let Some(n_threads) = n_threads.filter(|_| !self.options.contains_key("threads")) {
            words.push(format!("--threads={n_threads}"));
        }
        words.push(format!("--output={}", folder.join(MODEL).display()));
        words.push(if goes_on { "--resume" } else { "--overwrite" }.to_owned());
        words.extend(["--no-record", "--format=json", "--"].map(str::to_owned));
        words.push(place.display().to_string());
        Ok(Attempt { words, goes_on })
    }
}

/// How a trial is tried.
pub(super) struct Attempt {
    pub(super) words: Vec<String>,
    /// Whether it goes on where an earlier one was ended.
    pub(super) goes_on: bool,
}

/// What a training is of besides its configuration: the study that wants it, and the data as they are now.
fn origin(study: &Study, data: &str) -> String {
    // A name of registered data, whose versions never change, has no file; what cannot be read, the training tells.
    let about = std::fs::metadata(data).ok();
    let changed = about.as_ref().and_then(|about| {
        let since = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(since.as_nanos()).ok()
    });
    let origin = json!({
        "study": study.name,
        "study_id": study.id,
        "created_us": study.created_us,
        "data": data,
        "data_bytes": about.map(|about| about.len()),
        "data_changed_ns": changed,
    });
    format!("{origin:#}\n")
}

/// `key=value`, as `--set` takes it: a text in quotes, so that none is taken for a number, and whole numbers as such.
fn assigned((key, value): (&String, &Value)) -> String {
    /// Above this not every integer is a number.
    const WHOLE_MAX: f64 = 9.007_199_254_740_992e15;
    let whole = value.as_f64();
    match whole.filter(|number| number.fract() == 0.0 && number.abs() < WHOLE_MAX) {
        Some(whole) => format!("{key}={}", whole as i64),
        None => format!("{key}={value}"),
    }
}

/// One text or a list of them.
fn list(said: Option<&Value>) -> Vec<String> {
    match said {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.iter().map(text_of).collect(),
        Some(one) => vec![text_of(one)],
    }
}

/// Why a configuration cannot be had with these parameters.
fn misfit(error: ConfigError, params: &Params) -> TuneVerbError {
    let ConfigError::UnknownKey { path, near } = &error else {
        return TuneVerbError::Config { error };
    };
    let name = path.join(".");
    // A key may lead to nothing somewhere on its way.
    let is_of = |param: &&String| **param == name || param.starts_with(&format!("{name}."));
    let Some(name) = params.keys().find(is_of).cloned() else {
        return TuneVerbError::Config { error };
    };
    let before = &path[..path.len() - 1];
    let dotted = |near: &String| {
        let keys = before.iter().chain([near]).map(String::as_str);
        keys.collect::<Vec<_>>().join(".")
    };
    let near = near.iter().map(dotted).collect();
    TuneVerbError::Key { name, near }
}

/// What a training tells: its scores after each epoch as events on stderr, and its result on stdout.
#[derive(Debug, Default)]
pub(super) struct TrainEar {
    output: String,
    /// The epochs that were told, of all attempts: each with its loss and its scores.
    epochs: Vec<(Option<u64>, Value, Value)>,
    /// Seconds of earlier attempts, and of this one by its last epoch.
    seconds_before: f64,
    seconds: f64,
}

impl TrainEar {
    /// What was told of the epoch that is kept.
    fn best(&self, told: &Map<String, Value>) -> Option<&(Option<u64>, Value, Value)> {
        let mut latest = self.epochs.iter().rev();
        if let Some(best) = told.get("best_epoch").and_then(Value::as_u64) {
            return latest.find(|(epoch, ..)| *epoch == Some(best));
        }
        // One that had ended before tells only its scores.
        let score = |told: &Value| scores(told, None);
        let wanted = told
            .get("scores")
            .map(score)
            .filter(|all| !all.is_empty())?;
        self.epochs.iter().find(|(.., told)| {
            let told = score(told);
            wanted
                .iter()
                .all(|one| one.0 == "score" || told.contains(one))
        })
    }
}

/// Scores by metric; the first of a list, or the one of `metric`, is the score.
fn scores(told: &Value, metric: Option<&str>) -> Vec<(String, f64)> {
    let mut scores = match told {
        Value::Array(list) => {
            let pairs = list
                .iter()
                .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone())));
            numbers(pairs)
        }
        Value::Object(map) => numbers(map.clone()),
        _ => Vec::new(),
    };
    let is_score = |(name, _): &&(String, f64)| metric.is_none_or(|metric| metric == name);
    if let Some(&(_, score)) = scores.iter().find(is_score) {
        scores.push(("score".to_owned(), score));
    }
    scores
}

impl Ear for TrainEar {
    fn output(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
    }

    fn event(&mut self, line: &str, reading: &mut Reading) -> Option<(i64, Vec<f64>)> {
        let event: Value = serde_json::from_str(line).ok()?;
        if event["event"] != "epoch-finished" {
            return None;
        }
        let facts = [
            ("step", "epoch"),
            ("n_epochs", "epoch"),
            ("n_steps", "step"),
            ("train_loss", "loss"),
        ];
        let facts = facts.map(|(name, of)| (name.to_owned(), event[of].clone()));
        let mut told = numbers(facts);
        if let Some(seconds) = event["at_seconds"].as_f64() {
            // The clock of each attempt begins anew.
            if seconds < self.seconds {
                self.seconds_before += self.seconds;
            }
            self.seconds = seconds;
            told.push(("seconds".to_owned(), self.seconds_before + seconds));
        }
        self.epochs.push((
            event["epoch"].as_u64(),
            event["loss"].clone(),
            event["scores"].clone(),
        ));
        told.extend(scores(&event["scores"], None));
        reading.take(&told)
    }

    fn end(&self, reading: &mut Reading) {
        let Ok(Value::Object(told)) = serde_json::from_str(&self.output) else {
            return;
        };
        let mut all = scores(
            told.get("scores").unwrap_or(&Value::Null),
            told.get("metric").and_then(Value::as_str),
        );
        let loss = self.best(&told);
        let loss = loss.map(|(_, loss, _)| ("train_loss".to_owned(), loss.clone()));
        all.extend(numbers(loss));
        let mut facts = numbers(told);
        for (name, value) in &mut facts {
            if name == "seconds" {
                *value += self.seconds_before;
            }
        }
        all.extend(facts);
        reading.take(&all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_store::studies::{Direction, StudyState};
    use std::cell::RefCell;

    fn study() -> Study {
        Study {
            id: 1,
            name: "s".into(),
            protocol: "automl".into(),
            state: StudyState::Active,
            objectives: Vec::new(),
            spec: "{}".into(),
            lease_ms: None,
            n_retries: 0,
            created_us: 5,
            n_trials: 1,
            n_events: 1,
        }
    }

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    /// A configuration of a network on the churn table, in a folder of its own.
    fn base(folder: &Path, more: &Value) -> Map<String, Value> {
        let file = folder.join("net.yaml");
        std::fs::write(
            &file,
            "data: {path: a.csv, target: y}\ntrainer: {epochs: 3}\n",
        )
        .expect("the folder can be written");
        let mut options = map(&json!({ "config": file }));
        options.extend(map(more));
        options
    }

    /// What is said of a study over a configuration.
    fn checked(
        parameters: &Value,
        objective: (&str, Direction),
        more: &Value,
    ) -> anyhow::Result<()> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = base(folder.path(), more);
        let (name, direction) = (objective.0.to_owned(), objective.1);
        let spec = Spec::read(&json!({
            "objectives": [{ "name": name }], "space": { "parameters": parameters },
        }))?;
        let base = Base::read(&options, std::slice::from_ref(&name))?;
        base.check(&spec, &[Objective { name, direction }])
    }

    fn told(parameters: &Value) -> String {
        let done = checked(parameters, ("rmse", Direction::Minimize), &json!({}));
        done.expect_err("it does not fit").to_string()
    }

    #[test]
    fn parameters_are_keys_of_the_configuration_within_its_bounds() {
        let rate = |name: &str, high: f64| json!([{ "name": name, "type": "float", "low": 1e-4, "high": high, "scale": "log" }]);
        let minimize = ("rmse", Direction::Minimize);
        assert!(checked(&rate("optimizer.learning_rate", 0.1), minimize, &json!({})).is_ok());
        let unknown = told(&rate("optimizer.learning_rates", 0.1));
        assert_eq!(
            unknown,
            "the parameter 'optimizer.learning_rates' is no key of the configuration"
        );
        let deep = told(&rate("optimiser.learning_rate", 0.1));
        assert_eq!(
            deep,
            "the parameter 'optimiser.learning_rate' is no key of the configuration"
        );
        let beyond = told(&rate("data.validation_share", 5.0));
        assert!(
            beyond.contains("'data.validation_share' = 5 is outside"),
            "{beyond}"
        );
    }

    #[test]
    fn keys_of_a_network_are_known_where_it_is_the_one() {
        let parameters = |kind: &str| {
            json!([
                { "name": "model.type", "type": "categorical", "values": ["mlp", "tabm"] },
                { "name": "model.members", "type": "integer", "low": 2, "high": 8,
                  "when": [{ "parameter": "model.type", "values": [kind] }] },
            ])
        };
        let minimize = ("rmse", Direction::Minimize);
        assert!(checked(&parameters("tabm"), minimize, &json!({})).is_ok());
        assert!(told(&parameters("mlp")).contains("'model.members'"));
    }

    #[test]
    fn an_objective_is_told_by_the_training() {
        let none = json!([]);
        let judged = |name, direction, more: Value| checked(&none, (name, direction), &more);
        assert!(judged("roc_auc", Direction::Maximize, json!({})).is_ok());
        assert!(judged("seconds", Direction::Minimize, json!({})).is_ok());
        assert!(judged("roc_auc", Direction::Minimize, json!({})).is_err());
        let other = json!({ "set": { "metrics": ["mae"] } });
        assert!(judged("mae", Direction::Minimize, other.clone()).is_ok());
        assert!(judged("rmse", Direction::Minimize, other).is_err());
        let all = json!({ "set": ["data.validation_share=0"] });
        assert!(judged("rmse", Direction::Minimize, all.clone()).is_err());
        assert!(judged("train_loss", Direction::Minimize, all).is_ok());
        assert!(judged("rmse", Direction::Minimize, json!({ "output": "m" })).is_err());
    }

    #[test]
    fn the_same_training_is_gone_on_with_and_another_begins_anew() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = base(
            folder.path(),
            &json!({ "threads": 2, "set": "trainer.seed=7" }),
        );
        let base = Base::read(&options, &["rmse".to_owned()]).expect("it is a configuration");
        // What becomes of it while trials run is no matter.
        std::fs::write(folder.path().join("net.yaml"), "?").expect("the folder can be written");
        let study = RefCell::new(study());
        let words = |epochs: f64| {
            let params = map(&json!({ "trainer.epochs": epochs, "model.type": "mlp" }));
            base.words(&params, (folder.path(), &study.borrow()), Some(1))
                .expect("the folder can be written")
        };
        let first = words(4.0);
        let own: Vec<&str> = first.words[1..].iter().map(String::as_str).collect();
        let place = folder.path().display();
        let wanted = format!(
            "train --threads=2 --output={place}/model --overwrite --no-record --format=json -- {place}/training.yaml"
        );
        assert_eq!(own, wanted.split(' ').collect::<Vec<_>>());
        let training = std::fs::read_to_string(folder.path().join(TRAINING)).expect("it is there");
        let training = TrainConfig::read(
            &[Layer {
                name: TRAINING,
                text: &training,
            }],
            &[],
        );
        let training = training.expect("it is a configuration");
        assert_eq!(training.metrics.len(), 1);
        assert!(training.to_yaml().contains("seed: 7"));
        assert!(!first.goes_on && words(4.0).goes_on && !words(5.0).goes_on);
        let left = folder.path().join("model.run");
        std::fs::create_dir(&left).expect("the folder can be written");
        assert!(words(5.0).goes_on && left.exists());
        // Another study took the name of one that was deleted.
        study.borrow_mut().created_us += 1;
        assert!(!words(5.0).goes_on && !left.exists());
    }

    #[test]
    fn epochs_are_measurements_and_the_best_of_them_is_the_result() {
        let mut reading = Reading::new(vec!["rmse".to_owned()], Vec::new());
        let mut ear = TrainEar::default();
        let event =
            r#"{"event":"epoch-finished","epoch":2,"step":8,"loss":0.5,"scores":[["rmse",1.5]]}"#;
        assert_eq!(ear.event(event, &mut reading), Some((2, vec![1.5])));
        assert_eq!(ear.event(r#"{"event":"phase"}"#, &mut reading), None);
        ear.output(r#"{"metric":"rmse","scores":[["rmse",1.25]],"best_epoch":1}"#);
        ear.end(&mut reading);
        assert_eq!(reading.values(), Ok(vec![1.25]));
    }

    #[test]
    fn what_is_told_of_a_training_is_of_all_attempts() {
        let names = ["seconds", "train_loss", "n_epochs"].map(str::to_owned);
        let heard = |result: &str| {
            let mut reading = Reading::new(names.to_vec(), Vec::new());
            let mut ear = TrainEar::default();
            for (epoch, loss, seconds, score) in [
                (1, 0.5, 3.0, 1.0),
                (2, 0.25, 5.0, 0.5),
                (3, 0.125, 1.0, 2.0),
            ] {
                let event = json!({
                    "event": "epoch-finished", "epoch": epoch, "step": epoch, "loss": loss,
                    "at_seconds": seconds, "scores": [["rmse", score]],
                });
                ear.event(&event.to_string(), &mut reading);
            }
            ear.output(result);
            ear.end(&mut reading);
            reading.values().expect("all are told")
        };
        let ended =
            r#"{"scores": [["rmse", 0.5]], "best_epoch": 2, "n_epochs": 3, "seconds": 2.0}"#;
        assert_eq!(heard(ended), [7.0, 0.25, 3.0]);
        let ended_before = r#"{"has_ended_before": true, "scores": {"rmse": 0.5}}"#;
        assert_eq!(heard(ended_before), [6.0, 0.25, 3.0]);
    }
}
