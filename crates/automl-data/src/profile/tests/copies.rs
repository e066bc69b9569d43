//! Which equal rows a fit warns of.

use super::*;

fn told(columns: Vec<(&str, Column)>, target: Column) -> String {
    let data = dataset(columns, target);
    copies_warning(&data).map_or_else(String::new, |warning| warning.message)
}

fn dataset(columns: Vec<(&str, Column)>, target: Column) -> Dataset {
    let (task, target) = match target {
        Column::Category { codes, levels } => {
            let classes = levels.iter().map(str::to_owned).collect();
            (Task::Binary { classes }, Target::Classes(codes.into()))
        }
        Column::Number(values) => (Task::Regression, Target::Numbers(values.into())),
        other => panic!("{}", other.kind_name()),
    };
    Dataset::new(table(columns), task, target).unwrap()
}

/// All rows, and the first `n_copies` of them once more.
fn twice(values: &[f64], n_copies: usize) -> Vec<f64> {
    [values, &values[..n_copies]].concat()
}

fn classes(values: &[f64]) -> Column {
    labels(values, |value| {
        if value < 0.5 { "no" } else { "yes" }.to_owned()
    })
}

/// Coarse values of three columns, all of whose combinations occur.
fn coarse(n: usize, stream: u64) -> Vec<f64> {
    noise(n, stream)
        .iter()
        .map(|value| (value * 4.0).floor())
        .collect()
}

#[test]
fn rows_of_numbers_written_twice_are_told_with_their_number() {
    let columns = |n_copies: usize| {
        vec![
            ("a", Column::Number(twice(&noise(1000, 1), n_copies))),
            ("b", classes(&twice(&noise(1000, 2), n_copies))),
        ]
    };
    let y = |n_copies| classes(&twice(&noise(1000, 3), n_copies));
    assert_eq!(
        told(columns(50), y(50)),
        "100 rows (9.5 %) equal another row in all features and in the target; a random split puts such rows on both sides, so scores may be too good: if they are one observation written twice, drop all but one of them, or keep on one side what belongs together with --group COLUMN"
    );
    assert_eq!(told(columns(4), y(4)), "", "less than a hundredth");
}

#[test]
fn rows_that_few_values_make_equal_are_natural() {
    let columns = ["a", "b", "c"].iter().zip(4..);
    let columns = columns.map(|(name, stream)| (*name, Column::Number(coarse(1000, stream))));
    let sum = |row: usize| coarse(1000, 4)[row] + coarse(1000, 5)[row];
    let y: Vec<f64> = (0..1000).map(sum).collect();
    assert_eq!(told(columns.collect(), Column::Number(y)), "");
}

#[test]
fn columns_that_depend_on_each_other_make_natural_twins_too() {
    // Ten answers, each of them mostly what the row's party says.
    let party = noise(400, 20);
    let answer = |stream: u64| -> Vec<f64> {
        let own = noise(400, 30 + stream);
        let rows = party.iter().zip(own);
        rows.map(|(party, own)| f64::from((*party < 0.5) ^ (own < 0.1)))
            .collect()
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let columns = names.iter().zip(0..);
    let columns = columns.map(|(name, stream)| (*name, Column::Number(answer(stream))));
    assert_eq!(told(columns.collect(), classes(&party)), "");
}

#[test]
fn measurements_repeated_with_other_results_are_no_copies() {
    let x = twice(&noise(500, 7), 500);
    let other = twice(&noise(500, 8), 500);
    let y = noise(1000, 9);
    let columns = vec![("x", Column::Number(x)), ("z", Column::Number(other))];
    assert_eq!(told(columns, Column::Number(y)), "");
}

#[test]
fn texts_written_twice_are_told_of() {
    let texts = |n: usize| {
        let mut texts = Texts::default();
        for row in 0..n {
            texts.push(Some(&format!("message number {} of many", row % 500)));
        }
        Column::Text(texts)
    };
    let y = twice(&noise(500, 10), 40);
    assert!(told(vec![("text", texts(540))], classes(&y)).starts_with("80 rows (14.8 %)"));
}

#[test]
fn copies_that_stay_on_one_side_are_not_told_of() {
    let columns = || {
        let number = |stream| Column::Number(twice(&noise(500, stream), 100));
        vec![("a", number(11)), ("b", number(13))]
    };
    let y = classes(&twice(&noise(500, 12), 100));
    let rows: Vec<u32> = (0..600).collect();
    let of_one: Vec<u32> = rows.iter().map(|row| row % 500).collect();
    let data = || dataset(columns(), y.clone());
    assert!(copies_warning(&data()).is_some());
    assert_eq!(copies_warning(&data().with_groups(of_one).unwrap()), None);
    let apart = copies_warning(&data().with_groups(rows).unwrap()).unwrap();
    assert!(
        apart.message.contains("equal a row of another group")
            && !apart.message.contains("--group"),
        "{}",
        apart.message
    );
    let times: Vec<f64> = (0..600).map(|row| f64::from(row % 500)).collect();
    assert_eq!(copies_warning(&data().with_time(times).unwrap()), None);
}
