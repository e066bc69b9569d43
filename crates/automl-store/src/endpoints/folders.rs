//! A folder of models: each folder in it is an endpoint of its name, with one model or with numbered folders of versions.

use super::endpoint::check_name;
use crate::hex_sha256;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What every model directory has.
const MANIFEST: &str = "manifest.json";

/// A folder that is an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointFolder {
    /// The name of both.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What is to answer, or why nothing can.
    pub model: Result<ModelFolder, String>,
}

/// A model directory as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFolder {
    /// Where it is.
    pub path: PathBuf,
    /// Its number; 1 if it has none.
    pub version: i64,
    /// Names, lengths and times of its files: it changes where they do.
    files: Vec<(String, u64, u128)>,
}

impl ModelFolder {
    /// The SHA-256 of its manifest, which has those of all other files.
    ///
    /// # Errors
    /// Why it cannot be read, in a sentence.
    pub fn digest(&self) -> Result<String, String> {
        digest_of_folder(&self.path)
    }
}

/// The SHA-256 of the manifest of a model directory.
///
/// # Errors
/// Why it cannot be read, in a sentence.
pub fn digest_of_folder(path: &Path) -> Result<String, String> {
    let file = path.join(MANIFEST);
    let bytes = fs::read(&file).map_err(|error| told(&file, &error))?;
    Ok(hex_sha256(&bytes))
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// All endpoints of a folder by name, and the names of folders that cannot be endpoints. What begins with a dot is passed over.
///
/// # Errors
/// If the folder cannot be listed.
pub fn endpoint_folders(root: &Path) -> io::Result<(Vec<EndpointFolder>, Vec<String>)> {
    let (mut found, mut odd) = (Vec::new(), Vec::new());
    for name in folders_in(root)? {
        if check_name("the name of the folder", &name).is_err() {
            odd.push(name);
            continue;
        }
        let path = root.join(&name);
        let model = model_in(&path);
        found.push(EndpointFolder { name, path, model });
    }
    Ok((found, odd))
}

/// The names of folders in a folder, links to some among them, in order.
fn folders_in(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The model of a folder: itself, or the version with the greatest number.
fn model_in(path: &Path) -> Result<ModelFolder, String> {
    if path.join(MANIFEST).is_file() {
        return model_at(path.to_owned(), 1);
    }
    let numbers = numbers_in(path).map_err(|error| told(path, &error))?;
    let Some(&version) = numbers.last() else {
        return Err(format!(
            "{} has neither a {MANIFEST} of a model nor folders of versions, such as 1",
            path.display()
        ));
    };
    model_at(path.join(version.to_string()), version)
}

/// The versions of an endpoint's folder that have a manifest, the greatest first: what may answer where the greatest cannot be read.
pub fn whole_versions(path: &Path) -> Vec<ModelFolder> {
    let numbers = numbers_in(path).unwrap_or_default();
    let versions = numbers.into_iter().rev();
    versions
        .filter_map(|version| model_at(path.join(version.to_string()), version).ok())
        .collect()
}

/// The numbers of the versions in a folder, in order.
fn numbers_in(path: &Path) -> io::Result<Vec<i64>> {
    let names = folders_in(path)?;
    let mut numbers: Vec<i64> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// A number as it is written, from 1.
fn number(name: &str) -> Option<i64> {
    let number: i64 = name.parse().ok()?;
    (number > 0 && number.to_string() == name).then_some(number)
}

fn model_at(path: PathBuf, version: i64) -> Result<ModelFolder, String> {
    let mut files = Vec::new();
    let listed = fs::read_dir(&path).map_err(|error| told(&path, &error))?;
    for entry in listed {
        let entry = entry.map_err(|error| told(&path, &error))?;
        // What a link leads to is what is read.
        let about = fs::metadata(entry.path()).map_err(|error| told(&entry.path(), &error))?;
        if about.is_file() {
            let changed = about.modified().ok();
            let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, about.len(), since.map_or(0, |since| since.as_nanos())));
        }
    }
    files.sort();
    if !files.iter().any(|(name, ..)| name == MANIFEST) {
        return Err(format!("{} has no {MANIFEST} yet", path.display()));
    }
    Ok(ModelFolder {
        path,
        version,
        files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn one(root: &Path, name: &str) -> Result<(String, i64), String> {
        let (found, _) = endpoint_folders(root).unwrap();
        let folder = found.into_iter().find(|one| one.name == name).unwrap();
        let model = folder.model?;
        let path = model.path.strip_prefix(root).unwrap();
        Ok((path.to_str().unwrap().to_owned(), model.version))
    }

    #[test]
    fn a_folder_has_a_model_or_numbered_ones_of_which_the_greatest_answers() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        put(root, "plain/manifest.json", "{}");
        for version in ["1", "9", "10", "011", "-3", "draft", ".12"] {
            put(root, &format!("many/{version}/manifest.json"), "{}");
        }
        put(root, "many/99", "a file is no version");
        put(root, "empty/README", "");
        put(root, "half/1/weights.safetensors", "");
        put(root, ".hidden/manifest.json", "{}");
        put(root, "a b/manifest.json", "{}");
        put(root, "a file", "");
        assert_eq!(one(root, "plain"), Ok(("plain".into(), 1)));
        assert_eq!(one(root, "many"), Ok(("many/10".into(), 10)));
        assert!(one(root, "empty").unwrap_err().contains("neither"));
        assert!(
            one(root, "half")
                .unwrap_err()
                .ends_with("has no manifest.json yet")
        );
        let (found, odd) = endpoint_folders(root).unwrap();
        assert_eq!((found.len(), odd), (4, vec!["a b".to_owned()]));
        assert!(endpoint_folders(&root.join("nowhere")).is_err());
    }

    #[test]
    fn a_model_is_another_when_one_of_its_files_is() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        put(root, "e/manifest.json", "{}");
        put(root, "e/weights", "1");
        let model = || endpoint_folders(root).unwrap().0.remove(0).model.unwrap();
        let before = model();
        assert_eq!(before, model());
        assert_eq!(before.digest(), Ok(hex_sha256(b"{}")));
        put(root, "e/weights", "12");
        assert_ne!(before, model());
    }
}
