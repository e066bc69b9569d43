//! A program of the user's in the place of a network.

use automl_core::Params;
use serde::{Deserialize, Serialize};

/// Which values of what a program tells are better.
#[derive(Params, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Small ones.
    Minimize,
    /// Large ones.
    Maximize,
}

/// What is run, and what it tells.
#[derive(Params, Debug, Clone, PartialEq)]
pub struct CommandParams {
    /// The program and its arguments, as a list. `{section.key}` in them stands for the value of a key, such as
    /// `{optimizer.learning_rate}`.
    #[param(default = String::new())]
    pub run: String,
    /// The number that counts, by the name under which the program prints it: `epoch=3 loss=0.31`, or as JSON.
    #[param(default = "loss".to_owned())]
    pub metric: String,
    /// Whether that is to be small or large: `minimize` or `maximize`.
    #[param(default = Goal::Minimize)]
    pub goal: Goal,
    /// Seconds that the program has to end once it is asked to (SIGTERM), before it is ended.
    #[param(default = 30.0, range = 0.0..=86_400.0)]
    pub grace_seconds: f64,
}

crate::network::param_serde!(CommandParams);

/// A program, as the section `model` names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum Program {
    /// One that is run.
    #[serde(rename = "command")]
    Command(CommandParams),
}

impl CommandParams {
    /// The program and its arguments.
    pub fn words(&self) -> Vec<String> {
        super::list_items(&self.run)
    }
}
