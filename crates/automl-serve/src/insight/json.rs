//! The figures as JSON.

use super::Insight;
use crate::tuning::{self, number};
use serde_json::{Map, Value, json};

impl Insight {
    /// All figures that pages and reports show, without the trials themselves: `automl study export` has those.
    pub fn figures(&self) -> Value {
        let names: Vec<&str> = self
            .objectives
            .iter()
            .map(|own| own.name.as_str())
            .collect();
        let values = |values: &[f64]| -> Value {
            let pairs = names.iter().zip(values);
            let pairs: Map<String, Value> = pairs
                .map(|(name, &value)| ((*name).to_owned(), number(value)))
                .collect();
            Value::Object(pairs)
        };
        let best: Vec<Value> = self
            .best()
            .map(|(number, own, params)| json!({ "number": number, "values": values(own), "params": params }))
            .collect();
        let by_name = |each: &dyn Fn(usize) -> Value| -> Map<String, Value> {
            let all = names.iter().enumerate();
            all.map(|(k, name)| ((*name).to_owned(), each(k))).collect()
        };
        let importance = by_name(&|k| {
            let own = self.weights[k].iter();
            own.map(|own| json!({ "parameter": own.parameter, "ped_anova": own.ped_anova, "fanova": own.fanova }))
                .collect()
        });
        let history = by_name(&|k| {
            let own = self.best_so_far(k).into_iter();
            own.map(|(trial, value)| json!({ "trial": trial, "best": value }))
                .collect()
        });
        let states: Map<String, Value> = (self.states().into_iter())
            .map(|(state, n)| (state.to_owned(), json!(n)))
            .collect();
        let duration = self.duration_us().map(|us| us as f64 / 1e6);
        json!({
            "study": tuning::study_view(&self.study),
            "objectives": self.objectives,
            "states": states,
            "duration_s": duration,
            "best": best,
            "importance": importance,
            "history": history,
        })
    }

    /// Each trial that was better in an objective than all before it, with its value.
    pub(crate) fn best_so_far(&self, objective: usize) -> Vec<(i64, f64)> {
        let mut least = f64::INFINITY;
        let mut found = Vec::new();
        for (at, value) in self.scored(objective) {
            let loss = self.loss(objective, value);
            if loss < least {
                least = loss;
                found.push((self.rows[at].number, value));
            }
        }
        found
    }
}
