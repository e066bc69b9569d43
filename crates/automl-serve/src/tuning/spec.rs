//! Studies as users write them.

use super::{Run, TuneError, warm};
use automl_core::nearest;
use automl_store::db::Sql;
use automl_store::studies::{self, Direction, NewStudy, StudiesError, Study};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_tune::{Algorithm, Objective, Space, SpaceSpec, Stopping};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The protocol of studies that are made here.
const PROTOCOL: &str = "automl";
/// The protocol of studies that Vizier's clients make, which this program proposes trials of, too.
pub(crate) const VIZIER: &str = "vizier";

/// What a study searches, for what, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The parameters and what no point may be.
    pub space: Space,
    /// What is made better.
    pub objectives: Vec<Objective>,
    /// What proposes trials.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// When running trials should end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopping>,
    /// Studies whose trials this one learns from, as they are when it is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warm_start: Vec<String>,
    /// Where all randomness comes from.
    #[serde(default)]
    pub seed: u64,
    /// How many trials are planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<usize>,
    /// How long a trial is held without a sign of its worker, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_s: Option<f64>,
    /// How often a lost trial is given out again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// How `automl tune` runs a trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
}

impl Spec {
    /// Reads a spec.
    ///
    /// # Errors
    /// If a part of it is missing, unknown or makes no sense.
    pub fn read(value: &Value) -> Result<Self, TuneError> {
        let unreadable = |error: serde_json::Error| TuneError::Spec {
            reason: error.to_string(),
        };
        // The space is read by itself, so that what is wrong with it has its own name.
        let mut rest = value.clone();
        let space = rest.get_mut("space").map(Value::take);
        let space = space.ok_or_else(|| TuneError::Spec {
            reason: "it has no 'space'".into(),
        })?;
        let space: SpaceSpec = serde_json::from_value(space).map_err(unreadable)?;
        let space = Space::try_from(space)?;
        if let Some(place) = rest.get_mut("space") {
            *place = json!(SpaceSpec::default());
        }
        let mut spec: Self = serde_json::from_value(rest).map_err(unreadable)?;
        spec.space = space;
        spec.check()?;
        Ok(spec)
    }

    /// Reads a spec from a text in YAML or JSON.
    ///
    /// # Errors
    /// If it is neither, and as [`Spec::read`].
    pub fn read_text(text: &str) -> Result<Self, TuneError> {
        // By the rules of today's YAML, in which a parameter may be called `y` or `no`.
        let rules = serde_saphyr::options! { strict_booleans: true };
        let read = serde_saphyr::from_str_with_options::<Value>(text, rules);
        let value = read.map_err(|error| TuneError::Spec {
            reason: error.to_string(),
        })?;
        Self::read(&value)
    }

    pub(crate) fn check(&self) -> Result<(), TuneError> {
        automl_tune::Study::new(self.space.clone(), self.objectives.clone())?;
        self.algorithm.check(self.objectives.len())?;
        if let Some(name) = self.stopping.as_ref().and_then(Stopping::objective) {
            let names = || self.objectives.iter().map(|own| own.name.as_str());
            if !names().any(|known| known == name) {
                let (near, name) = (nearest(name, names()), name.to_owned());
                return Err(TuneError::ObjectiveUnknown { name, near });
            }
        }
        let is_lease = |seconds: f64| seconds > 0.0 && seconds <= 1e9;
        if self.lease_s.is_some_and(|seconds| !is_lease(seconds)) {
            return Err(TuneError::Setting {
                field: "lease_s",
                wanted: "a positive number of seconds",
            });
        }
        let is_repeated = |(at, name): (usize, &String)| self.warm_start[..at].contains(name);
        if self.warm_start.iter().enumerate().any(is_repeated) {
            return Err(TuneError::Setting {
                field: "warm_start",
                wanted: "a list that names each study once",
            });
        }
        if self.retries.is_some_and(|retries| retries < 0) {
            return Err(TuneError::Setting {
                field: "retries",
                wanted: "at least 0",
            });
        }
        self.run.as_ref().map_or(Ok(()), Run::check)
    }

    fn text(&self) -> Result<String, TuneError> {
        serde_json::to_string(self).map_err(|error| TuneError::Spec {
            reason: error.to_string(),
        })
    }

    fn lease_ms(&self) -> Option<i64> {
        self.lease_s.map(|seconds| (seconds * 1000.0).ceil() as i64)
    }

