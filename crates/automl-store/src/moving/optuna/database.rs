//! Optuna's tables, in SQLite or Postgres. Casts make both give the same kinds of values.

use super::{ImportError, OptunaStudy, SYSTEM, USER, time_of};
use crate::args;
use crate::db::{self, Row, Sql};
use crate::studies::{Attribute, Direction, Measurement, NewTrial, Param, TrialState};
use std::collections::BTreeMap;
use std::path::Path;

/// A database of Optuna.
pub(super) struct Storage {
    place: String,
    sql: Box<dyn Sql>,
    /// Whether it is one file, in which a transaction must begin before each study; a server has begun one.
    is_file: bool,
}

/// A URL as Optuna's users write it, perhaps with the driver's name, as the client here takes it.
pub(super) fn postgres_url(place: &str) -> Option<String> {
    let (scheme, rest) = place.split_once("://")?;
    let (name, _driver) = scheme.split_once('+').unwrap_or((scheme, ""));
    matches!(name, "postgres" | "postgresql").then(|| format!("postgres://{rest}"))
}

impl Storage {
    pub(super) fn file(path: &Path) -> Result<Self, ImportError> {
        let place = path.display().to_string();
        let sql = db::open_foreign(path);
        let sql = sql.map_err(|error| ImportError::not_optuna(&place, &error))?;
        Self::checked(place, sql, true)
    }

    /// The address may hold a password, so it is not named.
    pub(super) fn server(url: &str) -> Result<Self, ImportError> {
        let place = "the given address".to_owned();
        let sql = db::open_foreign_server(url);
        let sql = sql.map_err(|error| ImportError::not_optuna(&place, &error))?;
        Self::checked(place, sql, false)
    }

    fn checked(place: String, sql: Box<dyn Sql>, is_file: bool) -> Result<Self, ImportError> {
        let mut storage = Self {
            place,
            sql,
            is_file,
        };
        let tables = "SELECT CAST(COUNT(*) AS BIGINT) FROM studies WHERE study_name IS NOT NULL";
        match storage.sql.query(tables, &[]) {
            Ok(_) => Ok(storage),
            Err(error) => Err(ImportError::not_optuna(&storage.place, &error)),
        }
    }

    fn rows(&mut self, query: &str, id: i64) -> Result<Vec<Row>, ImportError> {
        let rows = self.sql.query(query, args![id]);
        // A column that is not there is one of an older or newer version.
        rows.map_err(|error| ImportError::odd(&self.place, error.to_string()))
    }

    pub(super) fn names(&mut self) -> Result<Vec<String>, ImportError> {
        let rows = self
            .sql
            .query("SELECT study_name FROM studies ORDER BY study_id", &[])?;
        rows.iter().map(|row| Ok(row.text(0)?)).collect()
    }

    /// A study as it is at one moment.
    pub(super) fn study(&mut self, name: &str) -> Result<OptunaStudy, ImportError> {
        if self.is_file {
            self.sql.execute("BEGIN", &[])?;
        }
        let found = self.found(name);
        if self.is_file {
            self.sql.execute("COMMIT", &[])?;
        }
        found
    }

    fn found(&mut self, name: &str) -> Result<OptunaStudy, ImportError> {
        let found = self.sql.query_one(
            "SELECT CAST(study_id AS BIGINT) FROM studies WHERE study_name = ?1",
            args![name],
        )?;
        let id = found.ok_or_else(|| super::gone(name))?.int(0)?;
        let directions = self.rows(
            "SELECT CAST(direction AS TEXT) FROM study_directions WHERE study_id = ?1 ORDER BY objective",
            id,
        )?;
        let directions: Result<Vec<Direction>, ImportError> = directions
            .iter()
            .map(|row| match row.text(0)?.as_str() {
                "MINIMIZE" | "NOT_SET" => Ok(Direction::Minimize),
                "MAXIMIZE" => Ok(Direction::Maximize),
                other => Err(ImportError::odd(
                    &self.place,
                    format!("'{other}' is no direction"),
                )),
            })
            .collect();
        let mut attributes = Vec::new();
        for scope in [USER, SYSTEM] {
            let query = format!(
                "SELECT key, value_json FROM study_{scope}_attributes WHERE study_id = ?1 ORDER BY key"
            );
            for row in self.rows(&query, id)? {
                attributes.push(attribute(scope, &row, 0)?);
            }
        }
        Ok(OptunaStudy {
            name: name.to_owned(),
            directions: directions?,
            attributes,
            trials: self.trials(id)?,
        })
    }

