//! Copies a store, one thing after the other.

use super::{Experiment, ImportError, Owner, OwnerKind, RegisteredModel, Source, put};
use crate::args;
use crate::artifact_uri::{ArtifactPlace, below};
use crate::artifacts::{ArtifactStore, CopyError, Folder};
use crate::db::Database;
use crate::tracking::TrackingError;
use crate::tracking::experiments::{DEFAULT_NAME, ensure_default};
use std::collections::BTreeMap;
use std::io::Read;

/// Where things are copied to.
pub struct Target<'a> {
    /// The record.
    pub db: &'a Database,
    /// The files behind `mlflow-artifacts:` URIs of the workspace.
    pub artifacts: &'a ArtifactStore,
    /// The workspace in the record.
    pub workspace: &'a str,
    /// The URI that new experiments put their artifacts below.
    pub artifact_root: &'a str,
}

/// Hears how far an import is.
pub trait Watch {
    /// So many runs, logged models and registered models there are.
    fn total(&mut self, n_all: u64);

    /// One of them is done, or was there already, or failed.
    fn done(&mut self, what: &str);

    /// Whether to end after the present one.
    fn is_cancelled(&self) -> bool;
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say what each is")]
pub struct Counts {
    pub n_experiments: u64,
    pub n_runs: u64,
    pub n_models: u64,
    pub n_versions: u64,
    pub n_files: u64,
    pub n_bytes: u64,
    /// Runs and models that were there already.
    pub n_there: u64,
    /// Runs and models whose artifacts stay in a store of their own.
    pub n_elsewhere: u64,
}

/// How an import ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was copied, or would be.
    pub counts: Counts,
    /// Everything that there was to look at.
    pub n_all: u64,
    /// What could not be copied, such as `run 4fe2…`, and why.
    pub failures: Vec<(String, ImportError)>,
}

/// Copies all that a store has, or only tells what it would copy.
///
/// # Errors
/// If the store cannot be read at all, or the workspace takes nothing. What is wrong with single things is in the outcome.
pub fn import(
    source: &mut dyn Source,
    target: &Target<'_>,
    is_dry: bool,
    watch: &mut dyn Watch,
) -> Result<Outcome, ImportError> {
    let mut import = Import {
        source,
        target,
        is_dry,
        homes: BTreeMap::new(),
        outcome: Outcome::default(),
    };
    import.all(watch)?;
    Ok(import.outcome)
}

struct Import<'a> {
    source: &'a mut dyn Source,
    target: &'a Target<'a>,
    is_dry: bool,
    /// The experiments of runs and models, by their ids in the source.
    homes: BTreeMap<String, String>,
    outcome: Outcome,
}

/// An experiment as it is in the workspace.
struct Home {
    id: i64,
    location: String,
}

