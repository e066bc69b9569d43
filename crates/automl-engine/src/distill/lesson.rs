//! Rows that are made up, and what the ensemble says of them.
//!
//! A made-up row is a row of the data in which some cells are those of another row. So the ensemble is asked where no truth is known,
//! which tells a pupil far more of it than the rows that it has learned by heart (Buciluă, Caruana and Niculescu-Mizil, "Model
//! compression", KDD 2006; Fakoor and others, 2020).

use crate::model::EnsembleModel;
use automl_core::{
    Clock, Column, Dataset, Deadline, Model as _, Predictions, Seed, Table, Target, Threads,
};
use rand::RngExt;
use rand::seq::SliceRandom as _;
use std::sync::Arc;

/// The chance that a cell is that of the other row.
const SWAPPED: f64 = 0.3;
/// Classes that are less likely are left out of what is learned of a row.
const SHARE_MIN: f64 = 0.05;
/// Rows that the ensemble is asked about at once.
const ASKED_ROWS: usize = 1024;
/// Rows that are asked about to see how long one takes.
const TIMED_ROWS: usize = 64;

/// Rows with what is learned of them.
pub(super) struct Lesson {
    /// The columns of the data.
    pub(super) table: Table,
    pub(super) target: Target,
    pub(super) weight: Vec<f64>,
}

/// Who is asked, and how long there is.
pub(super) struct Asked<'a> {
    pub(super) teacher: &'a EnsembleModel,
    pub(super) threads: &'a Threads,
    pub(super) deadline: Deadline,
    /// Rows that are made up at most.
    pub(super) rows_max: usize,
}

impl Lesson {
    /// As many made-up rows as `rows`, if there is time for them; none if there is none at all.
    pub(super) fn new(data: &Dataset, rows: &[u32], asked: &Asked<'_>, seed: Seed) -> Option<Self> {
        let n_rows = asked.n_rows_in_time(data, rows)?;
        let mut bases = rows.to_vec();
        bases.shuffle(&mut seed.named("bases").rng());
        bases.truncate(n_rows);
        let made = made_up(data.table(), &bases, rows, seed.named("cells"));
        let said = asked.predict(&made)?;
        let weight = |row: u32| data.weight().map_or(1.0, |weight| weight[row as usize]);
        let weight: Vec<f64> = bases.iter().map(|&row| weight(row)).collect();
        Some(match said {
            Predictions::Probabilities { n_classes, values } => {
                Self::of_classes(&made, &values, n_classes, &weight)
            }
            Predictions::Numbers(values) | Predictions::Quantiles { values, .. } => Self {
                table: made,
                target: Target::Numbers(values.into()),
                weight,
            },
            // A search is for one target.
            Predictions::Several { .. } => return None,
        })
    }

    /// A row stands once for each class that is likely, and weighs by how likely that is: for a loss that adds up over rows this is the
    /// same as to learn the probabilities.
    fn of_classes(made: &Table, values: &[f64], n_classes: usize, weight: &[f64]) -> Self {
        let (mut places, mut codes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (place, row) in values.chunks_exact(n_classes).enumerate() {
            let greatest = row.iter().copied().fold(0.0, f64::max);
            let is_likely = |share: f64| share >= SHARE_MIN.min(greatest);
            let sum: f64 = row.iter().filter(|share| is_likely(**share)).sum();
            for (code, &share) in row.iter().enumerate() {
                if is_likely(share) {
                    places.push(place as u32);
                    codes.push(code as u32);
                    weights.push(weight[place] * share / sum);
                }
            }
        }
        Self {
            table: made.gather(&places),
            target: Target::Classes(codes.into()),
            weight: weights,
        }
    }

    /// All lessons as one; none if there is none.
    pub(super) fn joined(parts: &[Self]) -> Option<Self> {
        let tables: Vec<&Table> = parts.iter().map(|part| &part.table).collect();
        let targets: Vec<&Target> = parts.iter().map(|part| &part.target).collect();
        Some(Self {
            table: Table::stacked(&tables)?,
            target: targets_of(&targets),
            weight: parts.iter().flat_map(|part| part.weight.clone()).collect(),
        })
    }
}

/// All targets behind one another; they are of one task.
pub(super) fn targets_of(parts: &[&Target]) -> Target {
    let (mut codes, mut numbers) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Target::Classes(part) => codes.extend_from_slice(part),
            Target::Numbers(part) => numbers.extend_from_slice(part),
        }
    }
    if codes.is_empty() {
        Target::Numbers(numbers.into())
    } else {
        Target::Classes(codes.into())
    }
}

