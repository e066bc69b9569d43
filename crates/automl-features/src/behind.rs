//! Columns that a step adds behind all others.

use crate::fitted::{append, input};
use automl_core::{Column, PredictError, Table};
use std::sync::{Arc, OnceLock};

/// What a step that adds columns knows of the first table that it was applied to, so that a further one with the same names needs no
/// names made, looked for or compared: of single rows, that is most of the work.
#[derive(Debug, Default)]
pub(crate) struct Behind(OnceLock<Known>);

#[derive(Debug)]
struct Known {
    /// The input and the output without rows.
    input: Table,
    output: Table,
    /// Where the columns stand that the step reads.
    sources: Vec<usize>,
}

impl Behind {
    /// `table` with what `make` makes of the columns called `sources`, whose places it is given in their order, under `names`.
    ///
    /// # Errors
    /// A source is not there, or what `make` says.
    pub(crate) fn add<'a>(
        &self,
        table: &Table,
        sources: impl Iterator<Item = &'a str>,
        names: impl Iterator<Item = String>,
        make: impl FnOnce(&[usize]) -> Result<Vec<Column>, PredictError>,
    ) -> Result<Table, PredictError> {
        if let Some(known) = self.0.get()
            && (known.input.shares_names(table) || known.input.names().eq(table.names()))
        {
            let made = make(&known.sources)?.into_iter().map(Arc::new);
            let own = table.shared().map(|(_, column)| column);
            let output = known.output.like(own.chain(made).collect());
            return Ok(output.expect("what is made has the rows of the table"));
        }
        let place = |name: &str| {
            input(table, name)?;
            Ok(table.position(name).expect("it was found by its name"))
        };
        let sources = sources
            .map(place)
            .collect::<Result<Vec<usize>, PredictError>>()?;
        let made = make(&sources)?;
        let output = append(table, names.zip(made).collect());
        if table.n_columns() > 0 {
            self.0.get_or_init(|| Known {
                input: table.gather(&[]),
                output: output.gather(&[]),
                sources,
            });
        }
        Ok(output)
    }
}
