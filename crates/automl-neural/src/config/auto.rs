//! Keys that may be left to the training, and what a network says where a file says nothing.

use super::TrainConfig;
use crate::train::{Auto, Chosen, Course, OptimizerParams, ScheduleKind, TrainerParams};
use automl_core::{ParamSpec, Params};
use serde_json::{Map, Value};

/// What leaves a key to the training.
pub(super) const AUTO: &str = "auto";

/// A key that may say so.
pub(super) struct AutoKey {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    specs: &'static [ParamSpec],
    /// Whether it does.
    pub(super) is_set: fn(Auto) -> bool,
}

/// The keys that may.
pub(super) const KEYS: [AutoKey; 2] = [
    AutoKey {
        section: "optimizer",
        key: "learning_rate",
        specs: OptimizerParams::SPECS,
        is_set: |auto| auto.learning_rate,
    },
    AutoKey {
        section: "trainer",
        key: "batch_size",
        specs: TrainerParams::SPECS,
        is_set: |auto| auto.batch_size,
    },
];

impl AutoKey {
    /// The names of the key.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let spec = self.specs.iter().find(|spec| spec.name == self.key);
        let spec = spec.expect("the key is one of its section");
        std::iter::once(spec.name).chain(spec.aliases.iter().copied())
    }

    /// Takes the key out of its section if it is left to the training; gives whether it was.
    fn take(&self, section: &mut Value) -> bool {
        let Some(map) = section.as_object_mut() else {
            return false;
        };
        let mut is_auto = false;
        for name in self.names() {
            if map.get(name).and_then(Value::as_str) == Some(AUTO) {
                map.shift_remove(name);
                is_auto = true;
            }
        }
        is_auto
    }
}

/// Takes the keys that are left to the training out of the two sections that have such.
pub(super) fn take(optimizer: &mut Value, trainer: &mut Value) -> Auto {
    let [learning_rate, batch_size] = &KEYS;
    Auto {
        learning_rate: learning_rate.take(optimizer),
        batch_size: batch_size.take(trainer),
    }
}

/// A section as a file says it, and in what it leaves out as the network has it.
pub(super) fn with_usual(said: Option<&Value>, usual: &Value, specs: &[ParamSpec]) -> Value {
    let said = said.cloned().unwrap_or(Value::Null);
    let Some(usual) = usual.as_object() else {
        return said;
    };
    let mut section = match said {
        Value::Null => Map::new(),
        Value::Object(map) => map,
        // What reads the section says what is wrong with it.
        other => return other,
    };
    for (key, value) in usual {
        let spec = specs.iter().find(|spec| spec.name == key);
        let aliases = spec.map_or(&[][..], |spec| spec.aliases);
        let is_said = |name: &str| section.contains_key(name);
        if !is_said(key) && !aliases.iter().any(|alias| is_said(alias)) {
            section.insert(key.clone(), value.clone());
        }
    }
    Value::Object(section)
}

impl TrainConfig {
    /// Puts what a training chose in the place of what was left to it.
    pub fn settle(&mut self, chosen: &Chosen) {
        if let Some(rate) = chosen.learning_rate.filter(|_| self.auto.learning_rate) {
            self.optimizer.learning_rate = rate;
            self.auto.learning_rate = false;
        }
        if let Some(rows) = chosen.batch_size.filter(|_| self.auto.batch_size) {
            self.trainer.batch_size = rows;
            self.auto.batch_size = false;
        }
    }

    /// Whether each step of a training is the same however many there will be, so that a training may be made longer.
    pub fn is_open_ended(&self) -> bool {
        let schedule = &self.schedule;
        let does_not_fall = matches!(
            schedule.r#type,
            ScheduleKind::Constant | ScheduleKind::Plateau
        );
        let courses = [schedule.weight_decay, schedule.dropout];
        does_not_fall && courses.iter().all(|course| *course == Course::Constant)
    }

    /// Whether a training of this would be one of `written`, which was settled: what is left to it may be anything there.
    pub fn may_have_become(&self, written: &Self) -> bool {
        let mut settled = self.clone();
        settled.settle(&Chosen {
            learning_rate: Some(written.optimizer.learning_rate),
            batch_size: Some(written.trainer.batch_size),
            range_steps: None,
        });
        settled == *written
    }
}