    /// What tells this from a spec whose trials it could not go on with.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let differs = [
            // As they are written: what one was read from may say the same in another way.
            ("space", json!(self.space) != json!(other.space)),
            ("objectives", self.objectives != other.objectives),
            ("algorithm", self.algorithm != other.algorithm),
            ("seed", self.seed != other.seed),
            (
                "warm_start",
                !other.warm_start.is_empty() && self.warm_start != other.warm_start,
            ),
        ];
        differs.iter().find(|field| field.1).map(|field| field.0)
    }
}

/// Makes a study, and keeps with it what the studies that it learns from say by now.
///
/// # Errors
/// If there is one of this name, or the studies to learn from have nothing to say.
pub fn create(sql: &mut dyn Sql, name: &str, spec: &Spec) -> Result<Study, TuneError> {
    create_through(sql, name, spec, PROTOCOL)
}

/// An objective as the record has it.
pub fn recorded(own: &Objective) -> studies::Objective {
    studies::Objective {
        name: own.name.clone(),
        direction: match own.direction {
            automl_tune::Direction::Minimize => Direction::Minimize,
            automl_tune::Direction::Maximize => Direction::Maximize,
        },
    }
}

/// Makes a study that clients of a protocol know.
pub(crate) fn create_through(
    sql: &mut dyn Sql,
    name: &str,
    spec: &Spec,
    protocol: &'static str,
) -> Result<Study, TuneError> {
    // A field that is set is checked where the spec is read; one that a caller added is checked here.
    spec.check()?;
    let lessons = warm::gather(sql, spec)?;
    let new = NewStudy {
        name: name.to_owned(),
        protocol,
        objectives: spec.objectives.iter().map(recorded).collect(),
        spec: spec.text()?,
        lease_ms: spec.lease_ms(),
        n_retries: spec.retries.unwrap_or_default(),
    };
    let id = studies::create(sql, W, &new)?;
    warm::keep(sql, id, &lessons)?;
    Ok(studies::get(sql, W, id)?)
}

/// Makes a study, or goes on with the one of this name, which takes over what a spec may change: all but its space,
/// objectives, algorithm, seed and the studies that it learns from. Says what of `stopping`, `budget` and `run` is another than before.
///
/// # Errors
/// If what may not change differs, or another protocol made the study.
pub fn go_on(
    sql: &mut dyn Sql,
    name: &str,
    spec: &Spec,
) -> Result<(Study, Vec<&'static str>), TuneError> {
    let (study, known) = match open(sql, name) {
        Err(TuneError::Record(StudiesError::StudyMissing { .. })) => {
            return Ok((create(sql, name, spec)?, Vec::new()));
        }
        found => found?,
    };
    if let Some(field) = known.difference(spec) {
        let name = name.to_owned();
        return Err(TuneError::Differs { name, field });
    }
    let spec = Spec {
        warm_start: known.warm_start.clone(),
        space: known.space.clone(),
        ..spec.clone()
    };
    let changes = [
        ("stopping", known.stopping != spec.stopping),
        ("budget", known.budget != spec.budget),
        ("run", known.run != spec.run),
    ];
    if known != spec {
        let leases = (spec.lease_ms(), spec.retries.unwrap_or_default());
        studies::set_spec(sql, study.id, &spec.text()?, leases)?;
    }
    let changed = changes.iter().filter(|change| change.1);
    let changed = changed.map(|change| change.0).collect();
    Ok((studies::get(sql, W, study.id)?, changed))
}

/// The spec of a study whose trials this program proposes.
///
/// # Errors
/// If it was made through a protocol whose clients propose them.
pub fn spec_of(study: &Study) -> Result<Spec, TuneError> {
    check_protocol(study)?;
    serde_json::from_str(&study.spec).map_err(|error| TuneError::Spec {
        reason: error.to_string(),
    })
}

/// A study of a name whose trials this program proposes.
///
/// # Errors
/// If it is not there, or was made through a protocol whose clients propose them.
pub(super) fn named(sql: &mut dyn Sql, name: &str) -> Result<Study, TuneError> {
    let study = studies::by_name(sql, W, name)?;
    check_protocol(&study)?;
    Ok(study)
}

fn check_protocol(study: &Study) -> Result<(), TuneError> {
    if [PROTOCOL, VIZIER].contains(&study.protocol.as_str()) {
        return Ok(());
    }
    Err(TuneError::Foreign {
        name: study.name.clone(),
        protocol: study.protocol.clone(),
    })
}

/// A study of a name whose trials this program proposes, with its spec.
///
/// # Errors
/// If it is not there, or as [`spec_of`].
pub fn open(sql: &mut dyn Sql, name: &str) -> Result<(Study, Spec), TuneError> {
    let study = studies::by_name(sql, W, name)?;
    let spec = spec_of(&study)?;
    Ok((study, spec))
}