/// The rows of `bases`, some cells of which are those of other `rows`.
fn made_up(table: &Table, bases: &[u32], rows: &[u32], seed: Seed) -> Table {
    let mut rng = seed.named("others").rng();
    let others: Vec<u32> = bases
        .iter()
        .map(|_| rows[rng.random_range(0..rows.len())])
        .collect();
    let columns = table
        .shared()
        .enumerate()
        .map(|(position, (name, column))| {
            let mut rng = seed.indexed(position as u64).rng();
            let pairs = bases.iter().zip(&others);
            let from: Vec<u32> = pairs
                .map(|(base, other)| {
                    if rng.random::<f64>() < SWAPPED {
                        *other
                    } else {
                        *base
                    }
                })
                .collect();
            let column: Arc<Column> = Arc::new(column.gather(&from));
            (name, column)
        });
    Table::from_shared(columns.collect()).expect("columns of one table, of as many rows each")
}

impl Asked<'_> {
    /// How many of `rows` rows there is time for; none if there is none.
    fn n_rows_in_time(&self, data: &Dataset, rows: &[u32]) -> Option<usize> {
        let most = rows.len().min(self.rows_max);
        let Some(left) = self.deadline.remaining() else {
            return Some(most);
        };
        let timed = &rows[..rows.len().min(TIMED_ROWS)];
        let clock = Clock::start();
        self.teacher.predict(&data.view(timed).table()).ok()?;
        let a_row = clock.seconds() / timed.len().max(1) as f64 / self.threads.count() as f64;
        let in_time = left.as_secs_f64() / a_row.max(f64::MIN_POSITIVE);
        (in_time >= TIMED_ROWS as f64).then(|| most.min(in_time as usize))
    }

    /// What is said of each row; none if time ends before.
    fn predict(&self, table: &Table) -> Option<Predictions> {
        let rows: Vec<u32> = (0..table.n_rows() as u32).collect();
        let chunks: Vec<&[u32]> = rows.chunks(ASKED_ROWS).collect();
        let parts = self.threads.map(chunks.len(), |index| {
            if index > 0 && self.deadline.has_passed() {
                return None;
            }
            self.teacher.predict(&table.rows(chunks[index])).ok()
        });
        let mut parts = parts.into_iter();
        let mut all = parts.next()??;
        for part in parts {
            all.append(part?);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_testkit::synthetic;

    #[test]
    fn made_up_rows_hold_cells_of_the_rows_that_they_are_made_of() {
        let data = synthetic::binary(60, 3);
        let rows: Vec<u32> = (0..40).collect();
        let made = made_up(data.table(), &rows, &rows, Seed(1));
        assert_eq!(made.n_rows(), 40);
        for (name, column) in made.iter() {
            let (Some(made), Some(known)) = (
                column.as_number(),
                data.table().column(name).and_then(Column::as_number),
            ) else {
                continue;
            };
            let bits = |values: &[f64]| -> Vec<u64> {
                values.iter().map(|value| value.to_bits()).collect()
            };
            let known = bits(&known[..40]);
            let made = bits(made);
            assert!(made.iter().all(|cell| known.contains(cell)), "{name}");
            let n_kept = made.iter().zip(&known).filter(|(a, b)| a == b).count();
            assert!((15..40).contains(&n_kept), "{name}: {n_kept}");
        }
    }

    #[test]
    fn a_row_weighs_for_each_likely_class_as_much_as_that_is_likely() {
        let made = Table::new(vec![("x".into(), Column::Number(vec![1.0, 2.0]))]).unwrap();
        let lesson = Lesson::of_classes(&made, &[0.6, 0.4, 0.0, 0.01, 0.0, 0.99], 3, &[1.0, 2.0]);
        let Target::Classes(codes) = &lesson.target else {
            panic!("classes")
        };
        assert_eq!(codes[..], [0, 1, 2]);
        assert_eq!(lesson.weight, [0.6, 0.4, 2.0]);
        assert_eq!(
            lesson.table.column("x").and_then(Column::as_number),
            Some(&[1.0, 1.0, 2.0][..])
        );
    }
}
