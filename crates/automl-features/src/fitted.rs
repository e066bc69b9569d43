//! What a recipe's steps learned, and how it is applied, stored and read back.

use crate::per_column::PerColumn;
use crate::recipe::Recipe;
use crate::select::ColumnKind;
use crate::stored::{empty, set_meta};
use crate::{steps, text};
use automl_core::{
    Artifact, ArtifactError, Column, Places, PredictError, Table, TableView, Threads, Transformer,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

/// A fitted step: a map from table to table, row by row.
pub(crate) trait FittedStep: Debug + Send + Sync {
    /// The transformed table. Each row depends on nothing but the same row of `table`.
    fn apply(&self, table: &Table, threads: &Threads) -> Result<Table, PredictError>;

    /// Whether it gives every table back as it is, because it found no column to work on.
    fn is_idle(&self) -> bool {
        false
    }

    /// About how many nanoseconds each column that it makes takes one row alone.
    fn column_work(&self) -> f64 {
        100.0
    }

    /// The step as plain data.
    fn artifact(&self) -> Artifact;

    /// For each column of its output that the step makes anew, in their order, the columns of `table` that it is made from.
    fn made_from(&self, table: &Table) -> Result<Vec<Vec<String>>, PredictError>;
}

/// What fitting a step gives.
pub(crate) struct FittedPart {
    /// The step to apply to rows that it did not learn from.
    pub(crate) step: Arc<dyn FittedStep>,
    /// The frame's whole table with the training rows encoded out of fold, where that differs from applying the step.
    pub(crate) table: Option<Table>,
}

impl<S: FittedStep + 'static> From<S> for FittedPart {
    fn from(step: S) -> Self {
        Self {
            step: Arc::new(step),
            table: None,
        }
    }
}

/// A recipe after fitting: a [`Transformer`] that needs nothing else.
///
/// Input columns are found by name, so their order does not matter and further columns are ignored; a missing column or
/// one of another kind is a [`PredictError`] that names it. Category columns must be coded by the levels of the table
/// that the recipe was fitted on.
#[derive(Debug, Clone)]
pub struct FittedRecipe {
    recipe: Recipe,
    inputs: Vec<(String, ColumnKind)>,
    /// The input columns without rows: every table that is transformed gets its names from here, so that the steps know them
    /// without a comparison.
    header: Table,
    /// Where the inputs stand in the tables that come.
    places: Places,
    steps: Vec<Arc<dyn FittedStep>>,
}

impl FittedRecipe {
    pub(crate) fn new(
        recipe: Recipe,
        inputs: Vec<(String, ColumnKind)>,
        steps: Vec<Arc<dyn FittedStep>>,
    ) -> Self {
        let columns = inputs
            .iter()
            .map(|(name, kind)| (name.clone(), kind.without_rows()));
        Self {
            header: Table::new(columns.collect()).expect("inputs have distinct names"),
            places: Places::default(),
            recipe,
            inputs,
            steps,
        }
    }

