//! The first line of a connection: who is there.

use std::io::{self, ErrorKind, Read, Write};

/// Raised when ranks of other versions could not understand this one.
const FORMAT: &str = "automl-ranks-1";
/// A line is not longer than this, but for the list of where ranks are.
const MAX_LINE: usize = 1 << 20;

/// What a rank says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) job: String,
    pub(super) rank: usize,
    pub(super) size: usize,
    /// Where it listens for others.
    pub(super) port: u16,
}

impl Hello {
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let Self {
            job,
            rank,
            size,
            port,
        } = self;
        write_line(to, &format!("{FORMAT} {rank} {size} {port} {job}"))
    }

    /// `None` for a line that no rank of this version says.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        Ok(Self::parse(&read_line(from)?))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        if words.next() != Some(FORMAT) {
            return None;
        }
        Some(Self {
            rank: words.next()?.parse().ok()?,
            size: words.next()?.parse().ok()?,
            port: words.next()?.parse().ok()?,
            job: words.next()?.to_owned(),
        })
    }
}

pub(super) fn write_line(to: &mut impl Write, line: &str) -> io::Result<()> {
    to.write_all(format!("{line}\n").as_bytes())
}

/// A line, read byte by byte so that nothing after it is taken.
pub(super) fn read_line(from: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        from.read_exact(&mut byte)?;
        if byte[0] == b'\n' {
            return String::from_utf8(line)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error));
        }
        line.push(byte[0]);
        if line.len() > MAX_LINE {
            return Err(io::Error::new(ErrorKind::InvalidData, "an endless line"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_is_read_as_it_was_written() {
        let hello = Hello {
            job: "job 17 of me".into(),
            rank: 3,
            size: 4,
            port: 40_001,
        };
        let mut bytes = Vec::new();
        hello.write(&mut bytes).unwrap();
        bytes.extend(b"rest");
        let mut from = bytes.as_slice();
        assert_eq!(Hello::read(&mut from).unwrap(), Some(hello));
        assert_eq!(from, b"rest");
    }

    #[test]
    fn others_are_not_taken_for_ranks() {
        for line in [
            "GET / HTTP/1.1",
            "",
            "automl-ranks-0 0 1 2 x",
            "automl-ranks-1 0 one 2 x",
        ] {
            assert_eq!(Hello::parse(line), None, "{line}");
        }
        assert!(Hello::read(&mut b"no end of line".as_slice()).is_err());
    }
}
