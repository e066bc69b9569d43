//! Sends what a verb writes down to a database server while the verb works, and at its end.

use automl_store::spool::{Tails, replay};
use automl_store::workspace::{Record, Workspace, WorkspaceError};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// Between two looks at the spool.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the end of a verb waits for what is left to be sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// A thread that sends.
pub(super) struct Pump {
    /// Dropped when the verb has ended.
    end: Sender<()>,
    done: Receiver<bool>,
}

impl Pump {
    pub(super) fn start(workspace: Workspace) -> Self {
        let (end, ended) = mpsc::channel();
        let (tell, done) = mpsc::channel();
        thread::spawn(move || {
            let mut sender = Sending {
                workspace,
                record: None,
                tails: Tails::default(),
            };
            loop {
                let is_last = ended.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout);
                let is_sent = sender.send().is_ok();
                if is_last {
                    // Nobody may be waiting any more.
                    let _told = tell.send(is_sent);
                    return;
                }
            }
        });
        Self { end, done }
    }

    /// Sends the rest, and says whether all was taken.
    pub(super) fn finish(self) -> bool {
        drop(self.end);
        self.done.recv_timeout(PATIENCE).unwrap_or(false)
    }
}

struct Sending {
    workspace: Workspace,
    /// Opened once it can be.
    record: Option<Record>,
    tails: Tails,
}

impl Sending {
    fn send(&mut self) -> Result<(), WorkspaceError> {
        let record = match &self.record {
            Some(record) => record,
            None => self.record.insert(self.workspace.open()?),
        };
        replay(record, self.workspace.spool(), &mut self.tails)?;
        Ok(())
    }
}
