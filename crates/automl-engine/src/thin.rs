//! How many models of its bags the default model keeps, so that it tells of a single row within two milliseconds.
//!
//! A member that is not fitted again on all rows is a bag: the models that the search fitted, one for each split. Most of what a
//! bag gains comes with its first models, while each further one costs as much as the first. If models differ from the mean of all
//! by as much everywhere, a bag of `n` models with the weight `w` adds `w² / n` to what the ensemble's predictions vary by. So as
//! long as a row is too much work, the model goes whose work is dearest for what it takes from that sum: heavy members keep
//! their bags, light and slow ones keep a model or two.
//!
//! What a row costs is counted from sizes ([`automl_core::Model::row_work`]), never measured: the same search gives the same
//! model on every machine. Scores are not touched: they are of models that had not seen the rows, each by itself.

use crate::model::Part;
use automl_features::FittedRecipe;
use std::sync::Arc;

/// What a row may be: a quarter of what is promised, since machines differ, and a busy one takes three times as long for one row in
/// a hundred.
pub(crate) const ROW_WORK_MAX: f64 = 5e5;

/// One member's models and what they do.
struct Bag {
    weight: f64,
    /// Models that are left out, the first ones: of splits by time, those learned from fewer rows.
    n_out: usize,
    /// Of each model, its work and the place of its recipe.
    models: Vec<(f64, usize)>,
}

/// All members, and what is applied to a row.
struct Bags {
    bags: Vec<Bag>,
    /// Of each recipe, its work and how many models take what it gives.
    recipes: Vec<(f64, usize)>,
}

/// The parts of each member, of which each keeps one at least, with no more models than a row has room for.
pub(crate) fn thinned(parts: Vec<Vec<Part>>, work_max: f64) -> Vec<Vec<Part>> {
    let mut bags = Bags::of(&parts);
    while bags.work() > work_max {
        let Some(bag) = bags.dearest() else { break };
        bags.leave_out(bag);
    }
    let kept = parts.into_iter().zip(bags.bags).map(|(parts, bag)| {
        let n_kept = parts.len() - bag.n_out;
        let share = |part: Part| Part {
            weight: part.weight * bag.models.len() as f64 / n_kept as f64,
            ..part
        };
        parts.into_iter().skip(bag.n_out).map(share).collect()
    });
    kept.collect()
}

impl Bags {
    fn of(parts: &[Vec<Part>]) -> Self {
        let mut known: Vec<&Arc<FittedRecipe>> = Vec::new();
        let mut recipes: Vec<(f64, usize)> = Vec::new();
        let mut bags = Vec::with_capacity(parts.len());
        for parts in parts {
            let mut models = Vec::with_capacity(parts.len());
            for part in parts {
                let is_own = |recipe: &&Arc<FittedRecipe>| Arc::ptr_eq(recipe, &part.recipe);
                let place = known.iter().position(is_own).unwrap_or_else(|| {
                    known.push(&part.recipe);
                    recipes.push((part.recipe.row_work(), 0));
                    recipes.len() - 1
                });
                recipes[place].1 += 1;
                models.push((part.model.row_work(), place));
            }
            bags.push(Bag {
                weight: parts.iter().map(|part| part.weight).sum(),
                n_out: 0,
                models,
            });
        }
        Self { bags, recipes }
    }

    /// What a row is now.
    fn work(&self) -> f64 {
        let models = self.bags.iter().flat_map(|bag| &bag.models[bag.n_out..]);
        let recipes = self.recipes.iter().filter(|(_, n_models)| *n_models > 0);
        models.map(|(work, _)| work).sum::<f64>() + recipes.map(|(work, _)| work).sum::<f64>()
    }

    /// The bag whose next model is the dearest for what it is good for.
    fn dearest(&self) -> Option<usize> {
        let gain_a_work = |bag: &Bag| {
            let n = (bag.models.len() - bag.n_out) as f64;
            let (work, recipe) = bag.models[bag.n_out];
            let (of_recipe, n_models) = self.recipes[recipe];
            let work = work + of_recipe / n_models as f64;
            bag.weight * bag.weight * (1.0 / (n - 1.0) - 1.0 / n) / work
        };
        let bags = self.bags.iter().enumerate();
        bags.filter(|(_, bag)| bag.models.len() - bag.n_out > 1)
            .min_by(|(_, a), (_, b)| gain_a_work(a).total_cmp(&gain_a_work(b)))
            .map(|(place, _)| place)
    }

    fn leave_out(&mut self, bag: usize) {
        let bag = &mut self.bags[bag];
        self.recipes[bag.models[bag.n_out].1].1 -= 1;
        bag.n_out += 1;
    }
}

#[cfg(test)]
mod tests;