    fn trials(&mut self, study: i64) -> Result<Vec<NewTrial>, ImportError> {
        let rows = self.rows(
            "SELECT CAST(trial_id AS BIGINT), CAST(number AS BIGINT), CAST(state AS TEXT), \
             CAST(datetime_start AS TEXT), CAST(datetime_complete AS TEXT) \
             FROM trials WHERE study_id = ?1 ORDER BY number",
            study,
        )?;
        let mut trials = Vec::with_capacity(rows.len());
        let mut places = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            if row.maybe_int(1)? != i64::try_from(at).ok() {
                let reason = format!("trial {at} of study {study} is missing");
                return Err(ImportError::odd(&self.place, reason));
            }
            places.insert(row.int(0)?, at);
            trials.push(NewTrial {
                started_us: self.time(row.maybe_text(3)?)?,
                ended_us: self.time(row.maybe_text(4)?)?,
                ..NewTrial::in_state(self.state(&row.text(2)?)?)
            });
        }
        self.params(study, &places, &mut trials)?;
        self.numbers(study, &places, &mut trials)?;
        self.attributes(study, &places, &mut trials)?;
        Ok(trials)
    }

    fn state(&self, name: &str) -> Result<TrialState, ImportError> {
        match name {
            "RUNNING" => Ok(TrialState::Running),
            "COMPLETE" => Ok(TrialState::Complete),
            "PRUNED" => Ok(TrialState::Pruned),
            "FAIL" => Ok(TrialState::Failed),
            "WAITING" => Ok(TrialState::Waiting),
            other => Err(ImportError::odd(
                &self.place,
                format!("'{other}' is no state of a trial"),
            )),
        }
    }

    fn time(&self, text: Option<String>) -> Result<Option<i64>, ImportError> {
        let Some(text) = text else {
            return Ok(None);
        };
        let odd = || ImportError::odd(&self.place, format!("'{text}' is no time"));
        time_of(&text).map(Some).ok_or_else(odd)
    }

    fn params(
        &mut self,
        study: i64,
        places: &BTreeMap<i64, usize>,
        trials: &mut [NewTrial],
    ) -> Result<(), ImportError> {
        let rows = self.rows(
            "SELECT CAST(p.trial_id AS BIGINT), p.param_name, CAST(p.param_value AS DOUBLE PRECISION), p.distribution_json \
             FROM trial_params p JOIN trials t ON t.trial_id = p.trial_id WHERE t.study_id = ?1 ORDER BY p.param_id",
            study,
        )?;
        for row in &rows {
            if let Some(&at) = places.get(&row.int(0)?) {
                trials[at].params.push(Param {
                    name: row.text(1)?,
                    value: format!("{:?}", row.real(2)?),
                    distribution: Some(row.text(3)?),
                });
            }
        }
        Ok(())
    }

    /// Values of objectives, and what was measured on the way.
    fn numbers(
        &mut self,
        study: i64,
        places: &BTreeMap<i64, usize>,
        trials: &mut [NewTrial],
    ) -> Result<(), ImportError> {
        let rows = self.rows(
            "SELECT CAST(v.trial_id AS BIGINT), CAST(v.value AS DOUBLE PRECISION), CAST(v.value_type AS TEXT) \
             FROM trial_values v JOIN trials t ON t.trial_id = v.trial_id WHERE t.study_id = ?1 ORDER BY v.trial_id, v.objective",
            study,
        )?;
        for row in &rows {
            if let Some(&at) = places.get(&row.int(0)?) {
                let value = number(row, 1)?;
                trials[at].figures.get_or_insert_default().push(value);
            }
        }
        let rows = self.rows(
            "SELECT CAST(v.trial_id AS BIGINT), CAST(v.intermediate_value AS DOUBLE PRECISION), \
             CAST(v.intermediate_value_type AS TEXT), CAST(v.step AS BIGINT) \
             FROM trial_intermediate_values v JOIN trials t ON t.trial_id = v.trial_id WHERE t.study_id = ?1 ORDER BY v.trial_id, v.step",
            study,
        )?;
        for row in &rows {
            if let Some(&at) = places.get(&row.int(0)?) {
                trials[at].measurements.push(Measurement {
                    step: row.int(3)?,
                    figures: vec![number(row, 1)?],
                    extra: None,
                });
            }
        }
        Ok(())
    }

    fn attributes(
        &mut self,
        study: i64,
        places: &BTreeMap<i64, usize>,
        trials: &mut [NewTrial],
    ) -> Result<(), ImportError> {
        for scope in [USER, SYSTEM] {
            let query = format!(
                "SELECT CAST(a.trial_id AS BIGINT), a.key, a.value_json FROM trial_{scope}_attributes a \
                 JOIN trials t ON t.trial_id = a.trial_id WHERE t.study_id = ?1 ORDER BY a.trial_id, a.key"
            );
            for row in &self.rows(&query, study)? {
                if let Some(&at) = places.get(&row.int(0)?) {
                    trials[at].attributes.push(attribute(scope, row, 1)?);
                }
            }
        }
        Ok(())
    }
}

fn attribute(scope: &str, row: &Row, from: usize) -> Result<Attribute, ImportError> {
    Ok(Attribute {
        scope: scope.to_owned(),
        key: row.text(from)?,
        value: row.text(from + 1)?,
    })
}

/// A number, whose kind stands beside it since not every database has them all.
fn number(row: &Row, at: usize) -> Result<f64, ImportError> {
    Ok(match row.maybe_text(at + 1)?.as_deref() {
        Some("INF_POS") => f64::INFINITY,
        Some("INF_NEG") => f64::NEG_INFINITY,
        Some("NAN") => f64::NAN,
        _ => row.maybe_real(at)?.unwrap_or(f64::NAN),
    })
}