    /// The recipe that was fitted.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The columns that it reads, in the order of the table that it was fitted on.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = (&str, ColumnKind)> {
        self.inputs
            .iter()
            .map(|(name, kind)| (name.as_str(), *kind))
    }

    /// For each feature that it gives, in their order, the input columns that the feature is made from.
    ///
    /// # Errors
    /// A step cannot take what the steps before it give: the recipe was altered.
    pub fn origins(&self) -> Result<Vec<(String, Vec<String>)>, PredictError> {
        let mut table = self.header.clone();
        let mut origins: BTreeMap<String, Vec<String>> = table
            .names()
            .map(|name| (name.to_owned(), vec![name.to_owned()]))
            .collect();
        for step in &self.steps {
            let output = step.apply(&table, &Threads::one())?;
            origins = traced(step.made_from(&table)?, &table, &output, &origins);
            table = output;
        }
        let named = table.names().map(|name| {
            let sources = origins.get(name).cloned().unwrap_or_default();
            (name.to_owned(), sources)
        });
        Ok(named.collect())
    }

    /// About how many nanoseconds one row alone takes, counted from the number of columns that the steps make and pass on, never
    /// measured.
    pub fn row_work(&self) -> f64 {
        const PASSED_ON: f64 = 15.0;
        const TEXT: f64 = 30_000.0;
        let is_text = |(_, kind): &&(String, ColumnKind)| *kind == ColumnKind::Text;
        let mut work = TEXT * self.inputs.iter().filter(is_text).count() as f64;
        let mut table = self.header.clone();
        for step in self.steps.iter().filter(|step| !step.is_idle()) {
            let Ok(output) = step.apply(&table, &Threads::one()) else {
                break;
            };
            let known: BTreeSet<*const Column> = table
                .shared()
                .map(|(_, column)| Arc::as_ptr(&column))
                .collect();
            let passed_on = output.shared().map(|(_, column)| Arc::as_ptr(&column));
            let n_passed_on = passed_on.filter(|column| known.contains(column)).count();
            work += step.column_work() * (output.n_columns() - n_passed_on) as f64;
            work += PASSED_ON * n_passed_on as f64;
            table = output;
        }
        work
    }

    /// The transformed rows, worked out by several threads; the numbers are the same with any number of them.
    pub fn transform_with(
        &self,
        rows: &TableView<'_>,
        threads: &Threads,
    ) -> Result<Table, PredictError> {
        let mut table = self.select_inputs(rows)?;
        for step in self.steps.iter().filter(|step| !step.is_idle()) {
            table = step.apply(&table, threads)?;
        }
        Ok(table)
    }

    /// The fitted recipe as plain data of kind `recipe`.
    pub fn artifact(&self) -> Artifact {
        let mut artifact = empty("recipe");
        let recipe = serde_json::to_value(&self.recipe).expect("a recipe has string keys only");
        set_meta(&mut artifact, "recipe", recipe);
        let inputs = serde_json::to_value(&self.inputs).expect("names and kinds are strings");
        set_meta(&mut artifact, "inputs", inputs);
        artifact.children = self.steps.iter().map(|step| step.artifact()).collect();
        artifact
    }

    /// Reads back what [`FittedRecipe::artifact`] wrote. An altered artifact is an error, never a panic.
    pub fn load(artifact: &Artifact) -> Result<Self, ArtifactError> {
        if artifact.kind != "recipe" {
            return Err(ArtifactError::UnknownKind {
                kind: artifact.kind.clone(),
            });
        }
        let recipe: Recipe = artifact.meta("recipe")?;
        recipe
            .check()
            .map_err(|error| artifact.invalid("recipe", &error.to_string()))?;
        let inputs: Vec<(String, ColumnKind)> = artifact.meta("inputs")?;
        let distinct: BTreeSet<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
        if distinct.len() != inputs.len() {
            return Err(artifact.invalid("inputs", "two columns share a name"));
        }
        if artifact.children.len() != recipe.steps.len() {
            return Err(artifact.invalid("children", "there is not one for each step"));
        }
        let mut steps = Vec::with_capacity(recipe.steps.len());
        for (child, step) in artifact.children.iter().zip(&recipe.steps) {
            if child.kind != step.id() {
                let reason = format!("'{}' stands where '{}' should", child.kind, step.id());
                return Err(artifact.invalid("children", &reason));
            }
            steps.push(load_step(child)?);
        }
        Ok(Self::new(recipe, inputs, steps))
    }

    /// The input columns of the rows as a table of their own, in the order of the fit.
    fn select_inputs(&self, rows: &TableView<'_>) -> Result<Table, PredictError> {
        let table = rows.table();
        if self.inputs.is_empty() {
            return Ok(Table::without_columns(rows.n_rows()));
        }
        let places = self.places.of(table, || self.input_places(table))?;
        let mut columns = Vec::with_capacity(self.inputs.len());
        for ((name, kind), &place) in self.inputs.iter().zip(places.iter()) {
            let (_, column) = table.shared_at(place);
            expect_kind(name, column, *kind)?;
            columns.push(match rows.row_ids() {
                None => Arc::clone(column),
                Some(ids) => Arc::new(column.gather(ids)),
            });
        }
        Ok(self.header.like(columns).expect("lengths are equal"))
    }

    /// Where the inputs stand.
    fn input_places(&self, table: &Table) -> Result<Vec<usize>, PredictError> {
        table.places_of(self.inputs.iter().map(|(name, _)| name.as_str()))
    }
}

impl Transformer for FittedRecipe {
    fn transform(&self, rows: &TableView<'_>) -> Result<Table, PredictError> {
        self.transform_with(rows, &Threads::one())
    }

    fn artifact(&self) -> Artifact {
        self.artifact()
    }
}

