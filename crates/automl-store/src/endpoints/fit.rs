//! Whether a version can answer at an endpoint: requests that its deployments take, it takes, too, and answers alike.

use super::EndpointError as Error;
use super::deployment::{Deployment, Target};
use super::endpoint::{Endpoint, by_name};
use crate::artifacts::ArtifactStore;
use crate::db::Sql;
use crate::registry::files::{self, FilesError};
use crate::registry::{ModelVersion, versions};
use automl_core::{Field, Kind, Role, Schema, Task};
use serde::Deserialize;

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// What it predicts.
    pub task: Task,
    /// The columns that it reads.
    pub features: Vec<Field>,
    /// Columns that it was fitted beside, which requests may have.
    pub others: Vec<String>,
}

/// The part of a manifest that says so.
#[derive(Deserialize)]
struct Said {
    task: Task,
    inputs: Schema,
}

impl Signature {
    /// What the manifest of a version says; none if it says nothing of that.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_version(
        artifacts: &ArtifactStore,
        version: &ModelVersion,
    ) -> Result<Option<Self>, FilesError> {
        let path = files::of_version(version)?;
        let bytes = files::read(artifacts, &path, "manifest.json")?;
        let said = bytes.and_then(|bytes| serde_json::from_slice::<Said>(&bytes).ok());
        Ok(said.map(|said| {
            let (features, others): (Vec<Field>, Vec<Field>) =
                (said.inputs.fields.into_iter()).partition(|field| field.role == Role::Feature);
            Self {
                task: said.task,
                features,
                others: others.into_iter().map(|field| field.name).collect(),
            }
        }))
    }

    fn feature(&self, name: &str) -> Option<&Field> {
        self.features.iter().find(|field| field.name == name)
    }

    /// Why `new` does not take and give the same; nothing if it does. Words are words, whether they are from a list or not.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for field in &new.features {
            match self.feature(&field.name) {
                Some(known) if sent_as(known.kind) != sent_as(field.kind) => found.push(format!(
                    "column '{}' was {}, is {}",
                    field.name,
                    known.kind.name(),
                    field.kind.name()
                )),
                Some(_) => {}
                None => found.push(format!("column '{}' is new", field.name)),
            }
        }
        for field in &self.features {
            let is_taken = new.feature(&field.name).is_some() || new.others.contains(&field.name);
            if !is_taken {
                found.push(format!("column '{}' is not taken any more", field.name));
            }
        }
        let sorted = |task: &Task| {
            let mut classes = task.classes().to_vec();
            classes.sort();
            classes
        };
        if self.task.kind() != new.task.kind() {
            found.push(format!(
                "the task was {}, is {}",
                self.task.kind().name(),
                new.task.kind().name()
            ));
        } else if self.task.targets() != new.task.targets() {
            let told = |task: &Task| {
                let each = task.targets().iter().map(|one| {
                    let classes = one.task.classes().join(", ");
                    format!("'{}' ({} {classes})", one.target, one.task.kind().name())
                });
                each.collect::<Vec<_>>().join(", ")
            };
            found.push(format!(
                "it predicted {}, predicts {}",
                told(&self.task),
                told(&new.task)
            ));
        } else if self.task.levels() != new.task.levels() {
            let told = |task: &Task| {
                let columns = task.levels().iter().map(|level| level.column());
                columns.collect::<Vec<_>>().join(", ")
            };
            found.push(format!(
                "it predicted {}, predicts {}",
                told(&self.task),
                told(&new.task)
            ));
        } else if sorted(&self.task) != sorted(&new.task) {
            found.push(format!(
                "it told apart {}, tells apart {}",
                self.task.classes().join(", "),
                new.task.classes().join(", ")
            ));
        }
        found
    }
}

/// What cells of a kind are sent as.
fn sent_as(kind: Kind) -> &'static str {
    match kind {
        Kind::Category | Kind::Boolean | Kind::Text => "words",
        other => other.name(),
    }
}

