//! Tables below one another.

use super::{Column, Table, Texts};

/// The rows of all parts below one another, which have the same columns with the same levels; none if they do not, or there is no
/// part.
pub(super) fn stacked(parts: &[&Table]) -> Option<Table> {
    let (first, _) = parts.split_first()?;
    let n_rows = parts.iter().map(|part| part.n_rows()).sum();
    if first.n_columns() == 0 {
        let are_alike = parts.iter().all(|part| part.n_columns() == 0);
        return are_alike.then(|| Table::without_columns(n_rows));
    }
    let are_alike = parts.iter().all(|part| part.names().eq(first.names()));
    if !are_alike {
        return None;
    }
    let column = |(position, name): (usize, &str)| {
        let columns: Vec<&Column> = parts.iter().map(|part| part.column_at(position)).collect();
        Some((name.to_owned(), column(&columns, n_rows)?))
    };
    let columns: Option<Vec<_>> = first.names().enumerate().map(column).collect();
    Table::new(columns?).ok()
}

fn column(parts: &[&Column], n_rows: usize) -> Option<Column> {
    let (first, _) = parts.split_first()?;
    match first {
        Column::Number(_) => {
            let mut all = Vec::with_capacity(n_rows);
            for part in parts {
                all.extend_from_slice(part.as_number()?);
            }
            Some(Column::Number(all))
        }
        Column::Timestamp(_) => {
            let mut all = Vec::with_capacity(n_rows);
            for part in parts {
                all.extend_from_slice(part.as_timestamp()?);
            }
            Some(Column::Timestamp(all))
        }
        Column::Category { levels, .. } => {
            let mut all = Vec::with_capacity(n_rows);
            for part in parts {
                let (codes, own) = part.as_category()?;
                if own != levels {
                    return None;
                }
                all.extend_from_slice(codes);
            }
            Some(Column::category(all, levels.clone()))
        }
        Column::Text(_) => {
            let mut all = Texts::default();
            for part in parts {
                for text in part.as_text()?.iter() {
                    all.push(text);
                }
            }
            Some(Column::Text(all))
        }
        Column::Sparse(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Levels;
    use super::*;

    fn table(numbers: &[f64], words: &[Option<&str>], codes: &[u32], levels: [&str; 2]) -> Table {
        Table::new(vec![
            ("x".into(), Column::Number(numbers.to_vec())),
            ("word".into(), Column::Text(words.iter().copied().collect())),
            ("at".into(), Column::Timestamp(vec![7; numbers.len()])),
            (
                "plan".into(),
                Column::category(codes.to_vec(), Levels::new(levels)),
            ),
        ])
        .unwrap()
    }

    #[test]
    fn rows_stand_below_one_another() {
        let a = table(&[1.0, 2.0], &[Some("a"), None], &[0, 1], ["low", "high"]);
        let b = table(&[3.0], &[Some("c")], &[1], ["low", "high"]);
        let all = table(
            &[1.0, 2.0, 3.0],
            &[Some("a"), None, Some("c")],
            &[0, 1, 1],
            ["low", "high"],
        );
        let told = |table: &Table| format!("{table:?}");
        assert_eq!(told(&Table::stacked(&[&a, &b]).unwrap()), told(&all));
        assert_eq!(told(&Table::stacked(&[&a]).unwrap()), told(&a));
    }

    #[test]
    fn tables_of_other_columns_or_levels_are_none() {
        let a = table(&[1.0], &[Some("a")], &[0], ["low", "high"]);
        let b = table(&[1.0], &[Some("a")], &[0], ["high", "low"]);
        let c = Table::new(vec![("x".into(), Column::Number(vec![1.0]))]).unwrap();
        assert!(Table::stacked(&[&a, &b]).is_none());
        assert!(Table::stacked(&[&a, &c]).is_none());
        assert!(Table::stacked(&[]).is_none());
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let [a, b] = [2, 3].map(Table::without_columns);
        assert_eq!(Table::stacked(&[&a, &b]).unwrap().n_rows(), 5);
    }
}
