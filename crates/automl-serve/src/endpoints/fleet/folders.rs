//! Endpoints that lie in a folder: what is there is followed, without a word in the record.
//!
//! A folder that changes is taken once it keeps still from one look to the next, so that what is still being copied is not read;
//! one that is gone is given up at the second look that does not find it. What lies there when the server starts is taken at once;
//! if the greatest version cannot be read then, the greatest that can answers until the folder changes for something that can.

use super::{Fleet, Wanted};
use automl_core::Clock;
use automl_store::endpoints::{
    self, Deployment, Endpoint, EndpointError, EndpointFolder, ModelFolder, endpoint_folders,
    whole_versions,
};
use automl_store::tracking::experiments::DEFAULT_WORKSPACE as W;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Requests that such an endpoint answers at once.
const AT_ONCE: u32 = 64;
/// Looks that do not find a folder after which it is gone.
const MISSED_MAX: u8 = 2;

/// A folder of models, and what was seen in it.
pub(super) struct Folders {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<String, Known>,
    /// Names that were complained of.
    odd: BTreeSet<String>,
    has_looked: bool,
    is_away: bool,
}

/// What a look found to be the model of a folder, or why there is none.
type Seen = Result<ModelFolder, String>;

/// A folder that is an endpoint.
struct Known {
    path: PathBuf,
    /// What the last look found.
    seen: Seen,
    /// What the endpoint was made of.
    taken: Option<Seen>,
    n_missed: u8,
    /// Whether the record has an endpoint of this name, which was there before.
    is_passed_over: bool,
    endpoint: Endpoint,
    /// The directory of the model that is to answer, or why there is none.
    model: Result<PathBuf, String>,
}

impl Known {
    fn new(found: &EndpointFolder) -> Self {
        Self {
            path: found.path.clone(),
            seen: found.model.clone(),
            taken: None,
            n_missed: 0,
            is_passed_over: false,
            endpoint: Endpoint::of_folder(&found.name, AT_ONCE),
            model: Err("its folder was not read yet".into()),
        }
    }

    /// Makes the endpoint of what was seen, and read.
    fn take(&mut self, seen: Seen, read: Result<(String, ModelFolder), String>) {
        self.taken = Some(seen);
        let deployments = match &read {
            Ok((digest, model)) => vec![deployment(&self.endpoint, digest, model)],
            // What was there last is told on, beside why it cannot be had.
            Err(_) => self.endpoint.deployments.clone(),
        };
        let model = read.map(|(_, model)| model.path);
        // The same files again are no change, as when they were only touched.
        if model != self.model || deployments != self.endpoint.deployments {
            self.endpoint.revision += 1;
        }
        self.endpoint.deployments = deployments;
        self.model = model;
    }

    fn wanted(&self) -> Option<Wanted> {
        (self.taken.is_some() && !self.is_passed_over).then(|| Wanted {
            endpoint: self.endpoint.clone(),
            served: None,
            moved: Vec::new(),
            folder: Some(self.model.clone()),
        })
    }
}

/// A version as what answers alone at its endpoint; as before, if it does already.
fn deployment(endpoint: &Endpoint, digest: &str, model: &ModelFolder) -> Deployment {
    let known = endpoint.deployments.first();
    let same = known.filter(|one| one.digest == digest && one.version == model.version);
    same.cloned().unwrap_or_else(|| Deployment {
        name: model.version.to_string(),
        model: endpoint.name.clone(),
        version: model.version,
        alias: None,
        digest: digest.to_owned(),
        share: 100,
        is_shadow: false,
        replicas: None,
        deployed_ms: Clock::unix_micros() / 1000,
        user_id: String::new(),
    })
}

