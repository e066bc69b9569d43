//! What is wrong with a configuration, and where.

use super::family::{Family, MODELS, Model};
use super::{ModelParams, Section};
use automl_core::{Coded, ParamError, nearest};

/// What is wrong with a configuration. Each knows the keys that lead to its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// No key is called that.
    #[error("no key is called '{}'", dotted(path))]
    UnknownKey {
        /// The keys that lead to it, itself the last.
        path: Vec<String>,
        /// Keys with a similar name, or all.
        near: Vec<String>,
    },
    /// A name stands for nothing.
    #[error("{} = '{name}' is not known", dotted(path))]
    UnknownName {
        /// The keys that lead to it.
        path: Vec<String>,
        /// The name.
        name: String,
        /// Known names that are similar, or all.
        near: Vec<String>,
    },
    /// A section belongs to networks of something else.
    #[error(
        "'{section}' is for networks of {family}, and model.type = {model} is one of {model_family}"
    )]
    OtherFamily {
        /// The section.
        section: &'static str,
        /// What networks have it.
        family: &'static str,
        /// The network.
        model: &'static str,
        /// What it is of.
        model_family: &'static str,
        /// Networks that have the section.
        fitting: Vec<&'static str>,
    },
    /// The file is a study, of which a training is one trial.
    #[error("'{key}' is of a study, not of a training")]
    Study {
        /// The first key that tells it.
        key: &'static str,
    },
    /// A file is no YAML.
    #[error("it is no YAML: {reason}")]
    Yaml {
        /// What the reader says.
        reason: String,
        /// The line, from 1.
        line: usize,
    },
    /// An override is no `key=value`.
    #[error("'{text}' does not set anything")]
    Set {
        /// What was given.
        text: String,
    },
    /// A value cannot stand there.
    #[error("'{}' {reason}", dotted(path))]
    Value {
        /// The keys that lead to it.
        path: Vec<String>,
        /// Why not, as the rest of the sentence.
        reason: String,
    },
}

impl ConfigError {
    pub(super) fn unknown<'a>(
        path: &[&str],
        key: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::UnknownKey {
            path: path
                .iter()
                .chain([&key])
                .map(|&key| key.to_owned())
                .collect(),
            near: near_or_all(key, known),
        }
    }

    pub(super) fn unknown_name<'a>(
        path: &[&str],
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self::UnknownName {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            name: name.to_owned(),
            near: near_or_all(name, known),
        }
    }

    pub(super) fn other_family(section: &Section, model: &ModelParams) -> Self {
        let fits = |model: &&Model| section.family.is_none_or(|family| family == model.family);
        Self::OtherFamily {
            section: section.name,
            family: section.family.map_or("all", Family::name),
            model: model.name(),
            model_family: model.family().name(),
            fitting: MODELS.iter().filter(fits).map(|model| model.name).collect(),
        }
    }

    pub(super) fn value(path: &[&str], reason: impl Into<String>) -> Self {
        Self::Value {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            reason: reason.into(),
        }
    }

    /// A parameter's own error, at its place in a section.
    pub(super) fn of(section: &str, error: &ParamError) -> Self {
        match error {
            ParamError::Unknown { name, near } => Self::UnknownKey {
                path: vec![section.to_owned(), name.clone()],
                near: near.clone(),
            },
            ParamError::Domain {
                name,
                value,
                domain,
            } => Self::value(&[section, name], format!("= {value} is outside {domain}")),
            other => Self::value(&[section], format!("cannot be used: {other}")),
        }
    }

    /// The keys that lead to the place.
    pub fn path(&self) -> Vec<String> {
        match self {
            Self::OtherFamily { section, .. } => vec![(*section).to_owned()],
            Self::Study { key } => vec![(*key).to_owned()],
            Self::UnknownKey { path, .. }
            | Self::UnknownName { path, .. }
            | Self::Value { path, .. } => path.clone(),
            Self::Yaml { .. } | Self::Set { .. } => Vec::new(),
        }
    }
}

impl Coded for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey { .. } => "config-key-unknown",
            Self::UnknownName { .. } => "config-name-unknown",
            Self::Value { .. } => "config-value",
            Self::OtherFamily { .. } => "config-family",
            Self::Study { .. } => "config-study",
            Self::Yaml { .. } => "config-yaml",
            Self::Set { .. } => "config-set",
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { near, .. } | Self::UnknownName { near, .. } if !near.is_empty() => {
                Some(format!("did you mean {}?", near.join(" or ")))
            }
            Self::UnknownKey { .. } => Some("`automl train --print-config` shows all keys".into()),
            Self::OtherFamily { fitting, .. } => Some(format!(
                "leave the section out, or set model.type to {}",
                fitting.join(" or ")
            )),
            Self::Study { .. } => Some(
                "`automl tune FILE` works through a study; the configuration of one training is what its run.train names"
                    .into(),
            ),
            Self::Set { .. } => {
                Some("write --set section.key=value, such as trainer.epochs=20".into())
            }
            _ => None,
        }
    }
}

/// A configuration's error with the file and the line that it comes from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}: {place}")]
pub struct PlacedError {
    /// What is wrong.
    pub error: ConfigError,
    /// `line 3 of train.yaml`, or `--set`.
    pub place: String,
}

impl Coded for PlacedError {
    fn code(&self) -> &'static str {
        self.error.code()
    }

    fn hint(&self) -> Option<String> {
        self.error.hint()
    }
}

fn dotted(path: &[String]) -> String {
    path.join(".")
}

fn near_or_all<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(name, known.iter().copied());
    if near.is_empty() {
        known.iter().map(|&name| name.to_owned()).collect()
    } else {
        near
    }
}
