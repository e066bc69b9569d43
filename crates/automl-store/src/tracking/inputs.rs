//! The data and models that a run read, and the models that it made.

use super::runs::RunInfo;
use super::{KeyValue, LIMITS, TrackingError, check_length, next_number};
use crate::args;
use crate::db::Sql;

/// A reference to data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Dataset {
    pub name: String,
    pub digest: String,
    pub source_type: String,
    pub source: String,
    pub schema: Option<String>,
    pub profile: Option<String>,
}

/// Data that a run read, with what it was read for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct DatasetInput {
    pub dataset: Dataset,
    pub tags: Vec<KeyValue>,
}

/// Whether a run read a model or made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub enum Direction {
    In,
    Out,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// A model that a run read or made, at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct ModelLink {
    pub model_id: String,
    pub step: i64,
}

/// Checks inputs before they are handed over.
pub fn check(inputs: &[DatasetInput]) -> Result<(), TrackingError> {
    for DatasetInput { dataset, tags } in inputs {
        if dataset.name.is_empty() || dataset.digest.is_empty() {
            return Err(TrackingError::Invalid(
                "A dataset needs a name and a digest".into(),
            ));
        }
        check_length("Dataset name", LIMITS.dataset_name, &dataset.name)?;
        check_length("Dataset digest", LIMITS.dataset_digest, &dataset.digest)?;
        check_length("Dataset source", LIMITS.dataset_source, &dataset.source)?;
        for (what, limit, text) in [
            ("Dataset schema", LIMITS.dataset_schema, &dataset.schema),
            ("Dataset profile", LIMITS.dataset_profile, &dataset.profile),
        ] {
            if let Some(text) = text {
                check_length(what, limit, text)?;
            }
        }
        for tag in tags {
            check_length("Input tag key", LIMITS.input_tag_key, &tag.key)?;
            check_length("Input tag value", LIMITS.input_tag_value, &tag.value)?;
        }
    }
    Ok(())
}

/// Notes that a run read data; the same data twice counts once, with the tags of the first time.
pub fn log_datasets(
    sql: &mut dyn Sql,
    run: &RunInfo,
    inputs: &[DatasetInput],
) -> Result<(), TrackingError> {
    for DatasetInput { dataset, tags } in inputs {
        let id = dataset_id(sql, run.experiment_id, dataset)?;
        let count = sql.execute(
            "INSERT INTO run_datasets (run, dataset_id, place) VALUES (?1, ?2, \
             (SELECT COUNT(*) FROM run_datasets WHERE run = ?1)) ON CONFLICT DO NOTHING",
            args![run.number, id],
        )?;
        if count == 0 {
            continue;
        }
        for tag in tags {
            sql.execute(
                "INSERT INTO run_dataset_tags (run, dataset_id, key, value) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (run, dataset_id, key) DO UPDATE SET value = excluded.value",
                args![run.number, id, &tag.key, &tag.value],
            )?;
        }
    }
    Ok(())
}

/// Notes that a run wrote data.
pub fn log_outputs(
    sql: &mut dyn Sql,
    run: &RunInfo,
    outputs: &[DatasetInput],
) -> Result<(), TrackingError> {
    for DatasetInput { dataset, .. } in outputs {
        let id = dataset_id(sql, run.experiment_id, dataset)?;
        sql.execute(
            "INSERT INTO run_outputs (run, dataset_id, place) VALUES (?1, ?2, \
             (SELECT COUNT(*) FROM run_outputs WHERE run = ?1)) ON CONFLICT DO NOTHING",
            args![run.number, id],
        )?;
    }
    Ok(())
}

fn dataset_id(
    sql: &mut dyn Sql,
    experiment_id: i64,
    dataset: &Dataset,
) -> Result<i64, TrackingError> {
    let find = "SELECT id FROM datasets WHERE experiment_id = ?1 AND name = ?2 AND digest = ?3";
    let known = sql.query_one(find, args![experiment_id, &dataset.name, &dataset.digest])?;
    if let Some(row) = known {
        return Ok(row.int(0)?);
    }
    let id = next_number(sql, "dataset")?;
    sql.execute(
        "INSERT INTO datasets (id, experiment_id, name, digest, source_type, source, schema, profile) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        args![
            id, experiment_id, &dataset.name, &dataset.digest, &dataset.source_type, &dataset.source,
            dataset.schema.as_deref(), dataset.profile.as_deref(),
        ],
    )?;
    Ok(id)
}