impl Folders {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at all folders. If they cannot be listed, all stays as it is.
    fn look(&self) -> Result<(), EndpointError> {
        let (found, odd) = match endpoint_folders(&self.root) {
            Ok(found) => found,
            Err(error) => {
                let reason = format!("{}: {error}", self.root.display());
                let mut state = self.state();
                if !std::mem::replace(&mut state.is_away, true) {
                    tracing::warn!(reason, "endpoints of the folder of models stay as they are");
                }
                return Err(EndpointError::Folder { reason });
            }
        };
        let mut state = self.state();
        state.is_away = false;
        let is_first = !std::mem::replace(&mut state.has_looked, true);
        for name in odd {
            if state.odd.insert(name.clone()) {
                tracing::warn!(
                    name,
                    "a folder of models is passed over: names of endpoints have letters, digits, '.', '_' and '-'"
                );
            }
        }
        let mut due = Vec::new();
        for one in &found {
            let known = state.known.entry(one.name.clone());
            let mut is_new = false;
            let known = known.or_insert_with(|| {
                is_new = true;
                Known::new(one)
            });
            known.n_missed = 0;
            let is_still = !is_new && known.seen == one.model;
            known.seen.clone_from(&one.model);
            if (is_still || is_first) && known.taken.as_ref() != Some(&known.seen) {
                due.push((one.name.clone(), known.seen.clone()));
            }
        }
        state.known.retain(|name, known| {
            let is_there = found.iter().any(|one| one.name == *name);
            known.n_missed += u8::from(!is_there);
            known.n_missed < MISSED_MAX
        });
        drop(state);
        // Requests ask what is known meanwhile, however slow the disk is.
        for (name, seen) in due {
            let read = (seen.clone()).and_then(|model| Ok((model.digest()?, model)));
            if let Some(known) = self.state().known.get_mut(&name) {
                known.take(seen, read);
            }
        }
        Ok(())
    }

    /// What may answer in the place of the version that an endpoint is to have, the greatest first. Each is read when it is asked
    /// for.
    pub(super) fn others(&self, wanted: &Wanted) -> impl Iterator<Item = (PathBuf, Deployment)> {
        let endpoint = &wanted.endpoint;
        let path = (self.state().known.get(&endpoint.name)).map(|known| known.path.clone());
        let versions = path.map(|path| whole_versions(&path));
        // One that has no model yet is told by its last, which may be whole.
        let tried = (endpoint.deployments.first()).filter(|_| matches!(wanted.folder, Some(Ok(_))));
        let others = versions.unwrap_or_default().into_iter();
        let others =
            others.filter(move |model| tried.is_none_or(|one| one.version != model.version));
        others.filter_map(|model| {
            let digest = model.digest().ok()?;
            let deployment = deployment(endpoint, &digest, &model);
            Some((model.path, deployment))
        })
    }

    /// What an endpoint is to be by its folder, if it has one that is taken.
    pub(super) fn wanted(&self, name: &str) -> Option<Wanted> {
        self.state().known.get(name)?.wanted()
    }

    /// All that lie in folders. A name that the record has, too, is whose it was first.
    fn all(&self, in_record: &BTreeSet<&str>, answers: impl Fn(&str) -> bool) -> Vec<Wanted> {
        let mut state = self.state();
        for (name, known) in &mut state.known {
            let is_passed_over = in_record.contains(name.as_str()) && !answers(name);
            if is_passed_over && !known.is_passed_over {
                tracing::error!(
                    endpoint = name,
                    folder = %known.path.display(),
                    "a folder of models is passed over: the record has an endpoint of its name; rename the folder, or delete that endpoint"
                );
            }
            known.is_passed_over = is_passed_over;
        }
        state.known.values().filter_map(Known::wanted).collect()
    }

    /// The endpoints of all folders that are taken.
    fn endpoints(&self) -> Vec<Endpoint> {
        let state = self.state();
        let wanted = state.known.values().filter_map(Known::wanted);
        wanted.map(|wanted| wanted.endpoint).collect()
    }
}

impl Fleet {
    /// Looks at the folder of models for the first time, if there is one.
    ///
    /// # Errors
    /// If it cannot be listed, or the record has an endpoint of the name of a folder.
    pub(crate) fn open_folders(&self) -> Result<(), EndpointError> {
        let Some(folders) = &self.0.folders else {
            return Ok(());
        };
        folders.look()?;
        let in_record = self.0.db.read(|sql| endpoints::list(sql, W)).wait()?;
        let state = folders.state();
        let mut both = in_record.iter();
        match both.find_map(|one| state.known.get(&one.name)) {
            None => Ok(()),
            Some(known) => Err(EndpointError::FolderExists {
                endpoint: known.endpoint.name.clone(),
                folder: known.path.clone(),
            }),
        }
    }

