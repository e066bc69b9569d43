//! Ctrl-C: the first asks the work to wind up, the second ends the process, but never in the middle of a write.

use crate::console::Console;
use crate::errors::{self, CliError, Report};
use anyhow::Context as _;
use automl_core::CancelToken;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Listens for Ctrl-C and the like (SIGTERM, SIGHUP) until the process ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt {
    cancel: CancelToken,
    /// Held while a result is written; whether that has happened.
    writing: Arc<Mutex<bool>>,
}

impl Interrupt {
    /// Starts to listen. `on_first` runs at the first one, on a thread of its own.
    ///
    /// # Errors
    /// The system refuses a signal handler.
    pub(crate) fn listen(
        console: Console,
        on_first: impl Fn() + Send + 'static,
    ) -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let (cancel, writing) = (interrupt.cancel.clone(), Arc::clone(&interrupt.writing));
        let handler = move || {
            if cancel.is_cancelled() {
                // Waits for a write that has begun: it ends soon, and what it leaves is whole.
                let is_written = writing.lock().unwrap_or_else(PoisonError::into_inner);
                if !*is_written {
                    console.report(&Report::of(&CliError::StoppedAtOnce.into()));
                }
                exit_now();
            }
            cancel.cancel();
            on_first();
        };
        ctrlc::set_handler(handler).context("cannot listen for Ctrl-C")?;
        Ok(interrupt)
    }

    /// The flag that the first Ctrl-C raises.
    pub(crate) fn token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// While this is held, a second Ctrl-C waits; set it when the result is written.
    pub(crate) fn hold(&self) -> MutexGuard<'_, bool> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(
    clippy::exit,
    reason = "the second Ctrl-C means now; nothing is being written"
)]
fn exit_now() -> ! {
    std::process::exit(i32::from(errors::INTERRUPTED))
}
