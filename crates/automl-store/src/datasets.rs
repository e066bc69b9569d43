//! Named data with numbered versions: references to where it lies, never copies of it.

use crate::args;
use crate::db::{Row, Sql};
use crate::tracking::{LIMITS, TrackingError, check_length, now_ms};
use serde::Serialize;

/// What data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A table that can be read as one.
    Tabular,
    /// Any other file.
    File,
}

impl Kind {
    /// As it is stored and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tabular => "tabular",
            Self::File => "file",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "tabular" => Self::Tabular,
            _ => Self::File,
        }
    }
}

/// A version of named data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct DatasetVersion {
    pub name: String,
    pub version: i64,
    pub kind: Kind,
    /// An absolute path or a URL.
    pub uri: String,
    /// The first digits of the SHA-256 of its content, as runs log it.
    pub digest: String,
    pub n_bytes: i64,
    /// Columns with kinds and roles, as JSON.
    pub schema: Option<String>,
    /// What was found when it was registered, as JSON.
    pub profile: Option<String>,
    pub created_ms: i64,
    pub user_id: Option<String>,
}

/// A version to be.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct NewVersion {
    pub name: String,
    pub kind: Kind,
    pub uri: String,
    pub digest: String,
    pub n_bytes: i64,
    pub schema: Option<String>,
    pub profile: Option<String>,
    pub user_id: Option<String>,
}

const COLUMNS: &str =
    "name, version, kind, uri, digest, n_bytes, schema, profile, created_ms, user_id";

fn version(row: &Row) -> Result<DatasetVersion, TrackingError> {
    Ok(DatasetVersion {
        name: row.text(0)?,
        version: row.int(1)?,
        kind: Kind::of(&row.text(2)?),
        uri: row.text(3)?,
        digest: row.text(4)?,
        n_bytes: row.int(5)?,
        schema: row.maybe_text(6)?,
        profile: row.maybe_text(7)?,
        created_ms: row.int(8)?,
        user_id: row.maybe_text(9)?,
    })
}

/// Registers data: the next version of its name, or the newest one if that is the same data at the same place.
///
/// # Errors
/// If the name is none that can be told from a path.
pub fn register(
    sql: &mut dyn Sql,
    workspace: &str,
    new: &NewVersion,
) -> Result<DatasetVersion, TrackingError> {
    check_name(&new.name)?;
    if let Some(newest) = newest(sql, workspace, &new.name)?
        && newest.digest == new.digest
        && newest.uri == new.uri
    {
        return Ok(newest);
    }
    let now = now_ms();
    let row = sql.query_one(
        "INSERT INTO registered_datasets (workspace, name, created_ms, last_version) VALUES (?1, ?2, ?3, 1) \
         ON CONFLICT (workspace, name) DO UPDATE SET last_version = registered_datasets.last_version + 1 \
         RETURNING last_version",
        args![workspace, &new.name, now],
    )?;
    let number = match row {
        Some(row) => row.int(0)?,
        None => return Err(TrackingError::Invalid("no number for a version".into())),
    };
    sql.execute(
        "INSERT INTO dataset_versions (workspace, name, version, kind, uri, digest, n_bytes, schema, profile, created_ms, user_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        args![
            workspace, &new.name, number, new.kind.name(), &new.uri, &new.digest, new.n_bytes,
            new.schema.as_deref(), new.profile.as_deref(), now, new.user_id.as_deref(),
        ],
    )?;
    get(sql, workspace, &new.name, number)
}

fn check_name(name: &str) -> Result<(), TrackingError> {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
    if name.is_empty() || name.starts_with(['.', '-']) || !name.chars().all(is_plain) {
        return Err(TrackingError::Invalid(format!(
            "Invalid dataset name '{name}'. Names hold letters, digits, '_', '-' and '.', and begin with none of the last two."
        )));
    }
    check_length("Dataset name", LIMITS.dataset_name, name)
}

