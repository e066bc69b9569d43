//! From a target column to a task: what the user said, or what its values suggest.

use crate::EngineError;
use automl_core::{
    Column, Field, Kind, Levels, Schema, Target, Task, TaskKind, Texts, UNSEEN_CODE, Warning,
    WarningKind, Warnings, nearest,
};
use std::borrow::Cow;

/// A whole-number target with at most this many values is read as classes.
const MAX_NUMBER_CLASSES: usize = 20;
/// With fewer rows a class than this, on average, the target is more likely a name than a class.
const MIN_ROWS_PER_CLASS: usize = 3;
/// Of fewer rows of a class a fold has next to none.
pub const FEW_ROWS: usize = 10;
/// More classes than this are refused.
const MAX_CLASSES: usize = 1000;

/// A task, its target, and why this task.
type Settled = (Task, Target, String);

/// The task and the target of the rows that have one, and why this task.
pub(super) fn read_target(
    field: &Field,
    column: &Column,
    rows: &[u32],
    wanted: Option<TaskKind>,
) -> Result<Settled, EngineError> {
    let fail = |reason: String| EngineError::Target {
        name: field.name.clone(),
        reason,
    };
    if matches!(wanted, Some(TaskKind::Regression | TaskKind::Quantile)) {
        let not_numbers = || EngineError::TargetNotNumbers {
            name: field.name.clone(),
            kind: field.kind,
        };
        let values = numbers(column, rows).ok_or_else(not_numbers)?;
        return number_target(field, &values, rows, wanted);
    }
    match column {
        Column::Number(values) => number_target(field, values, rows, wanted),
        Column::Category { codes, levels } => {
            let codes: Vec<u32> = rows.iter().map(|&row| codes[row as usize]).collect();
            check_declared(&codes, rows, levels).map_err(fail)?;
            let (codes, labels) = used_levels(&codes, levels);
            let reason = format!(
                "'{}' is a {} with {} levels",
                field.name,
                field.kind.name(),
                labels.len()
            );
            classes(field, codes, labels, wanted, reason)
        }
        Column::Text(texts) => text_target(field, texts, rows, wanted),
        Column::Timestamp(_) | Column::Sparse(_) => Err(fail(format!(
            "a {} cannot be predicted",
            column.kind_name()
        ))),
    }
}

/// The column as numbers: those that it holds, or those that its levels are.
fn numbers<'a>(column: &'a Column, rows: &[u32]) -> Option<Cow<'a, [f64]>> {
    // A number of more digits may be rounded.
    const MAX_DIGITS: usize = 15;
    match column {
        Column::Number(values) => Some(Cow::Borrowed(values)),
        Column::Category { codes, levels } => {
            let of_level: Vec<Option<f64>> = levels
                .iter()
                .map(|level| level.parse().ok().filter(|_| level.len() <= MAX_DIGITS))
                .map(|value: Option<f64>| value.filter(|value| value.is_finite()))
                .collect();
            let mut values = vec![f64::NAN; codes.len()];
            for &row in rows {
                values[row as usize] = *of_level.get(codes[row as usize] as usize)?.as_ref()?;
            }
            Some(Cow::Owned(values))
        }
        Column::Text(_) | Column::Timestamp(_) | Column::Sparse(_) => None,
    }
}

/// Says that the target is numbers, so that it is read as such where the model is tested.
pub(super) fn read_as_number(schema: &mut Schema, target: &str) {
    let mut fields = schema.fields.iter_mut();
    if let Some(field) = fields.find(|field| field.name == target && field.kind != Kind::Number) {
        field.kind = Kind::Number;
        field.levels = Vec::new();
        field.format = None;
    }
}

/// Numbers: classes if they look like codes or were said to be, else amounts.
fn number_target(
    field: &Field,
    values: &[f64],
    rows: &[u32],
    wanted: Option<TaskKind>,
) -> Result<Settled, EngineError> {
    let present: Vec<f64> = rows.iter().map(|&row| values[row as usize]).collect();
    let mut distinct = present.clone();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() == 1 {
        return Err(EngineError::Target {
            name: field.name.clone(),
            reason: format!("all its values are {}", distinct[0]),
        });
    }
    let is_whole = distinct.iter().all(|value| value.fract() == 0.0);
    let few = distinct.len() <= MAX_NUMBER_CLASSES && distinct.len() * 10 <= rows.len().max(20);
    let as_classes = match wanted {
        Some(kind) => matches!(kind, TaskKind::Binary | TaskKind::Multiclass),
        None => is_whole && (distinct.len() == 2 || few && is_consecutive(&distinct)),
    };
    if !as_classes {
        check_size(field, &present)?;
        let few = is_whole && few && wanted.is_none();
        let other = if few {
            "; --task multiclass predicts them as classes"
        } else {
            ""
        };
        let reason = format!(
            "'{}' holds numbers with {} distinct values{other}",
            field.name,
            distinct.len()
        );
        return Ok((Task::Regression, Target::Numbers(present.into()), reason));
    }
    let labels = distinct.iter().map(ToString::to_string).collect();
    let code = |value: &f64| distinct.partition_point(|known| known < value) as u32;
    let other = if wanted.is_none() {
        "; --task regression predicts them as amounts"
    } else {
        ""
    };
    let reason = format!(
        "'{}' holds {} distinct whole numbers{other}",
        field.name,
        distinct.len()
    );
    classes(
        field,
        present.iter().map(code).collect(),
        labels,
        wanted,
        reason,
    )
}

