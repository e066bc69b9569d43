//! MLflow's SQLite file. Tables and columns that its version does not have yet are taken for empty.

use super::files::{self, Roots};
use super::{Experiment, ImportError, LoggedModel, Owner, RegisteredModel, Run, Source};
use crate::args;
use crate::db::{self, Arg, DbError, Row, Sql};
use crate::registry::ModelVersion;
use crate::tracking::KeyValue;
use crate::tracking::inputs::{Dataset, DatasetInput, ModelLink};
use crate::tracking::log::Metric;
use crate::tracking::logged_models::Status;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// An SQLite file of MLflow, opened for reading alone.
pub struct DatabaseSource {
    place: String,
    sql: Box<dyn Sql>,
    /// Every `table.column` there is.
    columns: BTreeSet<String>,
    roots: Roots,
}

impl DatabaseSource {
    /// Opens a file. Relative URIs start in its folder; `artifacts` holds the files behind `mlflow-artifacts:` URIs,
    /// `mlartifacts` beside the file if it is not said.
    ///
    /// # Errors
    /// If it is no SQLite file, or has no runs of MLflow.
    pub fn open(path: &Path, artifacts: Option<PathBuf>) -> Result<Self, ImportError> {
        let place = path.display().to_string();
        let not_a_store = |reason: String| ImportError::NotAStore {
            place: place.clone(),
            reason,
        };
        if !path.is_file() {
            return Err(not_a_store("there is no such file or directory".into()));
        }
        let mut sql = db::open_foreign(path).map_err(|error| not_a_store(error.to_string()))?;
        let rows = sql.query(
            "SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'",
            &[],
        );
        let rows = rows.map_err(|error| not_a_store(error.to_string()))?;
        let columns: Result<BTreeSet<String>, DbError> =
            rows.iter().map(|row| row.text(0)).collect();
        let columns = columns?;
        if !columns.contains("runs.run_uuid") {
            return Err(not_a_store("it has no table of runs".into()));
        }
        let parent = path.canonicalize().ok();
        let parent = parent
            .as_deref()
            .and_then(Path::parent)
            .unwrap_or(Path::new("."));
        let roots = Roots {
            work_dir: parent.to_owned(),
            proxied: artifacts.unwrap_or_else(|| parent.join("mlartifacts")),
        };
        Ok(Self {
            place,
            sql,
            columns,
            roots,
        })
    }

