//! Constraints as they are written, `age:1,price:-1` and `age,income;price,size`, and as a grower keeps them.

use crate::binning::BinnedMatrix;
use crate::gradient_boosting::GradientBoostingParams;
use crate::grow::Limits;
use crate::objective::Goal;
use automl_core::{Column, ParamError, ParamValue, Params, Table, nearest};

const MONOTONE: &str = "monotone_constraints";
const INTERACTION: &str = "interaction_constraints";

/// Each name with its direction, in the order written.
pub(crate) fn directions(text: &str) -> Result<Vec<(String, i8)>, ParamError> {
    let read = |piece: &str| {
        let mut parts = pieces(piece, ':')?.into_iter();
        let (name, direction) = (parts.next()?, parts.next()?);
        let direction = match direction.trim_start_matches('+') {
            "1" => 1,
            "0" => 0,
            "-1" => -1,
            _ => return None,
        };
        let is_whole = parts.next().is_none() && !name.is_empty();
        is_whole.then(|| (unquoted(name), direction))
    };
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    pieces(text, ',')
        .and_then(|pieces| pieces.into_iter().map(read).collect())
        .ok_or_else(|| malformed(MONOTONE, text, "names with 1, 0 or -1, as age:1,price:-1"))
}

/// The names of each group, in the order written.
pub(crate) fn groups(text: &str) -> Result<Vec<Vec<String>>, ParamError> {
    let name = |name: &str| (!name.is_empty()).then(|| unquoted(name));
    let read = |group: &str| pieces(group, ',')?.into_iter().map(name).collect();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    pieces(text, ';')
        .and_then(|pieces| pieces.into_iter().map(read).collect())
        .ok_or_else(|| {
            malformed(
                INTERACTION,
                text,
                "groups of names, as age,income;price,size",
            )
        })
}

/// The constraints on the features of a matrix. Fails on a name that is no column, and on a direction that cannot be kept.
pub(super) fn limits(
    params: &GradientBoostingParams,
    goal: &Goal,
    table: &Table,
    matrix: &BinnedMatrix,
) -> Result<Limits, ParamError> {
    let features_of = |parameter: &str, name: &str| {
        let column = position(table, parameter, name)?;
        if name == params.offset_column {
            let reason = format!("names '{name}', which is the offset and no feature");
            return Err(conflict(params, parameter, reason));
        }
        let features = matrix.features.iter().zip(0_u32..);
        let of_column = features.filter(|(feature, _)| feature.column == column);
        Ok(of_column.map(|(_, index)| index).collect::<Vec<_>>())
    };
    let mut limits = Limits::default();
    let directions = directions(&params.monotone_constraints)?;
    if !directions.is_empty() {
        limits.directions = vec![0; matrix.features.len()];
        can_be_monotone(params, goal)?;
    }
    for (name, direction) in directions {
        let features = features_of(MONOTONE, &name)?;
        if direction != 0 && matches!(table.column(&name), Some(Column::Category { .. })) {
            let reason = format!("asks for an order of the categories of '{name}'");
            return Err(conflict(params, MONOTONE, reason));
        }
        // A constant column is no feature, and nothing can depend on it.
        for feature in features {
            limits.directions[feature as usize] = direction;
        }
    }
    let groups = groups(&params.interaction_constraints)?;
    if groups.is_empty() {
        return Ok(limits);
    }
    let mut is_grouped = vec![false; matrix.features.len()];
    for names in groups {
        let mut group = Vec::with_capacity(names.len());
        for name in names {
            for feature in features_of(INTERACTION, &name)? {
                is_grouped[feature as usize] = true;
                group.push(feature);
            }
        }
        group.sort_unstable();
        limits.groups.push(group);
    }
    let alone = (0..is_grouped.len()).filter(|&feature| !is_grouped[feature]);
    limits
        .groups
        .extend(alone.map(|feature| vec![feature as u32]));
    Ok(limits)
}

/// Whether predictions can be promised to follow a direction.
fn can_be_monotone(params: &GradientBoostingParams, goal: &Goal) -> Result<(), ParamError> {
    let reason = if goal.n_outputs() > 1 {
        "needs one output: classes that are more than two share their probability"
    } else if goal.leaf_quantile().is_some() {
        "needs leaves that follow the gradient, which those of this objective do not"
    } else {
        return Ok(());
    };
    Err(conflict(params, MONOTONE, reason.to_owned()))
}

fn position(table: &Table, parameter: &str, name: &str) -> Result<usize, ParamError> {
    let mut names = table.iter().map(|(known, _)| known);
    names
        .position(|known| known == name)
        .ok_or_else(|| ParamError::UnknownColumn {
            name: parameter.to_owned(),
            column: name.to_owned(),
            near: nearest(name, table.iter().map(|(known, _)| known)),
        })
}

fn conflict(params: &GradientBoostingParams, name: &str, reason: String) -> ParamError {
    ParamError::Conflict {
        name: name.to_owned(),
        value: params.get(name).expect("it is a parameter"),
        reason,
    }
}

fn malformed(name: &str, text: &str, domain: &str) -> ParamError {
    ParamError::Domain {
        name: name.to_owned(),
        value: ParamValue::Text(text.to_owned().into()),
        domain: domain.to_owned(),
    }
}

/// The trimmed pieces between separators that stand outside double quotes; `None` if a quote is left open.
fn pieces(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut is_quoted = false;
    let pieces = text
        .split(|letter| {
            is_quoted ^= letter == '"';
            letter == separator && !is_quoted
        })
        .map(str::trim)
        .collect();
    (!is_quoted).then_some(pieces)
}

fn unquoted(name: &str) -> String {
    let inner = name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(name).to_owned()
}