/// Learners and metrics add up squares of the target, which must stay finite.
fn check_size(field: &Field, values: &[f64]) -> Result<(), EngineError> {
    let greatest = values.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
    // Errors can be twice as large as the target.
    let sum = 2.0 * greatest * values.len() as f64;
    if (sum * sum).is_finite() {
        return Ok(());
    }
    Err(EngineError::Target {
        name: field.name.clone(),
        reason: format!(
            "its values, up to {greatest:e} in size, are too large to square; divide them by a constant"
        ),
    })
}

/// Texts: each distinct one is a class.
fn text_target(
    field: &Field,
    texts: &Texts,
    rows: &[u32],
    wanted: Option<TaskKind>,
) -> Result<Settled, EngineError> {
    let mut labels: Vec<&str> = rows
        .iter()
        .filter_map(|&row| texts.get(row as usize))
        .collect();
    labels.sort_unstable();
    labels.dedup();
    let code = |row: &u32| {
        let text = texts.get(*row as usize).unwrap_or_default();
        labels.partition_point(|known| *known < text) as u32
    };
    let codes = rows.iter().map(code).collect();
    let reason = format!("'{}' holds {} distinct texts", field.name, labels.len());
    classes(
        field,
        codes,
        labels.iter().map(ToString::to_string).collect(),
        wanted,
        reason,
    )
}

/// Whether sorted whole numbers have no gap: 0, 1, 2 are classes; 10, 20, 500 are amounts.
fn is_consecutive(distinct: &[f64]) -> bool {
    distinct.len() <= 10 && distinct.windows(2).all(|pair| pair[1] - pair[0] == 1.0)
}

/// A level that the schema file does not declare is a mistake in one of the two, not a level without a name. Missing
/// cells are none.
pub(super) fn check_declared(codes: &[u32], rows: &[u32], levels: &Levels) -> Result<(), String> {
    const SHOWN: usize = 10;
    let n_undeclared = codes.iter().filter(|&&code| code == UNSEEN_CODE).count();
    let Some(first) = codes.iter().position(|&code| code == UNSEEN_CODE) else {
        return Ok(());
    };
    let known: Vec<&str> = levels.iter().take(SHOWN).collect();
    let more = if levels.len() > SHOWN {
        " and others"
    } else {
        ""
    };
    Err(format!(
        "{n_undeclared} of its values, the first in data row {}, are none of the levels that the schema declares: {}{more}",
        rows[first] + 1,
        known.join(", ")
    ))
}

/// Codes renumbered over the levels that occur, sorted by label.
fn used_levels(codes: &[u32], levels: &Levels) -> (Vec<u32>, Vec<String>) {
    let mut used: Vec<u32> = codes.to_vec();
    used.sort_unstable();
    used.dedup();
    let codes = codes
        .iter()
        .map(|code| used.partition_point(|known| known < code) as u32)
        .collect();
    (
        codes,
        used.iter()
            .map(|&code| levels.get(code).unwrap_or_default().to_owned())
            .collect(),
    )
}

fn classes(
    field: &Field,
    codes: Vec<u32>,
    labels: Vec<String>,
    wanted: Option<TaskKind>,
    reason: String,
) -> Result<Settled, EngineError> {
    let fail = |reason: String| EngineError::Target {
        name: field.name.clone(),
        reason,
    };
    let n_rows = codes.len();
    if labels.len() == 1 {
        return Err(fail(format!("it has one class, '{}'", labels[0])));
    }
    if wanted == Some(TaskKind::Binary) && labels.len() > 2 {
        return Err(fail(format!(
            "a binary task needs 2 classes, it has {}",
            labels.len()
        )));
    }
    if wanted == Some(TaskKind::Multiclass) && labels.len() == 2 {
        return Err(fail(
            "a multiclass task needs 3 classes or more, it has 2".into(),
        ));
    }
    let mut counts = vec![0_usize; labels.len()];
    for &code in &codes {
        counts[code as usize] += 1;
    }
    if counts.iter().all(|&count| count == 1) {
        return Err(fail(format!(
            "each of its {n_rows} rows has a class of its own"
        )));
    }
    if labels.len() > MAX_CLASSES {
        return Err(fail(format!(
            "it has {} classes, at most {MAX_CLASSES} can be learned",
            labels.len()
        )));
    }
    let task = if labels.len() == 2 {
        Task::Binary { classes: labels }
    } else {
        Task::Multiclass { classes: labels }
    };
    Ok((task, Target::Classes(codes.into()), reason))
}

