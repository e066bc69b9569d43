//! Rows that come one by one, as an endpoint is asked them, in the columns of a known schema.

use crate::decode::{Decoder, Marks};
use crate::error::shorten;
use crate::infer::values::Parsed;
use crate::options::ReadOptions;
use automl_core::{Cell, Field, Kind, Schema, Table};
use std::sync::Arc;

/// What it takes to read rows as the columns of a schema. Cheap to start from, as often as there are requests.
///
/// ```
/// use automl_core::{Cell, Field, Kind, Role, Schema};
/// use automl_data::RowCoder;
///
/// let age = Field { name: "age".into(), kind: Kind::Number, role: Role::Feature, levels: vec![], format: None };
/// let schema = Schema { fields: vec![age], missing: vec!["?".into()] };
/// let coder = RowCoder::new(&schema, |_| true);
/// let mut rows = coder.start();
/// rows.push(0, Cell::Integer(39))?;
/// rows.push(0, Cell::Text("?"))?;
/// let table = rows.finish(2);
/// assert_eq!(table.column("age").map(|ages| ages.n_missing()), Some(1));
/// # Ok::<(), automl_data::CellError>(())
/// ```
pub struct RowCoder {
    /// The columns without rows.
    table: Table,
    empty: Vec<Decoder>,
    marks: Arc<Marks>,
}

/// A cell that is not of its column's kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' in column '{column}' is {}", if *.is_infinite { "infinite".to_owned() } else { format!("not a {}", .kind.name()) })]
pub struct CellError {
    /// The column.
    pub column: String,
    /// What the cell should be.
    pub kind: Kind,
    /// What it holds, shortened.
    pub value: String,
    /// Whether it is a number beyond all bounds.
    pub is_infinite: bool,
}

impl RowCoder {
    /// For the fields of a schema for which `needed` holds, in schema order. The schema's missing marks hold, or the usual
    /// ones if it has none.
    pub fn new(schema: &Schema, needed: impl Fn(&Field) -> bool) -> Self {
        let usual = ReadOptions::default().missing;
        let missing = if schema.missing.is_empty() {
            &usual
        } else {
            &schema.missing
        };
        let fields = || schema.fields.iter().filter(|field| needed(field));
        let empty: Vec<_> = fields()
            .map(|field| Decoder::new(field, missing, false))
            .collect();
        let columns = fields().zip(&empty);
        let columns =
            columns.map(|(field, decoder)| (field.name.clone(), decoder.fresh().finish()));
        Self {
            table: Table::new(columns.collect()).expect("a schema's names are unique"),
            empty,
            marks: Arc::new(Marks::new(missing)),
        }
    }

    /// Names of the columns, by the positions that [`RowBuffer::push`] takes.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.table.names()
    }

    /// A buffer without rows.
    pub fn start(&self) -> RowBuffer {
        RowBuffer {
            table: self.table.clone(),
            decoders: self.empty.iter().map(Decoder::fresh).collect(),
            marks: Arc::clone(&self.marks),
            text: String::new(),
        }
    }
}

/// Rows of a request on their way to a table.
pub struct RowBuffer {
    /// The columns without rows.
    table: Table,
    decoders: Vec<Decoder>,
    marks: Arc<Marks>,
    text: String,
}

impl RowBuffer {
    /// Puts a cell below those of a column, which is one of [`RowCoder::names`].
    ///
    /// # Errors
    /// If the cell is not of the column's kind; it is then not there.
    pub fn push(&mut self, column: usize, cell: Cell<'_>) -> Result<(), CellError> {
        let decoder = &mut self.decoders[column];
        let pushed = decoder.push(cell, &self.marks, &mut self.text);
        pushed.map_err(|(text, parsed)| CellError {
            column: self.table.shared_at(column).0.to_string(),
            kind: decoder.kind(),
            value: shorten(&text),
            is_infinite: parsed == Parsed::Infinite,
        })
    }

    /// The table of `n_rows` rows, of which each column has been given a cell or ends with missing ones.
    pub fn finish(mut self, n_rows: usize) -> Table {
        if self.decoders.is_empty() {
            return Table::without_columns(n_rows);
        }
        for decoder in &mut self.decoders {
            while decoder.len() < n_rows {
                decoder.push_missing();
            }
        }
        let columns = self.decoders.into_iter();
        let columns = columns.map(|decoder| Arc::new(decoder.finish()));
        let table = self.table.like(columns.collect());
        table.expect("all columns have all rows")
    }
}