/// The versions that answer at an endpoint, or all if none does.
///
/// # Errors
/// If there is no such endpoint.
pub fn answering(
    sql: &mut dyn Sql,
    workspace: &str,
    endpoint: &str,
) -> Result<(Endpoint, Vec<(Deployment, ModelVersion)>), Error> {
    let endpoint = by_name(sql, workspace, endpoint)?;
    let is_any = endpoint.deployments.iter().any(|one| one.share > 0);
    let mut found = Vec::new();
    for one in &endpoint.deployments {
        if one.share == 0 && is_any {
            continue;
        }
        let version = versions::get(sql, workspace, &one.model, one.version)?;
        found.push((one.clone(), version));
    }
    Ok((endpoint, found))
}

/// Whether a version takes and gives what those that answer do.
///
/// # Errors
/// If it does not, or a manifest cannot be read.
pub fn check_fits(
    artifacts: &ArtifactStore,
    (endpoint, answering): &(Endpoint, Vec<(Deployment, ModelVersion)>),
    target: &Target,
) -> Result<(), Error> {
    let Some(new) = Signature::of_version(artifacts, &target.version)? else {
        return Ok(());
    };
    for (deployment, version) in answering {
        let Some(old) = Signature::of_version(artifacts, version)? else {
            continue;
        };
        let differences = old.differences(&new);
        if !differences.is_empty() {
            return Err(Error::Misfit {
                endpoint: endpoint.name.clone(),
                deployment: deployment.name.clone(),
                version: format!("{}/{}", target.version.name, target.version.version),
                differences,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automl_core::Level;

    fn signature(task: Task, features: &[(&str, Kind)], others: &[&str]) -> Signature {
        let field = |(name, kind): &(&str, Kind)| Field {
            name: (*name).into(),
            kind: *kind,
            role: Role::Feature,
            levels: Vec::new(),
            format: None,
        };
        Signature {
            task,
            features: features.iter().map(field).collect(),
            others: others.iter().map(|name| (*name).into()).collect(),
        }
    }

    fn two(classes: [&str; 2]) -> Task {
        Task::Binary {
            classes: classes.map(str::to_owned).to_vec(),
        }
    }

    #[test]
    fn the_same_columns_and_classes_in_another_order_fit() {
        let columns = [("x", Kind::Number), ("w", Kind::Category)];
        let old = signature(two(["no", "yes"]), &columns, &[]);
        let columns = [("w", Kind::Text), ("x", Kind::Number)];
        let new = signature(two(["yes", "no"]), &columns, &["y"]);
        assert!(old.differences(&new).is_empty());
        let new = signature(two(["no", "yes"]), &columns[1..], &["w"]);
        assert!(old.differences(&new).is_empty(), "it is passed over");
    }

    #[test]
    fn other_columns_kinds_tasks_and_classes_do_not_fit() {
        let columns = [("x", Kind::Number), ("w", Kind::Category)];
        let old = signature(two(["no", "yes"]), &columns, &[]);
        let columns = [("x", Kind::Text), ("z", Kind::Number)];
        assert_eq!(
            old.differences(&signature(Task::Regression, &columns, &[])),
            [
                "column 'x' was number, is text",
                "column 'z' is new",
                "column 'w' is not taken any more",
                "the task was binary, is regression",
            ]
        );
        let columns = [("x", Kind::Number), ("w", Kind::Category)];
        assert_eq!(
            old.differences(&signature(two(["no", "perhaps"]), &columns, &[])),
            ["it told apart no, yes, tells apart no, perhaps"]
        );
    }

    #[test]
    fn quantiles_of_other_levels_do_not_fit() {
        let columns = [("x", Kind::Number)];
        let of = |shares: [f64; 2]| {
            let levels = shares.map(|share| Level::try_from(share).expect("a level"));
            let levels = levels.to_vec();
            signature(Task::Quantile { levels }, &columns, &[])
        };
        let old = of([0.1, 0.9]);
        assert!(old.differences(&of([0.1, 0.9])).is_empty());
        assert_eq!(
            old.differences(&of([0.2, 0.9])),
            ["it predicted quantile_0.1, quantile_0.9, predicts quantile_0.2, quantile_0.9"]
        );
    }
}
