//! Which models of a bag stay, by what they cost and what they are good for.

use super::thinned;
use crate::model::Part;
use crate::trial::TargetMap;
use automl_core::{Artifact, Model, PredictError, Predictions, TableView};
use automl_features::FittedRecipe;
use serde_json::json;
use std::sync::Arc;

/// A model that is so much work.
struct Work(f64);

impl Model for Work {
    fn predict(&self, rows: &TableView<'_>) -> Result<Predictions, PredictError> {
        Ok(Predictions::Numbers(vec![0.0; rows.n_rows()]))
    }

    fn row_work(&self) -> f64 {
        self.0
    }

    fn artifact(&self) -> Artifact {
        Artifact::new("work", json!({}))
    }
}

/// A bag of so many models of this weight together, each of this work.
fn bag(n_models: usize, weight: f64, work: f64) -> Vec<Part> {
    let recipe = Artifact::new("recipe", json!({ "recipe": { "steps": [] }, "inputs": [] }));
    let recipe = Arc::new(FittedRecipe::load(&recipe).unwrap());
    let part = |place: usize| Part {
        weight: weight / n_models as f64,
        recipe: recipe.clone(),
        target_map: TargetMap::Identity,
        ceiling: None,
        // Told apart by a little of their work.
        model: Arc::new(Work(work + place as f64 / 1000.0)),
    };
    (0..n_models).map(part).collect()
}

fn sizes(parts: &[Vec<Part>]) -> Vec<usize> {
    parts.iter().map(Vec::len).collect()
}

#[test]
fn what_a_row_has_room_for_stays_as_it_is() {
    let parts = vec![bag(8, 0.7, 10.0), bag(8, 0.3, 10.0)];
    assert_eq!(sizes(&thinned(parts, 161.0)), [8, 8]);
}

#[test]
fn heavy_members_keep_more_models_than_light_and_slow_ones() {
    let parts = vec![bag(8, 0.8, 10.0), bag(8, 0.1, 10.0), bag(8, 0.1, 100.0)];
    let kept = thinned(parts, 200.0);
    assert_eq!(sizes(&kept), [8, 1, 1]);
    let weight: f64 = kept.iter().flatten().map(|part| part.weight).sum();
    assert!((weight - 1.0).abs() < 1e-12, "shares stay");
}

#[test]
fn the_last_models_stay_since_splits_by_time_give_them_the_most_rows() {
    let kept = thinned(vec![bag(4, 1.0, 10.0)], 25.0);
    let works: Vec<f64> = kept[0].iter().map(|part| part.model.row_work()).collect();
    assert_eq!(works, [10.002, 10.003]);
}

#[test]
fn a_member_keeps_a_model_whatever_it_costs() {
    let kept = thinned(vec![bag(5, 0.5, 1e9), bag(1, 0.5, 1e9)], 1.0);
    assert_eq!(sizes(&kept), [1, 1]);
}
