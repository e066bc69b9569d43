//! Steps that work on each column by itself.

use crate::fitted::{FittedStep, input, replace};
use crate::stored::{empty, set_meta};
use automl_core::{Artifact, ArtifactError, Column, PredictError, Table, Threads};
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

/// What a step learned about one column, independent of all others.
pub(crate) trait Encoder: Debug + Send + Sync + Sized + 'static {
    /// What the columns are called that stand for the column called `name`: the same names whatever its cells are.
    fn names(&self, name: &str) -> Vec<String>;

    /// The columns that stand for `column`, which is called `name`, as many as there are names.
    fn columns(
        &self,
        name: &str,
        column: &Column,
        threads: &Threads,
    ) -> Result<Vec<Column>, PredictError>;

    /// The columns with their names.
    fn encode(
        &self,
        name: &str,
        column: &Column,
        threads: &Threads,
    ) -> Result<Vec<(String, Column)>, PredictError> {
        let columns = self.columns(name, column, threads)?;
        Ok(self.names(name).into_iter().zip(columns).collect())
    }

    /// Writes it into an empty artifact.
    fn save(&self, artifact: &mut Artifact);

    /// Reads back what `save` wrote.
    fn load(artifact: &Artifact) -> Result<Self, ArtifactError>;
}

/// A fitted step made of one encoder a column.
#[derive(Debug)]
pub(crate) struct PerColumn<E> {
    id: &'static str,
    /// Whether the source column stays beside what is made of it.
    keep: bool,
    entries: Vec<(String, E)>,
    /// How the first table was laid out; none if the step was altered so that a column has two encoders.
    layout: OnceLock<Option<Layout>>,
}

/// Where the columns of an output come from, so that a further table with the same names needs no names made, looked for or
/// compared: of single rows, that is most of the work.
#[derive(Debug)]
struct Layout {
    /// The input and the output without rows.
    input: Table,
    output: Table,
    /// Where the source of each entry stands in the input.
    sources: Vec<usize>,
    /// The origin of each column of the output.
    places: Vec<Place>,
}

/// Where a column of an output comes from.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The input's column at this place.
    Kept(usize),
    /// So many columns after the first that the entries make.
    Made(usize),
}

impl Layout {
    /// Whether a table has the names of the input.
    fn is_of(&self, table: &Table) -> bool {
        self.input.shares_names(table) || self.input.names().eq(table.names())
    }
}

impl<E: Encoder> PerColumn<E> {
    pub(crate) fn new(id: &'static str, keep: bool, entries: Vec<(String, E)>) -> Self {
        Self {
            id,
            keep,
            entries,
            layout: OnceLock::new(),
        }
    }

    /// The layout of a table's names.
    fn laid_out(&self, input: &Table, output: &Table) -> Option<Layout> {
        let sources = self.entries.iter().map(|(name, _)| input.position(name));
        let sources: Vec<usize> = sources.collect::<Option<_>>()?;
        let mut made_of: Vec<Option<std::ops::Range<usize>>> = vec![None; input.n_columns()];
        let mut n_made = 0;
        for ((name, encoder), &source) in self.entries.iter().zip(&sources) {
            let first = n_made;
            n_made += encoder.names(name).len();
            if made_of[source].replace(first..n_made).is_some() {
                return None;
            }
        }
        if output.n_columns() == 0 {
            // A table without columns is not made like another: it has rows of its own.
            return None;
        }
        let mut places = Vec::with_capacity(output.n_columns());
        for (position, made) in made_of.into_iter().enumerate() {
            if made.is_none() || self.keep {
                places.push(Place::Kept(position));
            }
            places.extend(made.into_iter().flatten().map(Place::Made));
        }
        Some(Layout {
            input: input.gather(&[]),
            output: output.gather(&[]),
            sources,
            places,
        })
    }

    /// As [`FittedStep::apply`], where the names are known.
    fn apply_as(
        &self,
        layout: &Layout,
        table: &Table,
        threads: &Threads,
    ) -> Result<Table, PredictError> {
        let encoded = threads.map(self.entries.len(), |index| {
            let (name, encoder) = &self.entries[index];
            encoder.columns(name, table.column_at(layout.sources[index]), threads)
        });
        let mut made = Vec::with_capacity(layout.places.len());
        for columns in encoded {
            made.extend(columns?.into_iter().map(|column| Some(Arc::new(column))));
        }
        let mut column = |place: &Place| match *place {
            Place::Kept(position) => Arc::clone(table.shared_at(position).1),
            Place::Made(index) => made[index].take().expect("a column has one place"),
        };
        let columns = layout.places.iter().map(&mut column).collect();
        let table = layout.output.like(columns);
        Ok(table.expect("every encoder keeps the rows"))
    }

    pub(crate) fn load(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
        let names: Vec<String> = artifact.meta("columns")?;
        if names.len() != artifact.children.len() {
            return Err(artifact.invalid("columns", "there is not one encoder for each"));
        }
        let encoders = artifact.children.iter().map(E::load);
        let entries = names
            .into_iter()
            .zip(encoders)
            .map(|(name, encoder)| Ok((name, encoder?)))
            .collect::<Result<_, ArtifactError>>()?;
        let id = crate::step::static_id(&artifact.kind)
            .ok_or_else(|| artifact.invalid("kind", "no step has this name"))?;
        Ok(Arc::new(Self::new(id, artifact.meta("keep")?, entries)))
    }
}

impl<E: Encoder> FittedStep for PerColumn<E> {
    fn apply(&self, table: &Table, threads: &Threads) -> Result<Table, PredictError> {
        if let Some(Some(layout)) = self.layout.get()
            && layout.is_of(table)
        {
            return self.apply_as(layout, table, threads);
        }
        let encoded = threads.map(self.entries.len(), |index| {
            let (name, encoder) = &self.entries[index];
            encoder.encode(name, input(table, name)?, threads)
        });
        let mut replacements = Vec::with_capacity(encoded.len());
        for ((name, _), columns) in self.entries.iter().zip(encoded) {
            replacements.push((name.as_str(), columns?));
        }
        let output = replace(table, replacements, self.keep);
        self.layout.get_or_init(|| self.laid_out(table, &output));
        Ok(output)
    }

    fn is_idle(&self) -> bool {
        self.entries.is_empty()
    }

    fn made_from(&self, table: &Table) -> Result<Vec<Vec<String>>, PredictError> {
        let mut made = Vec::new();
        for (name, column) in table.iter() {
            // A source may have more than one entry only in an altered artifact; `replace` takes the last.
            let entries = self.entries.iter().rev();
            let Some((_, encoder)) = entries.clone().find(|(entry, _)| entry == name) else {
                continue;
            };
            let columns = encoder.encode(name, column, &Threads::one())?;
            made.extend(columns.iter().map(|_| vec![name.to_owned()]));
        }
        Ok(made)
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = empty(self.id);
        let names: Vec<&str> = self.entries.iter().map(|(name, _)| name.as_str()).collect();
        set_meta(&mut artifact, "columns", names);
        set_meta(&mut artifact, "keep", self.keep);
        for (_, encoder) in &self.entries {
            let mut child = empty(self.id);
            encoder.save(&mut child);
            artifact.children.push(child);
        }
        artifact
    }
}
