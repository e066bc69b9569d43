//! Images as rows: a folder of image files, one folder a class, as the columns `file`, `image` and `label`.
//!
//! An image is a text: the bytes of its file in base64, which is how requests hold one, too. Who learns from it decides
//! its size and colours, so nothing is decoded here but the first bytes, which tell images from other files.

use super::{Cell, Fingerprinter, RowReader, Sink};
use crate::error::DataError;
use crate::schema_file::ColumnOverride;
use automl_core::{Kind, Role, Warning, WarningKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The column of images.
pub const IMAGE_COLUMN: &str = "image";
/// The column of their classes.
pub const LABEL_COLUMN: &str = "label";
/// The column of their files.
pub const FILE_COLUMN: &str = "file";

/// What names of images end with.
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];
/// Bytes of an image's file at most.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// How deep folders of a class may lie in one another; links may go round in circles.
const MAX_DEPTH: usize = 16;

/// What the columns are, whatever their cells look like.
pub(super) fn columns() -> BTreeMap<String, ColumnOverride> {
    let column = |kind, role| ColumnOverride {
        kind: Some(kind),
        role,
        ..ColumnOverride::default()
    };
    BTreeMap::from([
        (FILE_COLUMN.into(), column(Kind::Text, Some(Role::Id))),
        (IMAGE_COLUMN.into(), column(Kind::Text, Some(Role::Feature))),
        (LABEL_COLUMN.into(), column(Kind::Category, None)),
    ])
}

/// What cells are missing: none that has a text, as a folder may be called `None` or `NA`.
pub(super) fn missing_marks() -> Vec<String> {
    vec![String::new()]
}

/// An image as a cell.
pub(super) fn as_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// An image's file and its class.
struct Image {
    path: PathBuf,
    label: String,
}

struct Folder {
    root: PathBuf,
    names: Vec<String>,
    images: std::vec::IntoIter<Image>,
    fingerprint: Option<Fingerprinter>,
    n_read: u64,
}

/// A folder that was opened, and the files in it that are no images.
pub(super) struct Opened {
    pub(super) reader: Box<dyn RowReader>,
    pub(super) warning: Option<Warning>,
}

/// Lists the images of a folder: those of each class, or all without one if there are no folders in it.
pub(super) fn open(folder: &Path, fingerprint: Option<Fingerprinter>) -> Result<Opened, DataError> {
    let mut found = Found::default();
    let (folders, files) = listed(folder)?;
    for class in &folders {
        let label = class.file_name().unwrap_or_default();
        let Some(label) = label.to_str() else {
            return Err(no_image("the name of its class is not UTF-8", class));
        };
        if label.trim_ascii().is_empty() {
            return Err(no_image("the name of its class is blank", class));
        }
        found.below(class, label, 0)?;
    }
    let n_labelled = found.images.len();
    found.take(files, "");
    if found.images.is_empty() {
        return Err(DataError::Format {
            format: "a folder of images",
            reason: "there is no file that ends with .png, .jpg, .jpeg or .bmp".into(),
            file: folder.display().to_string(),
        });
    }
    if n_labelled > 0 && n_labelled < found.images.len() {
        let stray = &found.images[n_labelled].path;
        return Err(no_image(
            "it is in no folder of a class, as others are",
            stray,
        ));
    }
    let mut names = vec![FILE_COLUMN.to_owned(), IMAGE_COLUMN.to_owned()];
    if n_labelled > 0 {
        names.push(LABEL_COLUMN.to_owned());
    }
    Ok(Opened {
        warning: found.warning(),
        reader: Box::new(Folder {
            root: folder.to_owned(),
            names,
            images: found.images.into_iter(),
            fingerprint,
            n_read: 0,
        }),
    })
}

#[derive(Default)]
struct Found {
    images: Vec<Image>,
    others: Vec<PathBuf>,
}

impl Found {
    fn below(&mut self, folder: &Path, label: &str, depth: usize) -> Result<(), DataError> {
        if depth > MAX_DEPTH {
            return Err(no_image("folders lie too deep in one another", folder));
        }
        let (folders, files) = listed(folder)?;
        self.take(files, label);
        for inner in folders {
            self.below(&inner, label, depth + 1)?;
        }
        Ok(())
    }

    fn take(&mut self, files: Vec<PathBuf>, label: &str) {
        for path in files {
            let extension = path.extension().and_then(|kind| kind.to_str());
            let extension = extension.unwrap_or_default().to_ascii_lowercase();
            if EXTENSIONS.contains(&extension.as_str()) {
                let label = label.to_owned();
                self.images.push(Image { path, label });
            } else {
                self.others.push(path);
            }
        }
    }

    fn warning(&self) -> Option<Warning> {
        let first = self.others.first()?.display();
        let message = match self.others.len() {
            1 => format!("a file is no image by its name and is left out: {first}"),
            n => {
                format!("{n} files are no images by their names and are left out, such as {first}")
            }
        };
        Some(Warning::new(
            WarningKind::UnreadCells,
            [FILE_COLUMN],
            message,
        ))
    }
}

/// Folders and files of a folder by name, but for hidden ones.
fn listed(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let failed = |error| DataError::reading(folder.display().to_string(), error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths.into_iter().partition(|path| path.is_dir()))
}

fn no_image(reason: &str, path: &Path) -> DataError {
    DataError::Format {
        format: "an image",
        reason: reason.to_owned(),
        file: path.display().to_string(),
    }
}

impl Folder {
    /// The bytes of a file that begins like an image.
    fn load(&self, path: &Path) -> Result<Vec<u8>, DataError> {
        let failed = |error| DataError::reading(path.display().to_string(), error);
        // Nobody may ever write to a pipe, nor be done with a device.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(no_image("it is no regular file", path));
        }
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(no_image("it is larger than 64 MB", path));
        }
        if !begins_like_one(&bytes) {
            return Err(no_image("it is no PNG, JPEG or BMP", path));
        }
        if let Some(fingerprint) = &self.fingerprint {
            let name = path.strip_prefix(&self.root).unwrap_or(path);
            fingerprint.add(name.to_string_lossy().as_bytes());
            fingerprint.add(&bytes);
        }
        Ok(bytes)
    }
}

fn begins_like_one(bytes: &[u8]) -> bool {
    let beginnings: [&[u8]; 3] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"];
    beginnings
        .iter()
        .any(|beginning| bytes.starts_with(beginning))
}

impl RowReader for Folder {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&mut self, max_rows: usize, sink: &mut dyn Sink) -> Result<usize, DataError> {
        for n_done in 0..max_rows {
            let Some(image) = self.images.next() else {
                return Ok(n_done);
            };
            self.n_read += 1;
            sink.row(self.n_read);
            sink.cell(0, Cell::Text(&image.path.display().to_string()))?;
            if sink.wants(1) {
                sink.cell(1, Cell::Text(&as_text(&self.load(&image.path)?)))?;
            }
            if self.names.len() > 2 {
                sink.cell(2, Cell::Text(&image.label))?;
            }
        }
        Ok(max_rows)
    }
}
