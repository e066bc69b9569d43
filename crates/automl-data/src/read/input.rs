//! One opened file: hashed as it is read, decompressed, decoded to UTF-8, its format known.

use crate::error::DataError;
use crate::options::{Encoding, Format, ReadOptions};
use crate::source::InputRef;
use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE, WINDOWS_1252};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much of a file is looked at to find out its format and delimiter.
const HEAD_BYTES: usize = 64 * 1024;
const BLOCK_BYTES: usize = 128 * 1024;

/// A SHA-256 over all bytes of all files, in reading order, shared by the readers of one source.
///
/// It holds the file at hand itself, so that what its reader left can still be hashed by [`Fingerprinter::drain`].
#[derive(Clone, Default)]
pub(crate) struct Fingerprinter(Arc<Mutex<Hashed>>);

#[derive(Default)]
struct Hashed {
    hasher: Sha256,
    raw: Option<Box<dyn Read + Send>>,
}

impl Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(raw) = &mut self.raw else {
            return Ok(0);
        };
        let n_read = raw.read(buffer)?;
        self.hasher.update(&buffer[..n_read]);
        Ok(n_read)
    }
}

impl Fingerprinter {
    fn lock(&self) -> MutexGuard<'_, Hashed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the bytes of `raw` through and hashes them. The file before it is done with.
    fn hash(&self, raw: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        self.lock().raw = Some(raw);
        Box::new(Hashing(self.clone()))
    }

    /// Hashes the rest of the file at hand: a decompressor may leave trailing bytes, `max_rows` many more, and the
    /// fingerprint is of the whole file.
    ///
    /// # Errors
    /// The rest cannot be read.
    pub(crate) fn drain(&self) -> io::Result<()> {
        let mut block = vec![0; BLOCK_BYTES];
        let mut hashed = self.lock();
        while hashed.read(&mut block)? > 0 {}
        hashed.raw = None;
        Ok(())
    }

    /// Hashes bytes that no reader of this passed on.
    pub(crate) fn add(&self, bytes: &[u8]) {
        self.lock().hasher.update(bytes);
    }

    /// The digest so far in lower-case hex.
    pub(crate) fn hex(&self) -> String {
        let hasher = self.lock().hasher.clone();
        hasher.finalize().iter().fold(String::new(), |mut hex, b| {
            write!(hex, "{b:02x}").expect("a String takes any text");
            hex
        })
    }
}

/// Reads the file that a fingerprinter holds.
struct Hashing(Fingerprinter);

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.lock().read(buffer)
    }
}

/// The content of a file: text to stream, or a file to seek in.
pub(crate) enum Content {
    /// UTF-8 unless the file breaks its promise; the reader of the format checks.
    Text {
        /// The first bytes, also still to come from `reader`.
        head: Vec<u8>,
        reader: Box<dyn Read + Send>,
    },
    /// Columnar formats seek.
    Seekable(File),
    /// The Arrow stream format does not.
    Stream(Box<dyn Read + Send>),
}

/// A file with its format.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) content: Content,
}

/// Opens one file, looks at its first bytes and prepares its content for the reader of its format.
pub(crate) fn open(
    input: &InputRef,
    options: &ReadOptions,
    fingerprint: Option<&Fingerprinter>,
) -> Result<Input, DataError> {
    let name = input.name();
    let io_error = |error| DataError::reading(name.clone(), error);
    let raw: Box<dyn Read + Send> = match input {
        InputRef::File(path) | InputRef::Fetched { path, .. } => {
            buffered(File::open(path).map_err(io_error)?)
        }
        InputRef::Stdin => buffered(io::stdin()),
        InputRef::Bytes { bytes, .. } => Box::new(Cursor::new(bytes.clone())),
    };
    let raw = match fingerprint {
        Some(fingerprint) => fingerprint.hash(raw),
        None => raw,
    };
    let (head, raw) = peek(raw).map_err(io_error)?;
    let (compressed, mut reader) = decompress(&head, raw).map_err(io_error)?;
    let head = if compressed {
        let (head, rest) = peek(reader).map_err(io_error)?;
        reader = rest;
        head
    } else {
        head
    };
    if head.is_empty() {
        return Err(DataError::Empty { file: name });
    }
    let format = match options.format {
        Some(format) => format,
        None if head.starts_with(&super::idx::MAGIC) && options.images => Format::Images,
        None => detect(&name, &head)?,
    };
    let content = match format {
        Format::Parquet => seekable(input, compressed, reader).map_err(io_error)?,
        Format::Arrow if head.starts_with(b"ARROW1") => {
            seekable(input, compressed, reader).map_err(io_error)?
        }
        Format::Arrow | Format::Images => Content::Stream(reader),
        Format::Delimited | Format::JsonLines => {
            decode(head, reader, options.encoding).map_err(io_error)?
        }
    };
    Ok(Input {
        name,
        format,
        content,
    })
}

fn buffered(inner: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(BufReader::with_capacity(BLOCK_BYTES, inner))
}

/// The first bytes of a reader, and a reader that still gives them.
pub(super) fn peek(
    mut reader: Box<dyn Read + Send>,
) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut head = Vec::new();
    reader
        .by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    let again = Cursor::new(head.clone()).chain(reader);
    Ok((head, Box::new(again)))
}