/// The task with `positive` as its second class.
pub(super) fn with_positive(
    name: &str,
    task: &Task,
    target: Target,
    positive: &str,
) -> Result<(Task, Target), EngineError> {
    let (Task::Binary { mut classes }, Target::Classes(codes)) = (task.clone(), target) else {
        return Err(EngineError::PositiveTask {
            positive: positive.to_owned(),
            task: task.kind().name(),
        });
    };
    let Some(code) = classes.iter().position(|class| class == positive) else {
        return Err(EngineError::PositiveUnknown {
            target: name.to_owned(),
            positive: positive.to_owned(),
            near: nearest(positive, classes.iter().map(String::as_str)),
            classes,
        });
    };
    if code == 1 {
        return Ok((Task::Binary { classes }, Target::Classes(codes)));
    }
    classes.reverse();
    let codes: Vec<u32> = codes.iter().map(|code| 1 - code).collect();
    Ok((Task::Binary { classes }, Target::Classes(codes.into())))
}

/// Says so when classes have next to no rows: if most have, such a target is often a name, an amount or a date.
pub(super) fn warn_of_rare(name: &str, task: &Task, target: &Target, warnings: &Warnings) {
    let (Target::Classes(codes), classes) = (target, task.classes()) else {
        return;
    };
    let (n_rows, n_classes) = (codes.len(), classes.len());
    if n_classes > 2 && n_rows < n_classes * MIN_ROWS_PER_CLASS {
        let message = format!(
            "target '{name}' has {n_classes} classes in {n_rows} rows, too few of each to learn from; is it the right column?"
        );
        warnings.push(Warning::new(WarningKind::ScatteredTarget, [name], message));
        return;
    }
    let mut counts = vec![0_usize; n_classes];
    for code in codes.iter() {
        counts[*code as usize] += 1;
    }
    let rows_of = |wanted: fn(usize) -> bool| -> Vec<(&str, usize)> {
        let counted = classes.iter().map(String::as_str).zip(counts.clone());
        counted.filter(|(_, count)| wanted(*count)).collect()
    };
    let single = rows_of(|count| count == 1);
    let few = rows_of(|count| (2..FEW_ROWS).contains(&count));
    let is_small = counts.iter().all(|count| *count < FEW_ROWS);
    let messages = [
        of_single(name, &single),
        of_few(name, few).filter(|_| !is_small),
    ];
    for message in messages.into_iter().flatten() {
        warnings.push(Warning::new(WarningKind::ClassImbalance, [name], message));
    }
}

/// Classes of one row.
fn of_single(name: &str, single: &[(&str, usize)]) -> Option<String> {
    let whose = match single {
        [] => return None,
        [(class, _)] => format!("class '{class}' of '{name}' has 1 row"),
        [(first, _), others @ ..] => format!(
            "class '{first}' and {} more of '{name}' have 1 row each",
            others.len()
        ),
    };
    Some(format!(
        "{whose}: no model can both learn such a class and be judged by it, and scores count it as one that was never seen; \
         drop the rows, or join classes"
    ))
}

/// Classes of so few rows that chance decides how they are judged, the rarest first.
fn of_few(name: &str, mut few: Vec<(&str, usize)>) -> Option<String> {
    /// Classes that are named.
    const MAX_NAMED: usize = 3;
    few.sort_by_key(|(_, count)| *count);
    let whose = match few.as_slice() {
        [] => return None,
        [(class, count)] => format!("class '{class}' of '{name}' has {count} rows"),
        all => {
            let named = all.iter().take(MAX_NAMED);
            let named: Vec<String> = named
                .map(|(class, count)| format!("'{class}' ({count})"))
                .collect();
            let more = match all.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                n_more => format!(" and {n_more} more"),
            };
            format!(
                "classes {}{more} of '{name}' have fewer than {FEW_ROWS} rows each",
                named.join(", ")
            )
        }
    };
    Some(format!(
        "{whose}: folds have next to none to learn from and to be judged by, so scores say little of how well such a class is \
         told; bring more rows, join classes, or drop the rows"
    ))
}