    /// Some columns of the rows of a table, or nothing of those that are not there.
    fn rows(
        &mut self,
        table: &str,
        columns: &[&str],
        rest: &str,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, ImportError> {
        let is_there = |column: &str| self.columns.contains(&format!("{table}.{column}"));
        if !columns.iter().any(|column| is_there(column)) {
            return Ok(Vec::new());
        }
        let known = |column: &&str| {
            if is_there(column) {
                (*column).to_owned()
            } else {
                "NULL".into()
            }
        };
        let known: Vec<String> = columns.iter().map(known).collect();
        let query = format!("SELECT {} FROM {table} {rest}", known.join(", "));
        Ok(self.sql.query(&query, args)?)
    }

    fn pairs(
        &mut self,
        table: &str,
        columns: &[&str; 2],
        rest: &str,
        args: &[Arg<'_>],
    ) -> Result<Vec<KeyValue>, ImportError> {
        let rows = self.rows(table, columns, rest, args)?;
        let pair = |row: &Row| {
            Ok(KeyValue {
                key: row.text(0)?,
                value: row.maybe_text(1)?.unwrap_or_default(),
            })
        };
        rows.iter().map(pair).collect()
    }

    fn one(&self, rows: Vec<Row>, what: &str, id: &str) -> Result<Row, ImportError> {
        rows.into_iter()
            .next()
            .ok_or_else(|| ImportError::Malformed {
                place: self.place.clone(),
                reason: format!("{what} {id} is gone"),
            })
    }

    fn ids(
        &mut self,
        table: &str,
        column: &str,
        rest: &str,
        args: &[Arg<'_>],
    ) -> Result<Vec<String>, ImportError> {
        let rows = self.rows(table, &[column], rest, args)?;
        rows.iter().map(|row| Ok(row.text(0)?)).collect()
    }

    fn datasets(&mut self, run: &str) -> Result<Vec<DatasetInput>, ImportError> {
        let inputs = self.rows(
            "inputs",
            &["input_uuid", "source_id"],
            "WHERE source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id = ?1 ORDER BY rowid",
            args![run],
        )?;
        let columns = [
            "name",
            "digest",
            "dataset_source_type",
            "dataset_source",
            "dataset_schema",
            "dataset_profile",
        ];
        let mut found = Vec::new();
        for input in inputs {
            let (input_id, id) = (input.text(0)?, input.text(1)?);
            let rows = self.rows("datasets", &columns, "WHERE dataset_uuid = ?1", args![&id])?;
            let row = self.one(rows, "dataset", &id)?;
            found.push(DatasetInput {
                dataset: Dataset {
                    name: row.text(0)?,
                    digest: row.text(1)?,
                    source_type: row.text(2)?,
                    source: row.text(3)?,
                    schema: row.maybe_text(4)?,
                    profile: row.maybe_text(5)?,
                },
                tags: self.pairs(
                    "input_tags",
                    &["name", "value"],
                    "WHERE input_uuid = ?1 ORDER BY name",
                    args![&input_id],
                )?,
            });
        }
        Ok(found)
    }

    fn links(&mut self, run: &str, [from, to]: [&str; 2]) -> Result<Vec<ModelLink>, ImportError> {
        let rows = self.rows(
            "inputs",
            &["destination_id", "step"],
            "WHERE source_type = ?1 AND source_id = ?2 AND destination_type = ?3 ORDER BY rowid",
            args![from, run, to],
        )?;
        let link = |row: &Row| {
            Ok(ModelLink {
                model_id: row.text(0)?,
                step: row.maybe_int(1)?.unwrap_or(0),
            })
        };
        rows.iter().map(link).collect()
    }
}

impl Source for DatabaseSource {
    fn experiments(&mut self) -> Result<Vec<Experiment>, ImportError> {
        let columns = [
            "experiment_id",
            "name",
            "lifecycle_stage",
            "creation_time",
            "last_update_time",
        ];
        let rows = self.rows("experiments", &columns, "ORDER BY experiment_id", &[])?;
        let mut found = Vec::new();
        for row in rows {
            let id = row.int(0)?;
            let tags = self.pairs(
                "experiment_tags",
                &["key", "value"],
                "WHERE experiment_id = ?1 ORDER BY key",
                args![id],
            )?;
            found.push(Experiment {
                id: id.to_string(),
                name: row.text(1)?,
                is_deleted: row.maybe_text(2)?.is_some_and(|stage| stage == "deleted"),
                created_ms: row.maybe_int(3)?.unwrap_or(0),
                updated_ms: row.maybe_int(4)?.unwrap_or(0),
                tags,
            });
        }
        Ok(found)
    }

    fn runs(&mut self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let rest = "WHERE experiment_id = CAST(?1 AS INTEGER) ORDER BY start_time, run_uuid";
        self.ids("runs", "run_uuid", rest, args![experiment])
    }

    fn run(&mut self, _experiment: &str, id: &str) -> Result<Run, ImportError> {
        let columns = [
            "name",
            "user_id",
            "status",
            "start_time",
            "end_time",
            "lifecycle_stage",
            "deleted_time",
            "artifact_uri",
        ];
        let rows = self.rows("runs", &columns, "WHERE run_uuid = ?1", args![id])?;
        let row = self.one(rows, "run", id)?;
        let of_run = "WHERE run_uuid = ?1 ORDER BY key";
        let rows = self.rows(
            "metrics",
            &["key", "timestamp", "step", "value", "is_nan"],
            "WHERE run_uuid = ?1 ORDER BY key, timestamp, step",
            args![id],
        )?;
        let metric = |row: &Row| {
            let is_nan = row.maybe_int(4)?.unwrap_or(0) != 0;
            Ok(Metric {
                key: row.text(0)?,
                timestamp_ms: row.int(1)?,
                step: row.maybe_int(2)?.unwrap_or(0),
                value: if is_nan { f64::NAN } else { row.real(3)? },
                ..Metric::default()
            })
        };
        Ok(Run {
            id: id.to_owned(),
            name: row.maybe_text(0)?.unwrap_or_default(),
            user_id: row.maybe_text(1)?.unwrap_or_default(),
            status: row.text(2)?,
            start_ms: row.maybe_int(3)?,
            end_ms: row.maybe_int(4)?,
            is_deleted: row.maybe_text(5)?.is_some_and(|stage| stage == "deleted"),
            deleted_ms: row.maybe_int(6)?,
            artifact_uri: row.maybe_text(7)?.unwrap_or_default(),
            params: self.pairs("params", &["key", "value"], of_run, args![id])?,
            tags: self.pairs("tags", &["key", "value"], of_run, args![id])?,
            metrics: rows
                .iter()
                .map(metric)
                .collect::<Result<_, ImportError>>()?,
            datasets: self.datasets(id)?,
            models_in: self.links(id, ["RUN_INPUT", "MODEL_INPUT"])?,
            models_out: self.links(id, ["RUN_OUTPUT", "MODEL_OUTPUT"])?,
        })
    }

    fn models(&mut self, experiment: &str) -> Result<Vec<String>, ImportError> {
        let rest = "WHERE experiment_id = CAST(?1 AS INTEGER) AND lifecycle_stage = 'active' ORDER BY creation_timestamp_ms, model_id";
        self.ids("logged_models", "model_id", rest, args![experiment])
    }

    fn model(&mut self, _experiment: &str, id: &str) -> Result<LoggedModel, ImportError> {
        let columns = [
            "name",
            "artifact_location",
            "creation_timestamp_ms",
            "last_updated_timestamp_ms",
            "status",
            "status_message",
            "model_type",
            "source_run_id",
        ];
        let rows = self.rows("logged_models", &columns, "WHERE model_id = ?1", args![id])?;
        let row = self.one(rows, "logged model", id)?;
        let status = Status::of_wire(&row.int(4)?.to_string());
        let rows = self.rows(
            "logged_model_metrics",
            &[
                "metric_name",
                "metric_timestamp_ms",
                "metric_step",
                "metric_value",
                "run_id",
                "dataset_name",
                "dataset_digest",
            ],
            "WHERE model_id = ?1 ORDER BY metric_name, metric_timestamp_ms",
            args![id],
        )?;
        let metric = |row: &Row| {
            let metric = Metric {
                key: row.text(0)?,
                timestamp_ms: row.int(1)?,
                step: row.int(2)?,
                value: row.real(3).unwrap_or(f64::NAN),
                model_id: Some(id.to_owned()),
                dataset_name: row.maybe_text(5)?,
                dataset_digest: row.maybe_text(6)?,
            };
            Ok((metric, row.text(4)?))
        };
        Ok(LoggedModel {
            id: id.to_owned(),
            name: row.text(0)?,
            artifact_uri: row.text(1)?,
            created_ms: row.int(2)?,
            updated_ms: row.int(3)?,
            status: status.unwrap_or(Status::Failed),
            status_message: row.maybe_text(5)?,
            model_type: row.maybe_text(6)?,
            source_run_id: row.maybe_text(7)?,
            params: self.pairs(
                "logged_model_params",
                &["param_key", "param_value"],
                "WHERE model_id = ?1 ORDER BY param_key",
                args![id],
            )?,
            tags: self.pairs(
                "logged_model_tags",
                &["tag_key", "tag_value"],
                "WHERE model_id = ?1 ORDER BY tag_key",
                args![id],
            )?,
            metrics: rows
                .iter()
                .map(metric)
                .collect::<Result<_, ImportError>>()?,
        })
    }

    fn registered(&mut self) -> Result<Vec<String>, ImportError> {
        self.ids("registered_models", "name", "ORDER BY name", &[])
    }

    fn registered_model(&mut self, name: &str) -> Result<RegisteredModel, ImportError> {
        let columns = ["description", "creation_time", "last_updated_time"];
        let rows = self.rows(
            "registered_models",
            &columns,
            "WHERE name = ?1",
            args![name],
        )?;
        let row = self.one(rows, "registered model", name)?;
        let aliases = self.rows(
            "registered_model_aliases",
            &["alias", "version"],
            "WHERE name = ?1 ORDER BY alias",
            args![name],
        )?;
        let columns = [
            "version",
            "creation_time",
            "last_updated_time",
            "description",
            "user_id",
            "current_stage",
            "source",
            "storage_location",
            "run_id",
            "run_link",
        ];
        let rows = self.rows(
            "model_versions",
            &columns,
            "WHERE name = ?1 ORDER BY version",
            args![name],
        )?;
        let mut versions = Vec::new();
        for row in rows {
            versions.push(self.version(name, &row)?);
        }
        // A version that was deleted leaves only its mark.
        versions.retain(|version: &ModelVersion| version.stage != "Deleted_Internal");
        Ok(RegisteredModel {
            name: name.to_owned(),
            description: row.maybe_text(0)?,
            created_ms: row.maybe_int(1)?.unwrap_or(0),
            updated_ms: row.maybe_int(2)?.unwrap_or(0),
            tags: self.pairs(
                "registered_model_tags",
                &["key", "value"],
                "WHERE name = ?1 ORDER BY key",
                args![name],
            )?,
            aliases: (aliases.iter().map(|row| Ok((row.text(0)?, row.int(1)?))))
                .collect::<Result<_, ImportError>>()?,
            versions,
        })
    }

    fn files(&mut self, owner: Owner<'_>) -> Result<Option<Vec<String>>, ImportError> {
        self.roots
            .folder(owner)
            .map(|folder| files::list(&folder))
            .transpose()
    }

    fn open(&mut self, owner: Owner<'_>, path: &str) -> Result<Box<dyn Read>, ImportError> {
        files::open(&self.roots.folder(owner).unwrap_or_default(), path)
    }
}

impl DatabaseSource {
    fn version(&mut self, name: &str, row: &Row) -> Result<ModelVersion, ImportError> {
        let number = row.int(0)?;
        let source = row.maybe_text(6)?.unwrap_or_default();
        let model_id = source
            .strip_prefix("models:/")
            .filter(|id| id.starts_with("m-") && !id.contains('/'));
        Ok(ModelVersion {
            name: name.to_owned(),
            version: number,
            created_ms: row.maybe_int(1)?.unwrap_or(0),
            updated_ms: row.maybe_int(2)?.unwrap_or(0),
            description: row.maybe_text(3)?,
            user_id: row.maybe_text(4)?,
            stage: row.maybe_text(5)?.unwrap_or_else(|| "None".into()),
            storage_location: row.maybe_text(7)?.unwrap_or_else(|| source.clone()),
            run_id: row.maybe_text(8)?,
            run_link: row.maybe_text(9)?,
            model_id: model_id.map(str::to_owned),
            tags: self.pairs(
                "model_version_tags",
                &["key", "value"],
                "WHERE name = ?1 AND version = ?2 ORDER BY key",
                args![name, number],
            )?,
            aliases: Vec::new(),
            source,
        })
    }
}
