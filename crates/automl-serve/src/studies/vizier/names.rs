//! Names of studies, trials and operations, as paths.

use super::refused::{Refused, invalid};

/// `owners/{owner}`.
pub(super) fn owner(path: &str) -> Result<&str, Refused> {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["owners", owner] if !owner.is_empty() => Ok(owner),
        _ => Err(malformed(path, "owners/OWNER")),
    }
}

fn malformed(path: &str, wanted: &str) -> Refused {
    invalid("the name", format!("'{path}' is not of the form {wanted}"))
}

/// `owners/{owner}/studies/{study}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StudyName {
    owner: String,
    study: String,
}

impl StudyName {
    pub(super) fn new(owner: &str, study: &str) -> Result<Self, Refused> {
        if owner.is_empty() || study.is_empty() || study.contains('/') {
            let reason = format!("'{study}' is empty or holds a slash");
            return Err(invalid("the name of the study", reason));
        }
        Ok(Self {
            owner: owner.to_owned(),
            study: study.to_owned(),
        })
    }

    pub(super) fn read(path: &str) -> Result<Self, Refused> {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["owners", owner, "studies", study] => Self::new(owner, study),
            _ => Err(malformed(path, "owners/OWNER/studies/STUDY")),
        }
    }

    /// The study that the record has under a name, if it is one of an owner.
    pub(super) fn of_record(name: &str) -> Result<Self, Refused> {
        match name.split_once('/') {
            Some((owner, study)) => Self::new(owner, study),
            None => Err(malformed(name, "OWNER/STUDY")),
        }
    }

    /// The name in the record.
    pub(super) fn in_record(&self) -> String {
        format!("{}/{}", self.owner, self.study)
    }

    pub(super) fn is_of(&self, owner: &str) -> bool {
        self.owner == owner
    }

    /// What people call it.
    pub(super) fn shown(&self) -> &str {
        &self.study
    }

    /// The path of its owner.
    pub(super) fn parent(&self) -> String {
        format!("owners/{}", self.owner)
    }

    pub(super) fn path(&self) -> String {
        format!("owners/{}/studies/{}", self.owner, self.study)
    }

    /// The path of the trial with a number of ours.
    pub(super) fn trial(&self, number: i64) -> String {
        format!("{}/trials/{}", self.path(), id_of(number))
    }

    /// The path of the operation that gave trials to a client. It says all that is asked of it again.
    pub(super) fn operation(&self, client: &str, numbers: &[i64]) -> String {
        let ids: Vec<String> = numbers.iter().map(|&number| id_of(number)).collect();
        let ids = if ids.is_empty() {
            NO_TRIAL.to_owned()
        } else {
            ids.join("-")
        };
        let (owner, study) = (&self.owner, &self.study);
        format!("owners/{owner}/operations/suggestion/{study}/{client}/{ids}")
    }
}

/// In place of ids in an operation that gave no trial; ids begin at 1.
const NO_TRIAL: &str = "0";

/// Clients count trials from 1, the record from 0.
pub(super) fn id_of(number: i64) -> String {
    (number + 1).to_string()
}

/// The number of the trial that clients know by an id.
pub(super) fn number_of(id: &str) -> Result<i64, Refused> {
    match id.parse::<i64>() {
        Ok(id) if id > 0 => Ok(id - 1),
        _ => {
            let reason = format!("'{id}' is not a whole number above zero");
            Err(invalid("the id of the trial", reason))
        }
    }
}

/// `owners/{owner}/studies/{study}/trials/{id}`.
pub(super) fn trial(path: &str) -> Result<(StudyName, i64), Refused> {
    match path.rsplit_once("/trials/") {
        Some((study, id)) => Ok((StudyName::read(study)?, number_of(id)?)),
        None => Err(malformed(path, "owners/OWNER/studies/STUDY/trials/ID")),
    }
}

/// What [`StudyName::operation`] gave: the study, the client and the numbers of the trials.
pub(super) fn operation(path: &str) -> Result<(StudyName, String, Vec<i64>), Refused> {
    let parts: Vec<&str> = path.split('/').collect();
    let [
        "owners",
        owner,
        "operations",
        "suggestion",
        study,
        client,
        ids,
    ] = parts[..]
    else {
        return Err(malformed(
            path,
            "owners/OWNER/operations/suggestion/STUDY/CLIENT/IDS",
        ));
    };
    let numbers = match ids {
        NO_TRIAL => Ok(Vec::new()),
        ids => ids.split('-').map(number_of).collect(),
    };
    Ok((StudyName::new(owner, study)?, client.to_owned(), numbers?))
}