/// What a reader holds, unpacked if its first bytes say that it is compressed.
pub(super) fn decompress(
    head: &[u8],
    reader: Box<dyn Read + Send>,
) -> io::Result<(bool, Box<dyn Read + Send>)> {
    if head.starts_with(&[0x1f, 0x8b]) {
        Ok((true, Box::new(flate2::read::MultiGzDecoder::new(reader))))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Ok((true, Box::new(zstd::stream::read::Decoder::new(reader)?)))
    } else {
        Ok((false, reader))
    }
}

fn detect(name: &str, head: &[u8]) -> Result<Format, DataError> {
    let lower = name.to_ascii_lowercase();
    let plain = lower
        .trim_end_matches(".gz")
        .trim_end_matches(".zst")
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    let refuse = |reason: &str| {
        Err(DataError::Format {
            format: "a table",
            reason: reason.into(),
            file: name.into(),
        })
    };
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    if head.starts_with(b"PAR1") {
        Ok(Format::Parquet)
    } else if head.starts_with(b"ARROW1") || head.starts_with(&[0xff, 0xff, 0xff, 0xff]) {
        Ok(Format::Arrow)
    } else if head.starts_with(&super::idx::MAGIC) {
        refuse("it holds images, from which `automl train` learns")
    } else if head.starts_with(b"PK\x03\x04") {
        refuse("it is a zip archive or a spreadsheet")
    } else if plain == "parquet" || plain == "pq" {
        refuse("it does not begin like a Parquet file")
    } else if ["arrow", "arrows", "feather", "ipc"].contains(&plain.as_str()) {
        refuse("it does not begin like an Arrow file")
    } else if ["csv", "tsv", "tab"].contains(&plain.as_str()) {
        Ok(Format::Delimited)
    } else if plain.starts_with("json") && first == Some(&b'[') {
        refuse("it is a JSON list, not one object a line")
    } else if ["jsonl", "ndjson", "json"].contains(&plain.as_str()) || first == Some(&b'{') {
        Ok(Format::JsonLines)
    } else {
        Ok(Format::Delimited)
    }
}

/// The file itself where it can be seeked in, else a temporary copy that vanishes when it is closed.
fn seekable(
    input: &InputRef,
    compressed: bool,
    mut reader: Box<dyn Read + Send>,
) -> io::Result<Content> {
    if let Some(path) = input.path()
        && !compressed
    {
        let file = File::open(path)?;
        if file.metadata()?.is_file() {
            return Ok(Content::Seekable(file));
        }
    }
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut reader, &mut copy)?;
    copy.seek(SeekFrom::Start(0))?;
    Ok(Content::Seekable(copy))
}

fn decode(
    head: Vec<u8>,
    mut reader: Box<dyn Read + Send>,
    encoding: Encoding,
) -> io::Result<Content> {
    let decoder = if head.starts_with(&[0xff, 0xfe]) {
        UTF_16LE.new_decoder_with_bom_removal()
    } else if head.starts_with(&[0xfe, 0xff]) {
        UTF_16BE.new_decoder_with_bom_removal()
    } else if head.starts_with(&[0xef, 0xbb, 0xbf]) {
        io::copy(&mut reader.by_ref().take(3), &mut io::sink())?;
        let head = head[3..].to_vec();
        return Ok(Content::Text { head, reader });
    } else {
        match encoding {
            Encoding::Utf8 => return Ok(Content::Text { head, reader }),
            Encoding::Latin1 => WINDOWS_1252.new_decoder_without_bom_handling(),
            Encoding::Utf16 => UTF_16LE.new_decoder_without_bom_handling(),
        }
    };
    let (head, reader) = peek(Box::new(Decoding::new(reader, decoder)))?;
    Ok(Content::Text { head, reader })
}

/// Turns another encoding into UTF-8 block by block.
struct Decoding {
    inner: Box<dyn Read + Send>,
    decoder: Decoder,
    block: Vec<u8>,
    /// Bytes of `block` that wait to be decoded.
    waiting: std::ops::Range<usize>,
    /// Decoded text that waits to be read.
    text: Vec<u8>,
    text_start: usize,
    ended: bool,
}

impl Decoding {
    fn new(inner: Box<dyn Read + Send>, decoder: Decoder) -> Self {
        Self {
            inner,
            decoder,
            block: vec![0; BLOCK_BYTES],
            waiting: 0..0,
            text: Vec::new(),
            text_start: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.text.resize(BLOCK_BYTES * 2, 0);
        self.text_start = 0;
        let mut n_text = 0;
        while n_text == 0 && !self.ended {
            let mut last = false;
            if self.waiting.is_empty() {
                let n_read = self.inner.read(&mut self.block)?;
                self.waiting = 0..n_read;
                last = n_read == 0;
            }
            let (result, n_taken, n_given, _) = self.decoder.decode_to_utf8(
                &self.block[self.waiting.clone()],
                &mut self.text,
                last,
            );
            self.waiting.start += n_taken;
            n_text = n_given;
            self.ended = last && result == CoderResult::InputEmpty;
        }
        self.text.truncate(n_text);
        Ok(())
    }
}

impl Read for Decoding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text_start == self.text.len() {
            self.refill()?;
        }
        let n_given = buffer.len().min(self.text.len() - self.text_start);
        buffer[..n_given].copy_from_slice(&self.text[self.text_start..][..n_given]);
        self.text_start += n_given;
        Ok(n_given)
    }
}
