//! Tables hold columns of one length with names of their own; views and copies choose rows.

use super::{
    Column, Levels, MISSING_CODE, MISSING_TIME, Places, SparseRows, Table, TableError, Texts,
    UNSEEN_CODE,
};
use crate::Coded;
use std::cell::Cell;
use std::sync::Arc;

fn named(columns: Vec<(&str, Column)>) -> Result<Table, TableError> {
    Table::new(
        columns
            .into_iter()
            .map(|(name, column)| (name.to_owned(), column))
            .collect(),
    )
}

/// One column of each kind; row 1 is missing where it can be.
fn mixed() -> Table {
    let mut sparse = SparseRows::new(Arc::from(["x".into(), "y".into()]));
    sparse.push([(0, 1.0), (1, 2.0)]);
    sparse.push([]);
    sparse.push([(1, 3.0)]);
    named(vec![
        ("number", Column::Number(vec![1.0, f64::NAN, 3.0])),
        (
            "category",
            Column::category(vec![0, MISSING_CODE, UNSEEN_CODE], Levels::new(["a"])),
        ),
        (
            "text",
            Column::Text([Some("one"), None, Some("")].into_iter().collect::<Texts>()),
        ),
        ("time", Column::Timestamp(vec![5, MISSING_TIME, 7])),
        ("sparse", Column::Sparse(sparse)),
    ])
    .unwrap()
}

#[test]
fn a_column_of_another_length_is_named() {
    let columns = vec![
        ("a", Column::Number(vec![1.0; 3])),
        ("b", Column::Timestamp(vec![1; 2])),
    ];
    let error = named(columns).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 'b' has 2 rows where 3 are expected"
    );
    assert_eq!(error.code(), "table-column-length");
}

#[test]
fn a_name_that_appears_twice_is_named() {
    let columns = vec![
        ("a", Column::Number(vec![1.0])),
        ("a", Column::Number(vec![2.0])),
    ];
    let error = named(columns).unwrap_err();
    assert_eq!(error.to_string(), "column 'a' appears twice");
    assert_eq!(error.code(), "table-column-duplicate");
}

#[test]
fn a_table_may_have_rows_without_columns() {
    let table = Table::without_columns(4);
    assert_eq!(
        (table.n_rows(), table.n_columns(), table.view().n_rows()),
        (4, 0, 4)
    );
    assert_eq!(table.gather(&[1, 1]).n_rows(), 2);
    assert_eq!(named(vec![]).unwrap().n_rows(), 0);
}

#[test]
fn columns_are_found_by_name_and_position() {
    let table = mixed();
    assert_eq!(
        table.names().collect::<Vec<_>>(),
        ["number", "category", "text", "time", "sparse"]
    );
    assert_eq!(table.position("time"), Some(3));
    assert!(std::ptr::eq(
        table.column("time").unwrap(),
        table.column_at(3)
    ));
    assert!(table.column("Time").is_none());
}

#[test]
fn each_kind_says_what_is_missing() {
    for (name, column) in mixed().iter() {
        let expected = usize::from(name != "sparse");
        assert_eq!(column.n_missing(), expected, "{name}");
        assert!(!column.is_missing(0) && !column.is_missing(2), "{name}");
    }
}

#[test]
fn each_kind_is_only_itself() {
    for (name, column) in mixed().iter() {
        let kinds = [
            column.as_number().is_some(),
            column.as_category().is_some(),
            column.as_text().is_some(),
            column.as_timestamp().is_some(),
            column.as_sparse().is_some(),
        ];
        assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{name}");
    }
}

#[test]
fn gathered_rows_may_repeat_and_change_order() {
    let table = mixed();
    let copy = table.gather(&[2, 0, 2]);
    assert_eq!(copy.n_rows(), 3);
    assert_eq!(
        copy.column("number").unwrap().as_number().unwrap(),
        [3.0, 1.0, 3.0]
    );
    let (codes, levels) = copy.column("category").unwrap().as_category().unwrap();
    assert_eq!(
        (codes, levels.len()),
        ([UNSEEN_CODE, 0, UNSEEN_CODE].as_slice(), 1)
    );
    let texts: Vec<_> = copy
        .column("text")
        .unwrap()
        .as_text()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(texts, [Some(""), Some("one"), Some("")]);
    let sparse = copy.column("sparse").unwrap().as_sparse().unwrap();
    assert_eq!(sparse.row(0), ([1].as_slice(), [3.0].as_slice()));
    assert_eq!(sparse.row(1), ([0, 1].as_slice(), [1.0, 2.0].as_slice()));
    assert_eq!(sparse.n_dims(), 2);
}

#[test]
fn a_view_counts_its_own_rows() {
    let table = mixed();
    let all = table.view();
    assert_eq!((all.n_rows(), all.row_ids(), all.row(2)), (3, None, 2));
    let some = table.rows(&[2, 0]);
    assert_eq!((some.n_rows(), some.row(0)), (2, 2));
    assert_eq!(some.iter_rows().collect::<Vec<_>>(), [2, 0]);
    assert_eq!(
        some.to_table()
            .column("time")
            .unwrap()
            .as_timestamp()
            .unwrap(),
        [7, 5]
    );
    assert!(matches!(all.to_table(), std::borrow::Cow::Borrowed(_)));
}

#[test]
fn columns_are_shared_not_copied() {
    let table = mixed();
    let again = Table::from_shared(table.shared().collect()).unwrap();
    assert!(std::ptr::eq(again.column_at(0), table.column_at(0)));
}

#[test]
fn other_columns_take_the_names_of_a_table() {
    let table = mixed();
    let columns = || table.shared().map(|(_, column)| column);
    let same = table.like(columns().collect()).unwrap();
    assert!(same.names().eq(table.names()));
    assert_eq!(same.n_rows(), table.n_rows());
    let mut odd: Vec<_> = columns().collect();
    odd[1] = Arc::new(Column::Number(vec![1.0; table.n_rows() + 1]));
    let error = table.like(odd).unwrap_err();
    let name = table.names().nth(1).unwrap().to_owned();
    let (n_rows, expected) = (table.n_rows() + 1, table.n_rows());
    assert_eq!(
        error,
        TableError::Length {
            name,
            n_rows,
            expected
        }
    );
}

#[test]
fn a_column_is_found_wherever_it_is_guessed_to_be() {
    let table = mixed();
    for (place, name) in table.names().enumerate() {
        for guess in [0, place, table.n_columns()] {
            assert_eq!(table.position_near(name, guess), Some(place));
        }
        assert_eq!(&**table.shared_at(place).0, name);
    }
    assert_eq!(table.position_near("nobody", 0), None);
}

#[test]
fn places_are_looked_for_once_for_all_tables_that_share_their_names() {
    let table = mixed().gather(&[0]);
    let like = table.gather(&[0, 0]);
    let other = Table::new(vec![("other".into(), Column::Number(vec![1.0]))]).unwrap();
    let places = Places::default();
    let found = |table: &Table, n_searches: &Cell<usize>| {
        let find = || {
            n_searches.set(n_searches.get() + 1);
            Ok::<_, TableError>(vec![table.n_columns() - 1])
        };
        places.of(table, find).unwrap().into_owned()
    };
    let n_searches = Cell::new(0);
    let last = table.n_columns() - 1;
    assert_eq!(found(&table, &n_searches), [last]);
    assert_eq!(found(&like, &n_searches), [last]);
    assert_eq!(n_searches.get(), 1);
    assert_eq!(found(&other, &n_searches), [0]);
    assert_eq!(found(&table, &n_searches), [last]);
    assert_eq!(n_searches.get(), 2);
}