impl Import<'_> {
    fn all(&mut self, watch: &mut dyn Watch) -> Result<(), ImportError> {
        let experiments = self.source.experiments()?;
        let mut plan = Vec::new();
        for experiment in experiments {
            let runs = self.source.runs(&experiment.id)?;
            let models = self.source.models(&experiment.id)?;
            self.outcome.n_all += (runs.len() + models.len()) as u64;
            for id in runs.iter().chain(&models) {
                self.homes.insert(id.clone(), experiment.id.clone());
            }
            plan.push((experiment, runs, models));
        }
        let registered = self.source.registered()?;
        self.outcome.n_all += registered.len() as u64;
        watch.total(self.outcome.n_all);
        if !self.is_dry {
            let (workspace, root) = (
                self.target.workspace.to_owned(),
                self.target.artifact_root.to_owned(),
            );
            self.target
                .db
                .write(move |sql| ensure_default(sql, &workspace, &root))
                .wait()?;
        }
        for (experiment, runs, models) in plan {
            let home = match self.experiment(&experiment) {
                Ok(home) => home,
                Err(error) => {
                    self.failed(format!("experiment '{}'", experiment.name), error)?;
                    continue;
                }
            };
            for (kind, ids) in [(OwnerKind::Run, runs), (OwnerKind::Model, models)] {
                for id in ids {
                    if watch.is_cancelled() {
                        return Ok(());
                    }
                    let outcome = match kind {
                        OwnerKind::Run => self.run(&home, &experiment.id, &id),
                        OwnerKind::Model => self.model(&home, &experiment.id, &id),
                    };
                    let what = if kind == OwnerKind::Run {
                        "run"
                    } else {
                        "logged model"
                    };
                    if let Err(error) = outcome {
                        self.failed(format!("{what} {id}"), error)?;
                    }
                    watch.done(&id);
                }
            }
        }
        for name in registered {
            if watch.is_cancelled() {
                return Ok(());
            }
            if let Err(error) = self.registered(&name) {
                self.failed(format!("registered model '{name}'"), error)?;
            }
            watch.done(&name);
        }
        Ok(())
    }

    fn failed(&mut self, what: String, error: ImportError) -> Result<(), ImportError> {
        if error.is_final() {
            return Err(error);
        }
        self.outcome.failures.push((what, error));
        Ok(())
    }

    fn experiment(&mut self, new: &Experiment) -> Result<Home, ImportError> {
        if self.is_dry {
            let (workspace, name) = (self.target.workspace.to_owned(), new.name.clone());
            let found = self.target.db.read(move |sql| {
                Ok::<_, TrackingError>(sql.query_one(
                    "SELECT id FROM experiments WHERE workspace = ?1 AND name = ?2",
                    args![&workspace, &name],
                )?)
            });
            // Every workspace has the default experiment, once it is one.
            let is_new = found.wait()?.is_none() && new.name != DEFAULT_NAME;
            self.outcome.counts.n_experiments += u64::from(is_new);
            return Ok(Home {
                id: 0,
                location: String::new(),
            });
        }
        let (workspace, root) = (
            self.target.workspace.to_owned(),
            self.target.artifact_root.to_owned(),
        );
        let new = new.clone();
        let made = self
            .target
            .db
            .write(move |sql| put::experiment(sql, &workspace, &root, &new));
        let (id, location, is_new) = made.wait()?;
        self.outcome.counts.n_experiments += u64::from(is_new);
        Ok(Home { id, location })
    }

    /// The first column of the row with an id.
    fn look_up(&self, query: &'static str, id: &str) -> Result<Option<String>, ImportError> {
        let id = id.to_owned();
        let found = self.target.db.read(move |sql| {
            let row = sql.query_one(query, args![&id])?;
            Ok::<_, TrackingError>(row.map(|row| row.text(0)).transpose()?)
        });
        Ok(found.wait()?)
    }

    fn run(&mut self, home: &Home, experiment: &str, id: &str) -> Result<(), ImportError> {
        let status = self.look_up("SELECT status FROM runs WHERE id = ?1", id)?;
        // A run that went on when it was copied may have more by now.
        if status.is_some_and(|status| !matches!(status.as_str(), "RUNNING" | "SCHEDULED")) {
            self.outcome.counts.n_there += 1;
            return Ok(());
        }
        let run = self.source.run(experiment, id)?;
        let owner = Owner {
            experiment,
            kind: OwnerKind::Run,
            id,
            uri: &run.artifact_uri,
        };
        let uri = below(&home.location, &format!("{id}/artifacts"));
        let uri = self.artifacts(owner, uri)?;
        if !self.is_dry {
            let (experiment_id, run) = (home.id, run);
            self.target
                .db
                .write(move |sql| put::run(sql, experiment_id, &uri, &run))
                .wait()?;
        }
        self.outcome.counts.n_runs += 1;
        Ok(())
    }

    fn model(&mut self, home: &Home, experiment: &str, id: &str) -> Result<(), ImportError> {
        if self
            .look_up("SELECT id FROM logged_models WHERE id = ?1", id)?
            .is_some()
        {
            self.outcome.counts.n_there += 1;
            return Ok(());
        }
        let model = self.source.model(experiment, id)?;
        let owner = Owner {
            experiment,
            kind: OwnerKind::Model,
            id,
            uri: &model.artifact_uri,
        };
        let uri = below(&home.location, &format!("models/{id}/artifacts"));
        let uri = self.artifacts(owner, uri)?;
        if !self.is_dry {
            let experiment_id = home.id;
            self.target
                .db
                .write(move |sql| put::model(sql, experiment_id, &uri, &model))
                .wait()?;
        }
        self.outcome.counts.n_models += 1;
        Ok(())
    }

    /// Copies an owner's files below a new URI, and says where they are from now on.
    fn artifacts(&mut self, owner: Owner<'_>, uri: String) -> Result<String, ImportError> {
        let Some(files) = self.source.files(owner)? else {
            self.outcome.counts.n_elsewhere += 1;
            return Ok(owner.uri.to_owned());
        };
        if self.is_dry {
            self.outcome.counts.n_files += files.len() as u64;
            return Ok(uri);
        }
        let (folder, root) = match ArtifactPlace::of(&uri) {
            Some(ArtifactPlace::Here(root)) => (self.target.artifacts.clone(), root),
            Some(ArtifactPlace::Folder(root)) => {
                (ArtifactStore::Folder(Folder::plain(root)), String::new())
            }
            None => {
                return Err(ImportError::Elsewhere { uri });
            }
        };
        for path in files {
            let mut input = self.source.open(owner, &path)?;
            let whole = if root.is_empty() {
                path
            } else {
                format!("{root}/{path}")
            };
            self.outcome.counts.n_bytes += copy(&mut input, &folder, &whole)?;
            self.outcome.counts.n_files += 1;
        }
        Ok(uri)
    }

    fn registered(&mut self, name: &str) -> Result<(), ImportError> {
        let mut model = self.source.registered_model(name)?;
        if self.is_dry {
            self.outcome.counts.n_versions += model.versions.len() as u64;
            return Ok(());
        }
        self.relocate(&mut model)?;
        let workspace = self.target.workspace.to_owned();
        let n_new = self
            .target
            .db
            .write(move |sql| put::registered(sql, &workspace, &model))
            .wait()?;
        self.outcome.counts.n_versions += n_new;
        Ok(())
    }

    /// Points versions to where the files of their models and runs are now.
    fn relocate(&mut self, model: &mut RegisteredModel) -> Result<(), ImportError> {
        for version in &mut model.versions {
            let mut moved = Vec::new();
            for id in version.model_id.iter().chain(&version.run_id) {
                let Some(experiment) = self.homes.get(id) else {
                    continue;
                };
                let is_model = version.model_id.as_ref() == Some(id);
                let (old, new) = if is_model {
                    let new =
                        self.look_up("SELECT artifact_uri FROM logged_models WHERE id = ?1", id)?;
                    (self.source.model(experiment, id)?.artifact_uri, new)
                } else {
                    let new = self.look_up("SELECT artifact_uri FROM runs WHERE id = ?1", id)?;
                    (self.source.run(experiment, id)?.artifact_uri, new)
                };
                moved.extend(new.map(|new| (old, new)));
            }
            for uri in [&mut version.source, &mut version.storage_location] {
                if let Some(new) = moved.iter().find_map(|(old, new)| moved_uri(uri, old, new)) {
                    *uri = new;
                }
            }
        }
        Ok(())
    }
}

/// A URI below `old` as it is below `new`.
fn moved_uri(uri: &str, old: &str, new: &str) -> Option<String> {
    let plain = |uri: &str| {
        uri.strip_prefix("file://")
            .unwrap_or(uri)
            .trim_end_matches('/')
            .to_owned()
    };
    let (uri, old) = (plain(uri), plain(old));
    let rest = uri.strip_prefix(&old)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{new}{rest}"))
}

fn copy(input: &mut dyn Read, folder: &ArtifactStore, path: &str) -> Result<u64, ImportError> {
    folder.copy_from(path, input).map_err(|error| match error {
        CopyError::Read(error) => ImportError::Read {
            place: path.to_owned(),
            reason: error.to_string(),
        },
        CopyError::Write(error) => error.into(),
    })
}