/// The origins of a step's output: columns that are handed on keep theirs, those that are made have those of all that they
/// are made from.
fn traced(
    made_from: Vec<Vec<String>>,
    input: &Table,
    output: &Table,
    known: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    let handed_on: Vec<_> = input.shared().collect();
    let is_handed_on = |name: &str, column: &Arc<Column>| {
        let mut same = handed_on.iter();
        same.any(|(other, before)| **other == *name && Arc::ptr_eq(before, column))
    };
    let mut made = made_from.into_iter();
    let mut origins = BTreeMap::new();
    for (name, column) in output.shared() {
        let from = if is_handed_on(&name, &column) {
            vec![name.to_string()]
        } else {
            made.next().unwrap_or_default()
        };
        let sources = from.iter().filter_map(|source| known.get(source));
        let mut sources: Vec<String> = sources.flatten().cloned().collect();
        sources.sort_unstable();
        sources.dedup();
        origins.insert(name.to_string(), sources);
    }
    origins
}

fn load_step(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
    use steps::{
        combine_categories, datetime, frequency, group_aggregate, hashing, impute, interactions,
        number_as_category, one_hot, ordinal, pca, scale, target_encode,
    };
    match artifact.kind.as_str() {
        "impute" => PerColumn::<impute::Filler>::load(artifact),
        "scale" => PerColumn::<scale::Scaler>::load(artifact),
        "one_hot" => PerColumn::<one_hot::Indicators>::load(artifact),
        "ordinal" => PerColumn::<ordinal::Codes>::load(artifact),
        "target_encode" => PerColumn::<target_encode::Means>::load(artifact),
        "frequency" => PerColumn::<frequency::Shares>::load(artifact),
        "hashing" => PerColumn::<hashing::Buckets>::load(artifact),
        "datetime" => PerColumn::<datetime::Parts>::load(artifact),
        "number_as_category" => PerColumn::<number_as_category::Values>::load(artifact),
        "text_stats" => PerColumn::<text::stats::Stats>::load(artifact),
        "text_tfidf" => PerColumn::<text::tfidf::Vocabulary>::load(artifact),
        "text_svd" => PerColumn::<text::svd::Components>::load(artifact),
        "interactions" => interactions::load(artifact),
        "group_aggregate" => group_aggregate::load(artifact),
        "combine_categories" => combine_categories::load(artifact),
        "pca" => pca::load(artifact),
        "variance_filter" | "correlation_filter" | "select_k_best" => Dropped::load(artifact),
        kind => Err(ArtifactError::UnknownKind { kind: kind.into() }),
    }
}

/// A fitted step that drops columns.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) id: &'static str,
    pub(crate) names: Vec<String>,
}

impl Dropped {
    fn load(artifact: &Artifact) -> Result<Arc<dyn FittedStep>, ArtifactError> {
        Ok(Arc::new(Self {
            id: crate::step::static_id(&artifact.kind)
                .ok_or_else(|| artifact.invalid("kind", "no step has this name"))?,
            names: artifact.meta("columns")?,
        }))
    }
}

impl FittedStep for Dropped {
    fn apply(&self, table: &Table, _threads: &Threads) -> Result<Table, PredictError> {
        let gone = self.names.iter().map(|name| (name.as_str(), Vec::new()));
        Ok(replace(table, gone.collect(), false))
    }

    fn is_idle(&self) -> bool {
        self.names.is_empty()
    }

    fn made_from(&self, _table: &Table) -> Result<Vec<Vec<String>>, PredictError> {
        Ok(Vec::new())
    }

    fn artifact(&self) -> Artifact {
        let mut artifact = empty(self.id);
        set_meta(&mut artifact, "columns", self.names.clone());
        artifact
    }
}

/// The column called `name`.
pub(crate) fn input<'a>(table: &'a Table, name: &str) -> Result<&'a Column, PredictError> {
    table
        .column(name)
        .ok_or_else(|| PredictError::ColumnMissing {
            name: name.to_owned(),
        })
}

/// An error unless `column` is of `kind`.
pub(crate) fn expect_kind(
    name: &str,
    column: &Column,
    kind: ColumnKind,
) -> Result<(), PredictError> {
    if ColumnKind::of(column) == kind {
        return Ok(());
    }
    Err(wrong_kind(name, column, kind))
}

