//! Warnings that follow from the profile itself: what a column or the target looks like.

use super::format::{and_list, count, percent, plural};
use super::leak::is_row_number;
use super::model::{ColumnProfile, Drift, Profile, Summary};
use super::{ProfileOptions, drift};
use crate::infer::times::Iso;
use crate::wording::{self, Fate};
use automl_core::metrics::Metric;
use automl_core::{Column, Kind, Role, Schema, Table, Warning, WarningKind};

/// A category of more levels than this has many.
const MANY_LEVELS: u64 = 100;
/// Fewer rows say nothing about identifiers.
const MIN_ID_ROWS: u64 = 20;

/// All of them, in the order of the columns.
pub(super) fn all(
    profile: &Profile,
    table: &Table,
    other: Option<(&Table, &Schema)>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    warnings.extend(imbalance(profile));
    for (position, column) in profile.columns.iter().enumerate() {
        if column.role == Role::Ignored {
            continue;
        }
        let finding = constant(profile, column, table.column_at(position))
            .or_else(|| id_like(profile, column, table.column_at(position)))
            .or_else(|| many_levels(column));
        warnings.extend(finding);
        if let Column::Category { levels, .. } = table.column_at(position)
            && column.role != Role::Id
        {
            warnings.extend(wording::near_levels(
                &column.name,
                column.role,
                levels.iter(),
            ));
        }
    }
    warnings.extend(repeated_rows(profile));
    if let Some((other, _)) = other {
        for column in profile
            .columns
            .iter()
            .filter(|column| column.role != Role::Ignored)
        {
            let compared = Compared {
                name: &column.name,
                kind: column.kind,
                role: column.role,
                n_rows: profile.n_rows,
                n_missing: column.n_missing,
                drift: column.drift.as_ref(),
            };
            warnings.extend(compared.warning(other, &PROFILED));
        }
    }
    warnings
}

fn constant(profile: &Profile, column: &ColumnProfile, values: &Column) -> Option<Warning> {
    let name = column.name.as_str();
    let is_empty = column.n_missing == profile.n_rows;
    let is_constant = column.n_distinct == 1 && column.n_missing == 0;
    let value = if is_empty && profile.n_rows > 0 {
        None
    } else if is_constant && profile.n_rows > 1 {
        first_cell(values)
    } else {
        return None;
    };
    if column.role != Role::Target {
        return Some(wording::constant(name, value.as_deref(), Fate::Kept));
    }
    let found = wording::constant_found(name, value.as_deref());
    let message = format!("{found}; there is nothing to learn, choose another target");
    Some(Warning::new(WarningKind::ConstantColumn, [name], message))
}

fn first_cell(values: &Column) -> Option<String> {
    match values {
        Column::Number(numbers) => numbers.first().map(f64::to_string),
        Column::Category { codes, levels } => levels.get(*codes.first()?).map(str::to_owned),
        Column::Text(texts) => texts.get(0).map(str::to_owned),
        Column::Timestamp(times) => times.first().map(|&time| Iso(time).to_string()),
        Column::Sparse(_) => None,
    }
}

fn id_like(profile: &Profile, column: &ColumnProfile, values: &Column) -> Option<Warning> {
    let n_present = profile.n_rows - column.n_missing;
    if column.role == Role::Target || n_present < MIN_ID_ROWS {
        return None;
    }
    let is_unique = column.n_distinct == n_present;
    let is_name = column.n_distinct * 20 >= n_present * 19;
    let is_id = column.role == Role::Id
        || match (values, &column.summary) {
            (Column::Category { .. }, _) => is_name,
            (Column::Number(_), _) if is_row_number(values) => true,
            (Column::Number(numbers), Summary::Numbers(summary)) => {
                // Whole numbers that fill their range: a shuffled row number.
                is_unique
                    && numbers
                        .iter()
                        .all(|value| value.is_nan() || value.fract() == 0.0)
                    && summary.max - summary.min < 1.2 * n_present as f64
            }
            _ => false,
        };
    if !is_id || column.role == Role::Time {
        return None;
    }
    let name = column.name.as_str();
    let fate = if column.role == Role::Feature {
        Fate::Kept
    } else {
        Fate::LeftOut
    };
    Some(wording::id_like(name, column.n_distinct, n_present, fate))
}

