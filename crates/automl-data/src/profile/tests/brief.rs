//! A few columns in numbers, of a bounded number of cells.

use super::*;

fn wide(n_rows: usize, n_columns: usize) -> (Table, Vec<String>) {
    let names: Vec<String> = (0..n_columns).map(|column| format!("x{column}")).collect();
    let column = |name: &String| (name.clone(), Column::Number(noise(n_rows, 1)));
    let table = Table::new(names.iter().map(column).collect()).unwrap();
    (table, names)
}

fn look_at(table: &Table, names: &[&str]) -> Brief {
    brief(table, &Schema::default(), names)
}

#[test]
fn columns_stand_as_asked_for_and_those_that_are_not_there_are_passed_over() {
    let table = table(vec![
        ("a", Column::Number(vec![1.0, f64::NAN, 4.0])),
        (
            "b",
            labels(&[0.0, 1.0, 1.0], |value| format!("level {value}")),
        ),
    ]);
    let told = look_at(&table, &["b", "gone", "a"]);
    let names: Vec<&str> = told.columns.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!((told.n_rows, told.n_rows_looked_at), (3, 3));
    assert_eq!(
        (told.columns[1].n_missing, told.columns[1].n_distinct),
        (1, 2)
    );
}

#[test]
fn values_are_told_in_a_few_words() {
    let table = table(vec![
        ("a", Column::Number(vec![1.0, f64::NAN, 4.0])),
        (
            "b",
            labels(&[0.0, 1.0, 1.0], |value| format!("level {value}")),
        ),
        ("c", Column::Timestamp(vec![0, 86_400_000_000, 0])),
        ("d", Column::Number(vec![f64::NAN; 3])),
    ]);
    let told = look_at(&table, &["a", "b", "c", "d"]);
    let words: Vec<String> = told
        .columns
        .iter()
        .map(|one| in_words(&one.summary))
        .collect();
    let expected = [
        "mean 2.5, 1 to 4",
        "level 1 66.7 %",
        "1970-01-01 to 1970-01-02",
        "nothing",
    ];
    assert_eq!(words, expected);
}

#[test]
fn of_many_rows_a_sample_is_looked_at_but_for_missing_cells() {
    let mut values = noise(30_000, 2);
    values[..3].fill(f64::NAN);
    let table = table(vec![("x", Column::Number(values))]);
    let told = look_at(&table, &["x"]);
    assert_eq!((told.n_rows, told.n_rows_looked_at), (30_000, 20_000));
    assert_eq!(told.columns[0].n_missing, 3);
}

#[test]
fn of_many_columns_fewer_rows_are_looked_at() {
    let (table, names) = wide(10_000, 50);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(look_at(&table, &names).n_rows_looked_at, 8_000);
}
