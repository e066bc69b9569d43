//! Categories coded alike on all ranks, each of which has met the levels of its own rows alone.

use automl_core::{Collective, CollectiveError, Column, Levels, Table, agree};
use std::collections::BTreeSet;

/// The table with the levels of all ranks, in the order of their names, so that a code means the same everywhere and
/// does not depend on how rows are dealt. Missing and unseen cells stay what they are. Cost: the names once a rank, and a
/// pass over the codes.
///
/// ```
/// use automl_collective::same_levels;
/// use automl_core::{Column, Levels, Solo, Table};
///
/// let column = Column::category(vec![0, 1, 0], Levels::new(["red", "blue"]));
/// let table = Table::new(vec![("colour".into(), column)])?;
/// let coded = same_levels(&table, &Solo)?;
/// let (codes, levels) = coded.column_at(0).as_category().unwrap();
/// assert_eq!((codes, levels.get(0)), ([1, 0, 1].as_slice(), Some("blue")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Ranks whose columns have other names or kinds, and whatever the exchange meets.
pub fn same_levels(table: &Table, ranks: &dyn Collective) -> Result<Table, CollectiveError> {
    let described: Vec<String> = table
        .iter()
        .map(|(name, column)| format!("{} '{}'", column.kind_name(), name.escape_debug()))
        .collect();
    let described = described.join("\n");
    agree(ranks, "the columns", &described)?;
    let own: Vec<u8> = table
        .iter()
        .filter_map(|(_, column)| column.as_category())
        .flat_map(|(_, levels)| written(levels))
        .collect();
    let gathered = ranks.all_gather(&own)?;
    let mut unread: Vec<&[u8]> = gathered.iter().map(Vec::as_slice).collect();
    let mut columns = Vec::with_capacity(table.n_columns());
    for (name, column) in table.iter() {
        let column = match column.as_category() {
            None => column.clone(),
            Some((codes, levels)) => {
                let mut names = BTreeSet::new();
                for (rank, bytes) in unread.iter_mut().enumerate() {
                    let read = read(bytes).ok_or_else(|| no_levels(rank))?;
                    names.extend(read);
                }
                coded(codes, levels, names)
            }
        };
        columns.push((name.to_owned(), column));
    }
    Ok(Table::new(columns).expect("names and lengths are those of a table"))
}

/// The same cells by the levels of these names.
fn coded(codes: &[u32], levels: &Levels, names: BTreeSet<String>) -> Column {
    let names: Vec<String> = names.into_iter().collect();
    let place = |name: &str| {
        let found = names.binary_search_by(|known| known.as_str().cmp(name));
        found.expect("the names of this rank are among those of all") as u32
    };
    let places: Vec<u32> = levels.iter().map(place).collect();
    // What stands for missing and unseen cells is above all codes.
    let of = |&code: &u32| places.get(code as usize).copied().unwrap_or(code);
    Column::category(codes.iter().map(of).collect(), Levels::new(names))
}

/// How many levels there are, and each with its length.
fn written(levels: &Levels) -> Vec<u8> {
    let mut bytes = (levels.len() as u64).to_le_bytes().to_vec();
    for level in levels.iter() {
        bytes.extend((level.len() as u64).to_le_bytes());
        bytes.extend(level.as_bytes());
    }
    bytes
}

/// The levels of the next column, which are taken off; `None` if there are none.
fn read(bytes: &mut &[u8]) -> Option<Vec<String>> {
    let count = number(bytes)?;
    (0..count)
        .map(|_| {
            let length = number(bytes)?;
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            String::from_utf8(text.to_vec()).ok()
        })
        .collect()
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    usize::try_from(u64::from_le_bytes(*number)).ok()
}

fn no_levels(rank: usize) -> CollectiveError {
    CollectiveError::Call {
        rank,
        found: "something else".to_owned(),
        expected: "the exchange of levels".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads;
    use automl_core::{MISSING_CODE, UNSEEN_CODE};
    use std::time::Duration;

    fn table(codes: Vec<u32>, levels: &[&str], number: f64) -> Table {
        let numbers = vec![number; codes.len()];
        let levels = Levels::new(levels.iter().copied());
        Table::new(vec![
            ("n".into(), Column::Number(numbers)),
            ("c".into(), Column::category(codes.clone(), levels)),
            (
                "d".into(),
                Column::category(codes, Levels::new(["", "x\n"])),
            ),
        ])
        .unwrap()
    }

    fn on_two(tables: [Table; 2]) -> Vec<Result<Table, CollectiveError>> {
        let ranks = threads(2, Duration::from_secs(20));
        std::thread::scope(|scope| {
            let started: Vec<_> = ranks
                .into_iter()
                .zip(tables)
                .map(|(rank, table)| scope.spawn(move || same_levels(&table, &rank)))
                .collect();
            started.into_iter().map(|one| one.join().unwrap()).collect()
        })
    }

    #[test]
    fn codes_mean_the_same_on_all_ranks() {
        let first = table(vec![0, 1, MISSING_CODE], &["red", "blue"], 1.0);
        let second = table(vec![1, 0, UNSEEN_CODE], &["green", "red"], 2.0);
        let both = on_two([first, second]);
        let cells = |table: &Table| {
            let (codes, levels) = table.column("c").unwrap().as_category().unwrap();
            assert_eq!(levels.iter().collect::<Vec<_>>(), ["blue", "green", "red"]);
            codes.to_vec()
        };
        assert_eq!(cells(both[0].as_ref().unwrap()), [2, 0, MISSING_CODE]);
        assert_eq!(cells(both[1].as_ref().unwrap()), [2, 1, UNSEEN_CODE]);
        let numbers = both[1].as_ref().unwrap().column("n").unwrap();
        assert_eq!(numbers.as_number().unwrap(), [2.0; 3]);
    }

    #[test]
    fn ranks_with_other_columns_are_told() {
        let one = table(vec![0], &["a"], 1.0);
        let other = Table::new(vec![("n".into(), Column::Number(vec![1.0]))]).unwrap();
        for error in on_two([one, other]) {
            assert_eq!(
                error.unwrap_err().to_string(),
                "the ranks disagree on the columns: line 2 is 'category 'c'' on rank 0 and '' on rank 1"
            );
        }
    }
}