fn many_levels(column: &ColumnProfile) -> Option<Warning> {
    let is_category = matches!(column.summary, Summary::Levels(_));
    if !is_category || column.n_distinct <= MANY_LEVELS || column.role != Role::Feature {
        return None;
    }
    let name = column.name.as_str();
    let message = format!(
        "'{name}' has {} levels; rare ones are pooled or encoded by the target, and new rows may bring unseen ones",
        count(column.n_distinct)
    );
    Some(Warning::new(WarningKind::HighCardinality, [name], message))
}

fn imbalance(profile: &Profile) -> Option<Warning> {
    let target = profile.target.as_ref().filter(|target| target.is_class)?;
    let column = profile
        .columns
        .iter()
        .find(|column| column.name == target.name)?;
    let Summary::Levels(summary) = &column.summary else {
        return None;
    };
    let n_present = profile.n_rows - column.n_missing;
    let share = summary.n_rarest as f64 / n_present.max(1) as f64;
    if column.n_distinct < 2 || share * column.n_distinct as f64 >= 0.1 {
        return None;
    }
    let name = target.name.as_str();
    let metric = if column.n_distinct == 2 {
        Metric::AveragePrecision
    } else {
        Metric::BalancedAccuracy
    };
    let message = format!(
        "class '{}' of '{name}' has {} of the rows ({}); accuracy hides errors on it, {} does not",
        summary.rarest,
        percent(share),
        count(summary.n_rarest),
        metric.name(),
    );
    Some(Warning::new(WarningKind::ClassImbalance, [name], message))
}

fn repeated_rows(profile: &Profile) -> Option<Warning> {
    let share = |n: u64| n as f64 / profile.n_rows.max(1) as f64;
    let repeated = &profile.repeated_rows;
    let (n, how) = if repeated.n_exact > 1 && share(repeated.n_exact) >= 0.01 && !repeated.is_chance
    {
        (repeated.n_exact, "repeat an earlier row")
    } else if repeated.n_near > repeated.n_exact && share(repeated.n_near) >= 0.05 {
        (repeated.n_near, "nearly repeat an earlier row")
    } else {
        return None;
    };
    let mut message = format!(
        "{} ({}) {how}; if they are one observation written twice, remove them, or scores will be too good",
        plural(n, "row"),
        percent(share(n)),
    );
    if share(repeated.n_contradicting) >= 0.01 {
        message.extend([
            "; ",
            &plural(repeated.n_contradicting, "row"),
            " have the features of another row but another target, which no model can get right",
        ]);
    }
    Some(Warning::new(WarningKind::DuplicateRows, [""; 0], message))
}

/// What marks a column's drift.
pub(super) const DRIFT_RULE: &str = "the second table differs: by a distance of 0.1 or more that is not chance, by unseen levels in 1 % of its rows, or by 10 points in what is missing; a warning says how";
const MIN_DISTANCE: f64 = 0.1;
const MIN_UNSEEN: f64 = 0.01;
const MIN_MISSING_CHANGE: f64 = 0.1;

/// Whether the column of this name is warned of for its drift.
pub(super) fn drifts(profile: &Profile, name: &str) -> bool {
    (profile.warnings.iter())
        .any(|warning| warning.kind == WarningKind::Drift && warning.columns == [name])
}

/// What the tables of a comparison are called.
struct Called {
    first: &'static str,
    second: &'static str,
}

const PROFILED: Called = Called {
    first: "the first",
    second: "the second table",
};
const FITTED: Called = Called {
    first: "the training table",
    second: "the test table",
};

/// A column that differs in the table that a model is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftedColumn {
    /// What a fit says of it.
    pub warning: Warning,
    /// Whether it is there with the same kind and levels, as often as in the training table, and only its values lie
    /// elsewhere.
    pub is_moved: bool,
}

