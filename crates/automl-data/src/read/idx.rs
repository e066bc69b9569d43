//! IDX, the format of MNIST: images of one size in one file, their labels in another of a like name.

use super::images::{IMAGE_COLUMN, LABEL_COLUMN, as_text};
use super::input::{Content, Input, decompress, peek};
use super::{Cell, Fingerprinter, RowReader, Sink};
use crate::error::DataError;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What a file of images begins with: bytes in three dimensions.
pub(super) const MAGIC: [u8; 4] = [0, 0, 8, 3];
/// What a file of labels begins with: bytes in one dimension.
const LABEL_MAGIC: [u8; 4] = [0, 0, 8, 1];
/// Pixels along a side at most.
const MAX_SIDE: u32 = 16_384;

struct Idx {
    names: Vec<String>,
    file: String,
    reader: Box<dyn Read + Send>,
    labels: Option<std::vec::IntoIter<u8>>,
    n_images: u32,
    n_read: u32,
    /// What makes the pixels of one image a file of their own (PGM).
    head: String,
    n_pixels: usize,
}

/// Opens a file of images, and the file of their labels if there is one beside it.
pub(super) fn open(
    input: Input,
    path: Option<&Path>,
    fingerprint: Option<&Fingerprinter>,
) -> Result<Box<dyn RowReader>, DataError> {
    let Content::Stream(mut reader) = input.content else {
        unreachable!("images are opened as a stream");
    };
    let file = input.name.as_str();
    let mut head = [0; 16];
    let cut = |error: std::io::Error| DataError::reading(file, error);
    reader.read_exact(&mut head).map_err(cut)?;
    let [_, n_images, height, width] = numbers(&head);
    let is_possible = |side: u32| (1..=MAX_SIDE).contains(&side);
    if !is_possible(height) || !is_possible(width) {
        return Err(refused(
            file,
            format!("its images are {height} × {width} pixels"),
        ));
    }
    let mut names = vec![IMAGE_COLUMN.to_owned()];
    let labels = match path.and_then(label_file) {
        None => None,
        Some(path) => Some(read_labels(&path, n_images, fingerprint)?.into_iter()),
    };
    if labels.is_some() {
        names.push(LABEL_COLUMN.to_owned());
    }
    Ok(Box::new(Idx {
        names,
        file: file.to_owned(),
        reader,
        labels,
        n_images,
        n_read: 0,
        head: format!("P5 {width} {height} 255\n"),
        n_pixels: height as usize * width as usize,
    }))
}

/// Four big-endian numbers.
fn numbers(head: &[u8; 16]) -> [u32; 4] {
    let at = |n: usize| u32::from_be_bytes([head[n], head[n + 1], head[n + 2], head[n + 3]]);
    [at(0), at(4), at(8), at(12)]
}

fn refused(file: &str, reason: String) -> DataError {
    DataError::Format {
        format: "IDX",
        reason,
        file: file.to_owned(),
    }
}

/// The file beside that is named for labels where this one is named for images; compressed or not.
fn label_file(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    if !name.contains("images") {
        return None;
    }
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let plain = labels.trim_end_matches(".gz").trim_end_matches(".zst");
    let plain = plain.to_owned();
    let names = [labels, format!("{plain}.gz"), format!("{plain}.zst"), plain];
    let mut paths = names.iter().map(|name| images.with_file_name(name));
    paths.find(|path| path.is_file())
}

fn read_labels(
    path: &Path,
    n_images: u32,
    fingerprint: Option<&Fingerprinter>,
) -> Result<Vec<u8>, DataError> {
    let file = path.display().to_string();
    let failed = |error| DataError::reading(&file, error);
    let raw = Box::new(std::fs::File::open(path).map_err(failed)?);
    let (head, raw) = peek(raw).map_err(failed)?;
    let (_, mut reader) = decompress(&head, raw).map_err(failed)?;
    let mut head = [0; 8];
    reader.read_exact(&mut head).map_err(failed)?;
    let n_labels = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    if head[..4] != LABEL_MAGIC {
        return Err(refused(
            &file,
            "it does not begin like a file of labels".into(),
        ));
    }
    if n_labels != n_images {
        let reason = format!("it has {n_labels} labels of {n_images} images");
        return Err(refused(&file, reason));
    }
    // What a header claims is not allocated before it is read.
    let mut labels = Vec::new();
    let limit = u64::from(n_labels);
    let mut counted = reader.take(limit);
    counted.read_to_end(&mut labels).map_err(failed)?;
    if labels.len() as u64 != limit {
        return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
    }
    if !is_at_end(counted.into_inner().as_mut()).map_err(failed)? {
        return Err(refused(
            &file,
            format!("it goes on after {n_labels} labels"),
        ));
    }
    if let Some(fingerprint) = fingerprint {
        fingerprint.add(&labels);
    }
    Ok(labels)
}

fn is_at_end(reader: &mut dyn Read) -> std::io::Result<bool> {
    let mut next = Vec::new();
    Ok(reader.take(1).read_to_end(&mut next)? == 0)
}

impl RowReader for Idx {
    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(&mut self, max_rows: usize, sink: &mut dyn Sink) -> Result<usize, DataError> {
        for n_done in 0..max_rows {
            if self.n_read == self.n_images {
                let failed = |error| DataError::reading(&self.file, error);
                return if is_at_end(self.reader.as_mut()).map_err(failed)? {
                    Ok(n_done)
                } else {
                    let n = self.n_images;
                    Err(refused(&self.file, format!("it goes on after {n} images")))
                };
            }
            self.n_read += 1;
            let mut bytes = self.head.clone().into_bytes();
            let start = bytes.len();
            bytes.resize(start + self.n_pixels, 0);
            self.reader
                .read_exact(&mut bytes[start..])
                .map_err(|error| {
                    if error.kind() == std::io::ErrorKind::UnexpectedEof {
                        let (at, n) = (self.n_read, self.n_images);
                        return refused(&self.file, format!("it ends in image {at} of {n}"));
                    }
                    DataError::reading(&self.file, error)
                })?;
            sink.row(u64::from(self.n_read));
            if sink.wants(0) {
                sink.cell(0, Cell::Text(&as_text(&bytes)))?;
            }
            if let Some(label) = self.labels.as_mut().and_then(Iterator::next) {
                sink.cell(1, Cell::Integer(i64::from(label)))?;
            }
        }
        Ok(max_rows)
    }
}
