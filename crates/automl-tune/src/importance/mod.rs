//! How much each parameter matters, from the trials of a study.
//!
//! Both measures give a share for every parameter that at least two trials were active in; the shares sum to one, or are all
//! zero where nothing matters. They speak of one objective, whose trials without a value are left out.

mod fanova;
mod forest;
mod ped_anova;
#[cfg(test)]
mod tests;

pub use fanova::fanova;
pub use ped_anova::ped_anova;

use crate::space::Space;
use crate::study::Study;
use automl_core::ParamMap;

/// The share of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// The parameter.
    pub parameter: String,
    /// Its share, from 0 to 1.
    pub share: f64,
}

/// Points of a space with the loss of each: what a measure of importance looks at.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    space: &'a Space,
    /// Coordinates, not a number where a parameter is not active, and the loss.
    points: Vec<(Vec<f64>, f64)>,
}

impl<'a> Evidence<'a> {
    /// The complete trials of a study by one of its objectives.
    pub fn of(study: &'a Study, objective: usize) -> Self {
        let complete = study.finished().iter().filter(|seen| seen.is_complete);
        let points =
            complete.filter_map(|seen| Some((seen.at.clone(), *seen.losses.get(objective)?)));
        Self {
            space: study.space(),
            points: points.collect(),
        }
    }

    /// Points of any origin. Conditions of the space are not looked at: a parameter counts as active where a point has a
    /// value of its domain. Losses that are not finite are left out.
    pub fn new<'p>(
        space: &'a Space,
        points: impl IntoIterator<Item = (&'p ParamMap, f64)>,
    ) -> Self {
        let named: Vec<_> = space.parameters().iter().zip(space.axes()).collect();
        let coordinates = |point: &ParamMap| -> Vec<f64> {
            let each = named.iter().map(|(parameter, axis)| {
                let value = point.get(&parameter.name);
                value
                    .and_then(|value| axis.coordinate(value))
                    .unwrap_or(f64::NAN)
            });
            each.collect()
        };
        let finite = points.into_iter().filter(|(_, loss)| loss.is_finite());
        Self {
            space,
            points: finite
                .map(|(point, loss)| (coordinates(point), loss))
                .collect(),
        }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

/// Raw weights as shares, greatest first.
fn shares(space: &Space, weights: &[f64]) -> Vec<Importance> {
    let total: f64 = weights.iter().sum();
    let mut shares: Vec<Importance> = space
        .parameters()
        .iter()
        .zip(weights)
        .map(|(parameter, weight)| Importance {
            parameter: parameter.name.clone(),
            share: if total > 0.0 { weight / total } else { 0.0 },
        })
        .collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}