/// The features of `table` that differ in `other`, a table that the model of a fit is for; `schema` says which columns are
/// features.
pub fn drifted_columns(table: &Table, schema: &Schema, other: &Table) -> Vec<DriftedColumn> {
    /// Rows of each table, at most: hundreds of columns then take a second.
    const MAX_ROWS: usize = 20_000;
    let options = ProfileOptions {
        max_rows: MAX_ROWS,
        ..ProfileOptions::default()
    };
    let features = schema.with_role(Role::Feature).filter_map(|field| {
        let column = table.column(&field.name)?;
        let drift = drift::compare(&field.name, column, other, &options);
        let compared = Compared {
            name: &field.name,
            kind: field.kind,
            role: field.role,
            n_rows: table.n_rows() as u64,
            n_missing: column.n_missing() as u64,
            drift: drift.as_ref(),
        };
        let other_column = compared.other_column(other, &FITTED);
        let is_moved = other_column.is_none();
        let warning = other_column.or_else(|| compared.moved(&FITTED))?;
        Some(DriftedColumn { warning, is_moved })
    });
    features.collect()
}

/// A column of the first table, and how it differs in the second.
struct Compared<'a> {
    name: &'a str,
    kind: Kind,
    role: Role,
    n_rows: u64,
    n_missing: u64,
    drift: Option<&'a Drift>,
}

impl Compared<'_> {
    fn warning(&self, other: &Table, called: &Called) -> Option<Warning> {
        let other_column = self.other_column(other, called);
        other_column.or_else(|| self.moved(called))
    }

    /// A column that is not there, or is another in its kind, in what is missing, or in its levels.
    fn other_column(&self, other: &Table, called: &Called) -> Option<Warning> {
        let name = self.name;
        let Called { first, second } = called;
        let warn = |found: String| Some(Warning::new(WarningKind::Drift, [name], found));
        let Some(drift) = self.drift else {
            return match other.column(name) {
                None if self.role == Role::Target => None,
                None => warn(format!("'{name}' is not in {second}")),
                Some(found) if found.kind_name() != self.kind_in_memory() => warn(format!(
                    "'{name}' is a {} column here and a {} column in {second}; give both one --schema",
                    self.kind_in_memory(),
                    found.kind_name(),
                )),
                Some(_) => None,
            };
        };
        let missing = self.n_missing as f64 / self.n_rows.max(1) as f64;
        let (n, m) = (self.n_rows.max(1) as f64, other.n_rows().max(1) as f64);
        let pooled = (missing * n + drift.other_missing_share * m) / (n + m);
        let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        let change = (drift.other_missing_share - missing).abs();
        if change >= MIN_MISSING_CHANGE && change > 4.0 * deviation {
            return warn(format!(
                "'{name}' is missing in {} of {second}'s rows and in {} of {first}'s; find out what changed",
                percent(drift.other_missing_share),
                percent(missing),
            ));
        }
        if drift.unseen_share >= MIN_UNSEEN && self.role != Role::Id {
            let names: Vec<&str> = drift.unseen.iter().map(String::as_str).collect();
            return warn(format!(
                "{} of {second}'s rows have levels of '{name}' that {first} lacks, such as {}; a model treats them as unseen",
                percent(drift.unseen_share),
                and_list(&names),
            ));
        }
        None
    }

    /// A column whose values lie elsewhere.
    fn moved(&self, called: &Called) -> Option<Warning> {
        let drift = self.drift?;
        let is_moved = drift.is_significant && drift.distance >= MIN_DISTANCE;
        let message = format!(
            "'{}' is distributed differently in {} (distance {:.2} of 1, stability index {:.2}); scores there may be worse",
            self.name, called.second, drift.distance, drift.stability_index,
        );
        (is_moved && self.role != Role::Id)
            .then(|| Warning::new(WarningKind::Drift, [self.name], message))
    }

    fn kind_in_memory(&self) -> &'static str {
        match self.kind {
            Kind::Boolean => "category",
            kind => kind.name(),
        }
    }
}