    /// What is to answer: what lies in folders beside what the record says.
    pub(super) fn with_folders(&self, record: Vec<Wanted>) -> Vec<Wanted> {
        let Some(folders) = &self.0.folders else {
            return record;
        };
        // What cannot be listed stays as it is; it was told of.
        drop(folders.look());
        let names = record.iter().map(|one| one.endpoint.name.as_str());
        let names: BTreeSet<&str> = names.collect();
        let snapshot = self.snapshot();
        let answers = |name: &str| snapshot.get(name).is_some_and(|live| live.is_of_folder);
        let mut all = folders.all(&names, answers);
        let n_folders = all.len();
        for one in record {
            let name = &one.endpoint.name;
            let mut of_folders = all[..n_folders].iter();
            if of_folders.any(|folder| folder.endpoint.name == *name) {
                self.tell_passed_over(&one.endpoint);
            } else {
                all.push(one);
            }
        }
        all
    }

    /// Says in the record why an endpoint of it does not answer.
    fn tell_passed_over(&self, endpoint: &Endpoint) {
        let Some(folder) = self.folder_of(&endpoint.name) else {
            return;
        };
        let problem = format!(
            "the folder {} has its name and answers; rename one of them",
            folder.display()
        );
        if endpoint.problem.as_ref() == Some(&problem) {
            return;
        }
        tracing::error!(
            endpoint = endpoint.name,
            problem,
            "an endpoint is not served"
        );
        let id = endpoint.id;
        let noted =
            (self.0.db).write(move |sql| endpoints::note_served(sql, id, None, Some(&problem)));
        if let Err(error) = noted.wait() {
            tracing::warn!(%error, "the record could not be told");
        }
    }

    /// The folder that an endpoint is made of, if it is.
    pub(crate) fn folder_of(&self, name: &str) -> Option<PathBuf> {
        let state = self.0.folders.as_ref()?.state();
        let known = state.known.get(name)?;
        (!known.is_passed_over).then(|| known.path.clone())
    }

    /// That an endpoint is not made of a folder, which alone would change it.
    ///
    /// # Errors
    /// If it is.
    pub(crate) fn check_no_folder(&self, name: &str) -> Result<(), EndpointError> {
        match self.folder_of(name) {
            None => Ok(()),
            Some(folder) => Err(EndpointError::OfFolder {
                endpoint: name.to_owned(),
                folder,
            }),
        }
    }

    /// The endpoints that are made of folders, as they answer.
    pub(crate) fn of_folders(&self) -> Vec<Endpoint> {
        let Some(folders) = &self.0.folders else {
            return Vec::new();
        };
        let snapshot = self.snapshot();
        let all = folders.endpoints();
        all.into_iter()
            .map(|mut endpoint| {
                if let Some(live) = snapshot.get(&endpoint.name) {
                    endpoint.served_revision = live.revision;
                    endpoint.problem.clone_from(&live.problem);
                    if let [slot] = live.slots.as_slice() {
                        // Another version, where that of the folder cannot be had.
                        endpoint.deployments = vec![slot.deployment.clone()];
                    }
                }
                endpoint
            })
            .collect()
    }

    /// Those of the record and those of folders, by name.
    pub(crate) fn beside_folders(&self, mut record: Vec<Endpoint>) -> Vec<Endpoint> {
        let of_folders = self.of_folders();
        record.retain(|one| !of_folders.iter().any(|other| other.name == one.name));
        record.extend(of_folders);
        record.sort_by(|one, other| one.name.cmp(&other.name));
        record
    }

    /// One of them.
    pub(crate) fn of_folder(&self, name: &str) -> Option<Endpoint> {
        let mut all = self.of_folders().into_iter();
        all.find(|endpoint| endpoint.name == name)
    }
}
