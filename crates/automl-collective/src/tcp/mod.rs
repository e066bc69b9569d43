//! Ranks that are processes, each joined to every other one by a connection.
//!
//! A thread for each connection reads frames into the inbox, so two ranks that send at once never wait for each other, and
//! the end of any process is noticed at once, whomever this rank is waiting for.

mod hello;
mod meet;

pub(crate) use meet::{Meeting, meet};

use crate::inbox::Inbox;
use crate::link::{Call, Frame, HEAD_BYTES, Link};
use automl_core::CollectiveError;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Frames up to this are sent with their head in one piece.
const JOINED_BYTES: usize = 16 << 10;
/// What is set aside for a frame before its bytes have come.
const FIRST_BYTES: u64 = 64 << 20;
/// How long to wait for a rank to say why it went, once it is gone.
const LAST_WORDS: Duration = Duration::from_millis(200);

pub(crate) struct Tcp {
    rank: usize,
    /// One for each other rank; `None` for this one and for those that cannot be written to any more.
    streams: Vec<Option<TcpStream>>,
    inbox: Arc<Inbox>,
    timeout: Duration,
}

impl Tcp {
    /// Starts to read from all connections; the place of this rank's own is empty.
    pub(crate) fn new(
        rank: usize,
        streams: Vec<Option<TcpStream>>,
        timeout: Duration,
    ) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::new(streams.len()));
        for (from, stream) in streams.iter().enumerate() {
            let Some(stream) = stream else { continue };
            stream.set_nodelay(true)?;
            stream.set_read_timeout(None)?;
            stream.set_write_timeout(Some(timeout))?;
            let (stream, inbox) = (stream.try_clone()?, inbox.clone());
            std::thread::Builder::new()
                .name(format!("from-rank-{from}"))
                .spawn(move || read_all(from, stream, &inbox))?;
        }
        Ok(Self {
            rank,
            streams,
            inbox,
            timeout,
        })
    }

    fn tell_all(&mut self, frame: &Frame) {
        for stream in &mut self.streams {
            if let Some(open) = stream
                && write(open, frame).is_err()
            {
                *stream = None;
            }
        }
    }
}

impl Link for Tcp {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.streams.len()
    }

    fn name(&self) -> &'static str {
        "TCP"
    }

    fn send(&mut self, to: usize, frame: Frame) -> Result<(), CollectiveError> {
        let Some(stream) = &mut self.streams[to] else {
            return Err(gone(to, "its connection is closed"));
        };
        let Err(error) = write(stream, &frame) else {
            return Ok(());
        };
        // A part of the frame may be on its way: nothing else can follow it.
        self.streams[to] = None;
        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            return Err(CollectiveError::Timeout {
                rank: to,
                waited_s: self.timeout.as_secs(),
            });
        }
        let said = self.inbox.failure(LAST_WORDS);
        Err(said.unwrap_or_else(|| gone(to, &error.to_string())))
    }

    fn receive(&mut self, from: usize) -> Result<Frame, CollectiveError> {
        self.inbox.take(from, self.timeout)
    }

    fn abort(&mut self, error: &CollectiveError) {
        self.tell_all(&Frame::abort(self.rank, error));
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        let last = if std::thread::panicking() {
            Frame::abort(self.rank, &gone(self.rank, "its thread panicked"))
        } else {
            Frame {
                call: Call::Bye,
                number: 0,
                bytes: Vec::new(),
            }
        };
        self.tell_all(&last);
        for stream in self.streams.iter().flatten() {
            // The other end may have closed already, which is what this is for.
            drop(stream.shutdown(Shutdown::Write));
        }
    }
}

fn gone(rank: usize, reason: &str) -> CollectiveError {
    CollectiveError::Gone {
        rank,
        reason: reason.to_owned(),
    }
}

fn write(stream: &mut TcpStream, frame: &Frame) -> io::Result<()> {
    if frame.bytes.len() <= JOINED_BYTES {
        return stream.write_all(&[&frame.head(), frame.bytes.as_slice()].concat());
    }
    stream.write_all(&frame.head())?;
    stream.write_all(&frame.bytes)
}

/// Reads frames until the other rank has ended, or is gone.
fn read_all(from: usize, mut stream: TcpStream, inbox: &Inbox) {
    loop {
        match read(&mut stream) {
            Ok(frame) => {
                let is_last = matches!(frame.call, Call::Bye | Call::Abort);
                inbox.put(from, frame);
                if is_last {
                    return;
                }
            }
            Err(error) => {
                let reason = match error.kind() {
                    ErrorKind::UnexpectedEof => "its connection closed".to_owned(),
                    _ => error.to_string(),
                };
                inbox.fail(from, gone(from, &reason));
                return;
            }
        }
    }
}

fn read(stream: &mut TcpStream) -> io::Result<Frame> {
    let mut head = [0; HEAD_BYTES];
    stream.read_exact(&mut head)?;
    let (mut frame, n_bytes) = Frame::from_head(&head)
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it sent no frame"))?;
    frame.bytes.reserve_exact(n_bytes.min(FIRST_BYTES) as usize);
    let n_read = stream.take(n_bytes).read_to_end(&mut frame.bytes)?;
    if (n_read as u64) < n_bytes {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(frame)
}
