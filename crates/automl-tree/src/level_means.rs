//! Categories as numbers: the mean target of the rows of a level, mixed with the mean of all.
//!
//! With `S` the weighted sum of a level's targets, `N` its weight, `p` the mean target of all rows and `a` the weight of the
//! prior, a level stands for `(S + a·p) / (N + a)` (Micci-Barreca, 2001), and a level without rows for `p`. A row that the
//! trees learn from must not see its own target: it stands for the same fraction over the rows before it in one random
//! order (ordered target statistics, Prokhorenkova et al., 2018).

/// The means of one column's levels, for each of some outputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LevelMeans {
    /// One for each output: the mean of all rows, for levels without rows, unseen and missing ones.
    pub(crate) priors: Vec<f64>,
    /// One for each level, output after output.
    pub(crate) means: Vec<f64>,
}

/// What the means are of.
pub(crate) struct MeanTargets<'a> {
    /// One a row that is learned from; of `n_outputs` classes, their codes.
    pub(crate) targets: &'a [f64],
    pub(crate) weights: Option<&'a [f64]>,
    /// 1, or the number of classes: the target of each is then whether a row belongs to it.
    pub(crate) n_outputs: usize,
    /// Rows of mean weight that the prior counts for, above zero.
    pub(crate) prior_rows: f64,
    /// All rows, in the order in which they see each other.
    pub(crate) order: &'a [u32],
}

impl LevelMeans {
    /// The means of an output, one for each level.
    pub(crate) fn of_output(&self, output: usize) -> &[f64] {
        let n_levels = self.means.len() / self.priors.len();
        &self.means[output * n_levels..][..n_levels]
    }
}

/// The mean that stands for a code.
#[inline]
pub(crate) fn mean_of(means: &[f64], prior: f64, code: u32) -> f64 {
    means.get(code as usize).copied().unwrap_or(prior)
}

impl MeanTargets<'_> {
    /// The means over all rows, and what each row stands for while trees are grown, output after output. `codes` has one
    /// code a row. Cost: two passes over the rows and one over the levels, for each output.
    pub(crate) fn learn(&self, codes: &[u32], n_levels: usize) -> (LevelMeans, Vec<Vec<f64>>) {
        assert_eq!(codes.len(), self.targets.len(), "one target a row");
        let mut all = LevelMeans {
            priors: Vec::with_capacity(self.n_outputs),
            means: Vec::with_capacity(self.n_outputs * n_levels),
        };
        let mut ordered = Vec::with_capacity(self.n_outputs);
        for output in 0..self.n_outputs {
            let prior = self.prior(output);
            let mut sums = vec![[0.0; 2]; n_levels];
            let mut of_rows = vec![prior.mean; codes.len()];
            for &row in self.order {
                let row = row as usize;
                if let Some(sum) = sums.get_mut(codes[row] as usize) {
                    of_rows[row] = prior.mixed(*sum);
                    let weight = self.weight(row);
                    *sum = [sum[0] + weight * self.target(row, output), sum[1] + weight];
                }
            }
            all.priors.push(prior.mean);
            all.means
                .extend(sums.into_iter().map(|sum| prior.mixed(sum)));
            ordered.push(of_rows);
        }
        (all, ordered)
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    fn target(&self, row: usize, output: usize) -> f64 {
        if self.n_outputs == 1 {
            self.targets[row]
        } else {
            f64::from(u8::from(self.targets[row] == output as f64))
        }
    }

    fn prior(&self, output: usize) -> Prior {
        let (mut sum, mut weight) = (0.0, 0.0);
        for row in 0..self.targets.len() {
            sum += self.weight(row) * self.target(row, output);
            weight += self.weight(row);
        }
        Prior {
            mean: sum / weight,
            weight: self.prior_rows * weight / self.targets.len() as f64,
        }
    }
}

struct Prior {
    mean: f64,
    weight: f64,
}

impl Prior {
    /// The mean of a level with this sum and weight.
    fn mixed(&self, [sum, weight]: [f64; 2]) -> f64 {
        if weight > 0.0 {
            (sum + self.weight * self.mean) / (weight + self.weight)
        } else {
            self.mean
        }
    }
}

#[cfg(test)]
mod tests;