/// The error for a column that is not of `kind`.
pub(crate) fn wrong_kind(name: &str, column: &Column, kind: ColumnKind) -> PredictError {
    PredictError::ColumnKind {
        name: name.to_owned(),
        found: column.kind_name(),
        expected: kind.name(),
    }
}

/// The numbers of a column that must be one of numbers.
pub(crate) fn numbers<'a>(name: &str, column: &'a Column) -> Result<&'a [f64], PredictError> {
    column
        .as_number()
        .ok_or_else(|| wrong_kind(name, column, ColumnKind::Number))
}

/// The codes of a column that must be one of categories.
pub(crate) fn codes<'a>(name: &str, column: &'a Column) -> Result<&'a [u32], PredictError> {
    column
        .as_category()
        .map(|(codes, _)| codes)
        .ok_or_else(|| wrong_kind(name, column, ColumnKind::Category))
}

/// `table` with each source column replaced by the columns made of it (or followed by them, if sources are kept).
/// A name that is taken gets the lowest free suffix `_2`, `_3`, ….
pub(crate) fn replace(
    table: &Table,
    replacements: Vec<(&str, Vec<(String, Column)>)>,
    keep: bool,
) -> Table {
    let is_own = |(source, made): &(&str, Vec<(String, Column)>)| matches!(made.as_slice(), [(name, _)] if name == source);
    if !keep && replacements.iter().all(is_own) {
        return replace_own(table, replacements);
    }
    let mut by_source: Vec<Option<Vec<(String, Column)>>> = vec![None; table.n_columns()];
    for (source, columns) in replacements {
        if let Some(position) = table.position(source) {
            by_source[position] = Some(columns);
        }
    }
    let is_gone = |made: &Option<_>| made.is_some() && !keep;
    let kept = table.shared().zip(&by_source);
    let kept = kept.filter(|(_, made)| !is_gone(made));
    let mut taken = Names::of(kept.map(|((name, _), _)| name));
    let mut all = Vec::new();
    for ((name, column), made) in table.shared().zip(by_source) {
        if !is_gone(&made) {
            all.push((name, column));
        }
        for (name, column) in made.unwrap_or_default() {
            all.push((free_name(&name, &mut taken), Arc::new(column)));
        }
    }
    assemble(all, table.n_rows())
}

/// `table` with columns in the place of those of the same names: no name is new, so none has to be told apart.
fn replace_own(table: &Table, replacements: Vec<(&str, Vec<(String, Column)>)>) -> Table {
    if replacements.is_empty() {
        return table.clone();
    }
    let mut all: Vec<_> = table.shared().collect();
    for (source, made) in replacements {
        if let Some(position) = table.position(source) {
            all[position].1 =
                Arc::new(made.into_iter().next().expect("one column stands for it").1);
        }
    }
    assemble(all, table.n_rows())
}

/// `table` with further columns at its end.
pub(crate) fn append(table: &Table, columns: Vec<(String, Column)>) -> Table {
    let mut taken = Names::of(table.shared().map(|(name, _)| name));
    let mut all: Vec<_> = table.shared().collect();
    for (name, column) in columns {
        all.push((free_name(&name, &mut taken), Arc::new(column)));
    }
    assemble(all, table.n_rows())
}

/// Names that are taken. A few are compared one by one, which for a single row costs less than a set does.
#[derive(Default)]
struct Names {
    few: Vec<Arc<str>>,
    many: BTreeSet<Arc<str>>,
}

impl Names {
    const N_FEW: usize = 24;

    fn of(names: impl Iterator<Item = Arc<str>>) -> Self {
        let mut taken = Self::default();
        for name in names {
            taken.insert(name);
        }
        taken
    }

    /// Adds a name; false if it is there.
    fn insert(&mut self, name: Arc<str>) -> bool {
        if self.few.contains(&name) || self.many.contains(&name) {
            return false;
        }
        if self.few.len() < Self::N_FEW {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        true
    }
}

fn free_name(name: &str, taken: &mut Names) -> Arc<str> {
    let mut free: Arc<str> = name.into();
    let mut suffix = 2;
    while !taken.insert(free.clone()) {
        free = format!("{name}_{suffix}").into();
        suffix += 1;
    }
    free
}

fn assemble(columns: Vec<(Arc<str>, Arc<Column>)>, n_rows: usize) -> Table {
    if columns.is_empty() {
        return Table::without_columns(n_rows);
    }
    Table::from_shared(columns).expect("names were made distinct and every step keeps the rows")
}