/// Notes the models that a run read or made.
pub fn log_models(
    sql: &mut dyn Sql,
    run: &RunInfo,
    direction: Direction,
    links: &[ModelLink],
) -> Result<(), TrackingError> {
    for link in links {
        check_length("model_id", LIMITS.key, &link.model_id)?;
        sql.execute(
            "INSERT INTO run_models (run, direction, model_id, step) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (run, direction, model_id) DO UPDATE SET step = excluded.step",
            args![run.number, direction.name(), &link.model_id, link.step],
        )?;
    }
    Ok(())
}

/// What data a run read, in the order in which it was logged.
pub fn datasets_of(sql: &mut dyn Sql, run: i64) -> Result<Vec<DatasetInput>, TrackingError> {
    let rows = sql.query(
        "SELECT d.id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile FROM run_datasets i \
         JOIN datasets d ON d.id = i.dataset_id WHERE i.run = ?1 ORDER BY i.place",
        args![run],
    )?;
    let mut inputs = Vec::new();
    for row in rows {
        let tags = sql.query(
            "SELECT key, value FROM run_dataset_tags WHERE run = ?1 AND dataset_id = ?2 ORDER BY key",
            args![run, row.int(0)?],
        )?;
        let tag = |row: &crate::db::Row| {
            Ok(KeyValue {
                key: row.text(0)?,
                value: row.text(1)?,
            })
        };
        inputs.push(DatasetInput {
            dataset: Dataset {
                name: row.text(1)?,
                digest: row.text(2)?,
                source_type: row.text(3)?,
                source: row.text(4)?,
                schema: row.maybe_text(5)?,
                profile: row.maybe_text(6)?,
            },
            tags: tags.iter().map(tag).collect::<Result<_, TrackingError>>()?,
        });
    }
    Ok(inputs)
}

/// The models that a run read or made.
pub fn models_of(
    sql: &mut dyn Sql,
    run: i64,
    direction: Direction,
) -> Result<Vec<ModelLink>, TrackingError> {
    let rows = sql.query(
        "SELECT model_id, step FROM run_models WHERE run = ?1 AND direction = ?2 ORDER BY model_id",
        args![run, direction.name()],
    )?;
    let link = |row: &crate::db::Row| {
        Ok(ModelLink {
            model_id: row.text(0)?,
            step: row.int(1)?,
        })
    };
    rows.iter().map(link).collect()
}

/// A dataset that runs of some experiments read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct DatasetSummary {
    pub experiment_id: i64,
    pub name: String,
    pub digest: String,
    pub context: Option<String>,
}

/// The tag that says what a dataset was read for.
pub const CONTEXT_TAG: &str = "mlflow.data.context";

/// The datasets that active runs of an experiment read.
pub fn summaries(
    sql: &mut dyn Sql,
    experiment_id: i64,
    n_max: usize,
) -> Result<Vec<DatasetSummary>, TrackingError> {
    let rows = sql.query(
        "SELECT DISTINCT d.name, d.digest, t.value FROM datasets d \
         JOIN run_datasets i ON i.dataset_id = d.id JOIN runs r ON r.run = i.run \
         LEFT JOIN run_dataset_tags t ON t.run = i.run AND t.dataset_id = d.id AND t.key = ?1 \
         WHERE d.experiment_id = ?2 AND r.stage = 'active' ORDER BY d.name, d.digest, t.value LIMIT ?3",
        args![CONTEXT_TAG, experiment_id, n_max as i64],
    )?;
    let summary = |row: &crate::db::Row| {
        Ok(DatasetSummary {
            experiment_id,
            name: row.text(0)?,
            digest: row.text(1)?,
            context: row.maybe_text(2)?,
        })
    };
    rows.iter().map(summary).collect()
}
