//! The file of a pipeline: steps, each a model or several together.

use crate::errors::RecordError;
use automl_core::nearest;
use automl_data::{DataError, without_place};
use automl_engine::Together;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Error as YamlError;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// All that the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PipelineFile {
    pub(super) steps: Vec<StepFile>,
    /// Of two classes, the probability above which the second is predicted.
    #[serde(default)]
    pub(super) threshold: Option<f64>,
}

/// A step: one of `model`, `mean` and `vote`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepFile {
    pub(super) name: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    mean: Option<Vec<Weighed>>,
    #[serde(default)]
    vote: Option<Vec<Weighed>>,
    /// The columns that its outputs become.
    #[serde(default)]
    pub(super) adds: Option<BTreeMap<String, String>>,
}

/// A model among others: its reference, or that with a weight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    pub(super) model: String,
    pub(super) weight: f64,
}

impl<'de> Deserialize<'de> for Weighed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Whole {
            model: String,
            #[serde(default = "once")]
            weight: f64,
        }
        struct NameOrWhole;
        impl<'de> Visitor<'de> for NameOrWhole {
            type Value = Weighed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model such as churn/3, or one with a weight")
            }

            fn visit_str<E>(self, model: &str) -> Result<Weighed, E> {
                Ok(Weighed {
                    model: model.to_owned(),
                    weight: once(),
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Weighed, A::Error> {
                let whole = Whole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Weighed {
                    model: whole.model,
                    weight: whole.weight,
                })
            }
        }
        deserializer.deserialize_any(NameOrWhole)
    }
}

fn once() -> f64 {
    1.0
}

impl PipelineFile {
    /// Reads a file; gives its text, too.
    ///
    /// # Errors
    /// It is not there, or is not such a file: the line and what is wrong there.
    pub(super) fn read(path: &Path) -> anyhow::Result<(String, Self)> {
        let place = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => DataError::NotFound {
                path: place.clone(),
                near: Vec::new(),
            },
            _ => DataError::reading(place.clone(), error),
        })?;
        let file = Self::parse(&text, &place)?;
        Ok((text, file))
    }

    /// Reads a text, which is YAML and so may be JSON; `place` names it in messages.
    ///
    /// # Errors
    /// An unknown key, or anything else that does not belong there.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, RecordError> {
        // By the rules of today's YAML, in which an output may be called `no`.
        let rules = serde_saphyr::options! { strict_booleans: true };
        let file: Self = serde_saphyr::from_str_with_options(text, rules).map_err(|error| {
            let error = error.without_snippet();
            let line = error.location().map_or(1, |location| location.line());
            let (reason, near) = match error {
                YamlError::SerdeUnknownField {
                    field, expected, ..
                } => {
                    let near = nearest(field, expected.iter().copied());
                    (format!("no key is called '{field}'"), near)
                }
                other => (without_place(&other.to_string()), Vec::new()),
            };
            RecordError::PipelineFile {
                place: place.to_owned(),
                line,
                reason,
                near,
            }
        })?;
        match file.threshold {
            Some(threshold) if !(0.0..=1.0).contains(&threshold) => {
                Err(RecordError::PipelineFile {
                    place: place.to_owned(),
                    line: 1,
                    reason: format!("the threshold {threshold} is no probability"),
                    near: Vec::new(),
                })
            }
            _ => Ok(file),
        }
    }
}

impl StepFile {
    /// Its models, and how they say one thing.
    ///
    /// # Errors
    /// Not one of `model`, `mean` and `vote` is said.
    pub(super) fn models(&self) -> Result<(Together, Vec<Weighed>), RecordError> {
        let alone = |model: &String| {
            let one = Weighed {
                model: model.clone(),
                weight: once(),
            };
            (Together::Alone, vec![one])
        };
        let said = [
            self.model.as_ref().map(alone),
            self.mean.clone().map(|models| (Together::Mean, models)),
            self.vote.clone().map(|models| (Together::Vote, models)),
        ];
        let mut said = said.into_iter().flatten();
        match (said.next(), said.next()) {
            (Some(one), None) => Ok(one),
            (first, _) => Err(RecordError::PipelineStep {
                is_empty: first.is_none(),
            }),
        }
    }
}
