//! Studies as users write them.

use super::{TuneError, warm};
use automl_store::db::Sql;
use automl_store::studies::{self, Direction, NewStudy, Study};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use automl_tune::{Algorithm, Objective, Space, SpaceSpec, Stopping};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The protocol of studies that are made here.
pub(super) const PROTOCOL: &str = "automl";

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
    #[serde(default)]
    pub retries: i64,
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
            *place = serde_json::json!(SpaceSpec::default());
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
        let value = serde_saphyr::from_str::<Value>(text).map_err(|error| TuneError::Spec {
            reason: error.to_string(),
        })?;
        Self::read(&value)
    }

    fn check(&self) -> Result<(), TuneError> {
        automl_tune::Study::new(self.space.clone(), self.objectives.clone())?;
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
        if self.retries < 0 {
            return Err(TuneError::Setting {
                field: "retries",
                wanted: "at least 0",
            });
        }
        Ok(())
    }
}

/// Makes a study, and keeps with it what the studies that it learns from say by now.
///
/// # Errors
/// If there is one of this name, or the studies to learn from have nothing to say.
pub fn create(sql: &mut dyn Sql, name: &str, spec: &Spec) -> Result<Study, TuneError> {
    // A field that is set is checked where the spec is read; one that a caller added is checked here.
    spec.check()?;
    let lessons = warm::gather(sql, spec)?;
    let text = serde_json::to_string(spec).map_err(|error| TuneError::Spec {
        reason: error.to_string(),
    })?;
    let objective = |own: &Objective| studies::Objective {
        name: own.name.clone(),
        direction: match own.direction {
            automl_tune::Direction::Minimize => Direction::Minimize,
            automl_tune::Direction::Maximize => Direction::Maximize,
        },
    };
    let new = NewStudy {
        name: name.to_owned(),
        protocol: PROTOCOL,
        objectives: spec.objectives.iter().map(objective).collect(),
        spec: text,
        lease_ms: spec.lease_s.map(|seconds| (seconds * 1000.0).ceil() as i64),
        n_retries: spec.retries,
    };
    let id = studies::create(sql, W, &new)?;
    warm::keep(sql, id, &lessons)?;
    Ok(studies::get(sql, W, id)?)
}

/// The spec of a study that was made here.
///
/// # Errors
/// If another protocol made it.
pub fn spec_of(study: &Study) -> Result<Spec, TuneError> {
    if study.protocol != PROTOCOL {
        return Err(TuneError::Foreign {
            name: study.name.clone(),
            protocol: study.protocol.clone(),
        });
    }
    serde_json::from_str(&study.spec).map_err(|error| TuneError::Spec {
        reason: error.to_string(),
    })
}

/// A study of a name that was made here, with its spec.
///
/// # Errors
/// If it is not there, or another protocol made it.
pub fn open(sql: &mut dyn Sql, name: &str) -> Result<(Study, Spec), TuneError> {
    let study = studies::by_name(sql, W, name)?;
    let spec = spec_of(&study)?;
    Ok((study, spec))
}
