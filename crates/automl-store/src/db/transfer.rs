//! All rows of a database as a file of SQLite, and of such a file in another database: what backups are made of.

use super::{Arg, Database, DbError, Dialect, Place, Row, Sql, Value, sqlite};
use crate::args;
use std::collections::BTreeSet;
use std::path::Path;

/// Rows that are held at once.
const ROWS_A_PAGE: usize = 2000;

/// A table: its columns, and those of its key in order.
#[derive(Debug, Clone)]
struct Table {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
}

/// Writes the state that a database has at one moment into a new file. Writers go on.
pub(crate) fn snapshot(place: &Place, file: &Path) -> Result<(), DbError> {
    if let Place::File(path) = place {
        // It is read beside the server that has it open; nothing in it is changed.
        return sqlite::snapshot(path, file);
    }
    let db = Database::open(place)?;
    let target = Database::open(&Place::File(file.to_owned()))?;
    let all = target.read(tables).wait()?;
    let into = target.clone();
    // One transaction that reads sees one state.
    db.read(move |sql| {
        for table in all {
            pages(
                &table,
                &mut |query, args| sql.query(query, args),
                &mut |rows| {
                    let table = table.clone();
                    into.write(move |sql| insert(sql, &table, &rows)).wait()
                },
            )?;
        }
        Ok::<_, DbError>(())
    })
    .wait()?;
    drop(target);
    sqlite::seal(file)
}

/// Writes all rows of a file into a database without any, in one transaction; false, and nothing is written, if it has some.
pub(crate) fn fill(db: &Database, file: &Path) -> Result<bool, DbError> {
    let source = Database::open(&Place::File(file.to_owned()))?;
    let all = source.read(tables).wait()?;
    db.write(move |sql| {
        for table in &all {
            let found = sql.query(&format!("SELECT 1 FROM \"{}\" LIMIT 1", table.name), &[])?;
            if !found.is_empty() {
                return Ok(false);
            }
        }
        for table in all {
            pages(
                &table,
                &mut |query, args| {
                    let (query, args) = (query.to_owned(), values(args));
                    let read = source.read(move |sql| {
                        let args: Vec<Arg<'_>> = args.iter().map(Arg::from).collect();
                        sql.query(&query, &args)
                    });
                    read.wait()
                },
                &mut |rows| insert(sql, &table, &rows),
            )?;
        }
        Ok::<_, DbError>(true)
    })
    .wait()
}

/// The tables of a file, those that others refer to first.
fn tables(sql: &mut dyn Sql) -> Result<Vec<Table>, DbError> {
    debug_assert_eq!(sql.dialect(), Dialect::Sqlite);
    let names = sql.query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'schema_version' ORDER BY name",
        &[],
    )?;
    let mut waiting: Vec<String> = names
        .iter()
        .map(|row| row.text(0))
        .collect::<Result<_, _>>()?;
    let (mut done, mut found) = (BTreeSet::new(), Vec::new());
    while !waiting.is_empty() {
        let n_waiting = waiting.len();
        let mut later = Vec::new();
        for name in waiting {
            let referred = sql.query(
                "SELECT \"table\" FROM pragma_foreign_key_list(?1)",
                args![&name],
            )?;
            let referred: BTreeSet<String> = referred
                .iter()
                .map(|row| row.text(0))
                .collect::<Result<_, _>>()?;
            if referred
                .iter()
                .any(|other| *other != name && !done.contains(other))
            {
                later.push(name);
                continue;
            }
            found.push(table(sql, &name)?);
            done.insert(name);
        }
        if later.len() == n_waiting {
            let reason = format!(
                "tables refer to each other in a circle: {}",
                later.join(", ")
            );
            return Err(DbError::Statement { reason });
        }
        waiting = later;
    }
    Ok(found)
}

fn table(sql: &mut dyn Sql, name: &str) -> Result<Table, DbError> {
    let rows = sql.query(
        "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid",
        args![name],
    )?;
    let mut columns = Vec::new();
    let mut key = Vec::new();
    for row in rows {
        let (column, place) = (row.text(0)?, row.int(1)?);
        if place > 0 {
            key.push((place, column.clone()));
        }
        columns.push(column);
    }
    key.sort();
    Ok(Table {
        name: name.to_owned(),
        columns,
        key: key.into_iter().map(|(_, column)| column).collect(),
    })
}

fn quoted(columns: &[String]) -> String {
    let quoted: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{column}\""))
        .collect();
    quoted.join(", ")
}

fn places(n: usize) -> String {
    let places: Vec<String> = (1..=n).map(|place| format!("?{place}")).collect();
    places.join(", ")
}

fn values(args: &[Arg<'_>]) -> Vec<Value> {
    let value = |arg: &Arg<'_>| match *arg {
        Arg::Null => Value::Null,
        Arg::Int(value) => Value::Int(value),
        Arg::Real(value) => Value::Real(value),
        Arg::Text(value) => Value::Text(value.to_owned()),
        Arg::Blob(value) => Value::Blob(value.to_vec()),
    };
    args.iter().map(value).collect()
}

type Read<'a> = dyn FnMut(&str, &[Arg<'_>]) -> Result<Vec<Row>, DbError> + 'a;

/// Gives all rows of a table to `take`, some at a time, in the order of its key.
fn pages(
    table: &Table,
    read: &mut Read<'_>,
    take: &mut dyn FnMut(Vec<Row>) -> Result<(), DbError>,
) -> Result<(), DbError> {
    let select = format!("SELECT {} FROM \"{}\"", quoted(&table.columns), table.name);
    if table.key.is_empty() {
        return take(read(&select, &[])?);
    }
    let order = format!("ORDER BY {} LIMIT {ROWS_A_PAGE}", quoted(&table.key));
    let places_of_key: Vec<usize> = table
        .key
        .iter()
        .filter_map(|key| table.columns.iter().position(|column| column == key))
        .collect();
    let mut last: Option<Vec<Value>> = None;
    loop {
        let rows = match &last {
            None => read(&format!("{select} {order}"), &[])?,
            Some(last) => {
                let args: Vec<Arg<'_>> = last.iter().map(Arg::from).collect();
                let after = format!("WHERE ({}) > ({})", quoted(&table.key), places(args.len()));
                read(&format!("{select} {after} {order}"), &args)?
            }
        };
        let is_over = rows.len() < ROWS_A_PAGE;
        last = rows.last().map(|row| {
            places_of_key
                .iter()
                .map(|&place| row.0[place].clone())
                .collect()
        });
        take(rows)?;
        if is_over {
            return Ok(());
        }
    }
}

fn insert(sql: &mut dyn Sql, table: &Table, rows: &[Row]) -> Result<(), DbError> {
    let statement = format!(
        "INSERT INTO \"{}\" ({}) VALUES ({})",
        table.name,
        quoted(&table.columns),
        places(table.columns.len())
    );
    for row in rows {
        let args: Vec<Arg<'_>> = row.0.iter().map(Arg::from).collect();
        sql.execute(&statement, &args)?;
    }
    Ok(())
}