/// One version.
///
/// # Errors
/// If it is not there.
pub fn get(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
    number: i64,
) -> Result<DatasetVersion, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM dataset_versions WHERE workspace = ?1 AND name = ?2 AND version = ?3"
    );
    let row = sql.query_one(&query, args![workspace, name, number])?;
    let row = row.ok_or_else(|| {
        TrackingError::Absent(format!("There is no version {number} of data '{name}'"))
    })?;
    version(&row)
}

/// The newest version of a name, if it has one.
///
/// # Errors
/// If the record cannot be read.
pub fn newest(
    sql: &mut dyn Sql,
    workspace: &str,
    name: &str,
) -> Result<Option<DatasetVersion>, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM dataset_versions WHERE workspace = ?1 AND name = ?2 ORDER BY version DESC LIMIT 1"
    );
    let row = sql.query_one(&query, args![workspace, name])?;
    row.map(|row| version(&row)).transpose()
}

/// The version that `NAME` (the newest) or `NAME/3` means, if there is one.
///
/// # Errors
/// If the name is there but not the version.
pub fn resolve(
    sql: &mut dyn Sql,
    workspace: &str,
    text: &str,
) -> Result<Option<DatasetVersion>, TrackingError> {
    let Some((name, number)) = text.rsplit_once('/') else {
        return newest(sql, workspace, text);
    };
    match (number.parse(), newest(sql, workspace, name)?) {
        (Ok(number), Some(_)) => get(sql, workspace, name, number).map(Some),
        // A path has slashes, too.
        _ => Ok(None),
    }
}

/// Versions by name, newest first: all, or those of one name.
///
/// # Errors
/// If the record cannot be read.
pub fn list(
    sql: &mut dyn Sql,
    workspace: &str,
    name: Option<&str>,
) -> Result<Vec<DatasetVersion>, TrackingError> {
    let query = format!(
        "SELECT {COLUMNS} FROM dataset_versions WHERE workspace = ?1 AND (?2 IS NULL OR name = ?2) \
         ORDER BY name, version DESC"
    );
    let rows = sql.query(&query, args![workspace, name])?;
    rows.iter().map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracking::experiments::DEFAULT_WORKSPACE as W;
    use crate::tracking::tests::Desk;

    fn data(name: &str, digest: &str) -> NewVersion {
        NewVersion {
            name: name.into(),
            kind: Kind::Tabular,
            uri: "/data/churn.csv".into(),
            digest: digest.into(),
            n_bytes: 10,
            schema: None,
            profile: Some("{}".into()),
            user_id: Some("ada".into()),
        }
    }

    fn register(desk: &Desk, new: NewVersion) -> i64 {
        desk.write(move |sql| super::register(sql, W, &new)).version
    }

    #[test]
    fn other_content_is_another_version_and_the_same_is_not() {
        let desk = Desk::new();
        assert_eq!(register(&desk, data("churn", "d1")), 1);
        assert_eq!(register(&desk, data("churn", "d1")), 1);
        assert_eq!(register(&desk, data("churn", "d2")), 2);
        assert_eq!(register(&desk, data("churn", "d1")), 3);
        let listed = desk.write(|sql| list(sql, W, Some("churn")));
        let digests: Vec<&str> = listed.iter().map(|found| found.digest.as_str()).collect();
        assert_eq!(digests, ["d1", "d2", "d1"]);
        assert_eq!(desk.write(|sql| list(sql, W, None)).len(), 3);
    }

    #[test]
    fn names_and_versions_are_told_from_paths() {
        let desk = Desk::new();
        register(&desk, data("churn", "d1"));
        register(&desk, data("churn", "d2"));
        let meant = |text: &'static str| {
            let found = desk.write(move |sql| resolve(sql, W, text));
            found.map(|found| found.version)
        };
        assert_eq!(
            (meant("churn"), meant("churn/1"), meant("data/1")),
            (Some(2), Some(1), None)
        );
        assert_eq!(
            desk.refused(|sql| resolve(sql, W, "churn/9")),
            "There is no version 9 of data 'churn'"
        );
        for name in ["", ".x", "a/b", "a b", "-x"] {
            let refused = desk.refused(move |sql| super::register(sql, W, &data(name, "d")));
            assert!(refused.starts_with("Invalid dataset name"), "{refused}");
        }
    }
}
