//! The one module with `unsafe` code: a foreign library can be called in no other way.
//!
//! What keeps it sound: the library is opened with its own names and never closed (its exit handlers and threads outlive
//! any handle of ours); the type of each function is that of the MPI standard; MPI is initialised once a process; all calls
//! come through `&mut` of the link, under its lock, as `MPI_THREAD_SERIALIZED` asks; and buffers of requests that are not
//! done are owned by the request and leaked with it rather than freed under MPI's hands.

#![expect(
    unsafe_code,
    reason = "MPI is a C library, found when the program runs"
)]

use super::abi::{
    self, Address, ErrorText, Finalize, Flag, InitThread, Number, OfComm, Post, SUCCESS,
    SetHandler, TEXT_BYTES, THREAD_SERIALIZED, Test, Version,
};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};
use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why MPI cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MpiError {
    #[error("no MPI library is found; tried {}", tried.join(", "))]
    Missing { tried: Vec<String> },
    #[error("{library} has no {symbol}")]
    Symbol { library: String, symbol: String },
    #[error("{call}: {text}")]
    Call { call: &'static str, text: String },
    #[error("{library} takes calls from one thread only")]
    Threads { library: String },
    #[error("MPI has been started in this process before")]
    Twice,
}

/// Messages to and from other ranks.
pub(crate) trait Messages: Send {
    fn rank(&self) -> usize;
    fn size(&self) -> usize;
    /// Name and version of the library.
    fn version(&self) -> &str;
    fn send(&mut self, to: usize, bytes: Vec<u8>) -> Result<Box<dyn Request>, MpiError>;
    fn receive(&mut self, from: usize, n_bytes: usize) -> Result<Box<dyn Request>, MpiError>;
    /// Leaves MPI open when this process ends, so that who started it ends the others.
    fn set_failed(&mut self);
}

/// A message on its way.
pub(crate) trait Request: Send {
    fn is_done(&mut self) -> Result<bool, MpiError>;
    /// The bytes of one that is done.
    fn into_bytes(self: Box<Self>) -> Vec<u8>;
}

/// Whether MPI was started in this process; it can be only once.
static IS_STARTED: AtomicBool = AtomicBool::new(false);

/// Opens the first of these libraries that is there, and starts MPI.
pub(crate) fn open(names: &[String]) -> Result<Box<dyn Messages>, MpiError> {
    for name in names {
        // SAFETY: opening runs the library's initialisers; these are names of MPI libraries, which are meant to be loaded
        // into any program. Open MPI's plug-ins look for its symbols among those that are global.
        let Ok(library) = (unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }) else {
            continue;
        };
        if IS_STARTED.swap(true, Ordering::SeqCst) {
            return Err(MpiError::Twice);
        }
        // It stays open for ever.
        let library = Opened {
            name: name.clone(),
            library: ManuallyDrop::new(library),
        };
        let is_open_mpi = library.address(abi::open_mpi::WORLD).is_ok();
        return if is_open_mpi {
            let handles = Handles {
                world: library.address(abi::open_mpi::WORLD)?,
                byte: library.address(abi::open_mpi::BYTE)?,
                errors_return: library.address(abi::open_mpi::ERRORS_RETURN)?,
                status_ignore: abi::open_mpi::STATUS_IGNORE,
            };
            Ok(Box::new(World::<Address>::start(&library, handles)?))
        } else {
            let handles = Handles {
                world: abi::mpich::WORLD,
                byte: abi::mpich::BYTE,
                errors_return: abi::mpich::ERRORS_RETURN,
                status_ignore: abi::mpich::STATUS_IGNORE,
            };
            Ok(Box::new(World::<Number>::start(&library, handles)?))
        };
    }
    Err(MpiError::Missing {
        tried: names.to_vec(),
    })
}

struct Opened {
    name: String,
    library: ManuallyDrop<Library>,
}

impl Opened {
    /// A function or variable by its name, which ends with a zero.
    ///
    /// # Safety
    /// `T` is a pointer to what the library has under this name.
    unsafe fn symbol<T>(&self, name: &[u8]) -> Result<Symbol<T>, MpiError> {
        // SAFETY: that the type is right is what the caller promises.
        unsafe { self.library.get::<T>(name) }.map_err(|_missing| MpiError::Symbol {
            library: self.name.clone(),
            symbol: String::from_utf8_lossy(name.strip_suffix(b"\0").unwrap_or(name)).into_owned(),
        })
    }

    /// The address of a variable.
    fn address(&self, name: &[u8]) -> Result<Address, MpiError> {
        // SAFETY: whatever is there, its address is a pointer; it is handed back to the library and never read here.
        let symbol = unsafe { self.symbol::<Address>(name)? };
        Ok(symbol.into_raw())
    }
}

/// What a family calls the communicator of all ranks, the type of bytes, and so on.
struct Handles<H> {
    world: H,
    byte: H,
    errors_return: H,
    status_ignore: usize,
}

/// The functions of the library that are used, as long as the process lives.
struct Functions<H> {
    handles: Handles<H>,
    isend: Symbol<Post<H>>,
    irecv: Symbol<Post<H>>,
    test: Symbol<Test<H>>,
    error_text: Symbol<ErrorText>,
    finalize: Symbol<Finalize>,
    finalized: Symbol<Flag>,
}

// SAFETY: handles are numbers, or addresses of variables of a library that is never closed, and are only handed back to it;
// MPI was started for calls from any thread, one at a time, which the lock around the link sees to.
unsafe impl<H> Send for Functions<H> {}
// SAFETY: as above; no call is made but through `&mut` of the link that owns the world and all its requests.
unsafe impl<H> Sync for Functions<H> {}

impl<H> Functions<H> {
    fn check(&self, call: &'static str, code: c_int) -> Result<(), MpiError> {
        if code == SUCCESS {
            return Ok(());
        }
        let mut text = vec![0_u8; TEXT_BYTES];
        let mut length: c_int = 0;
        // SAFETY: the buffer is longer than any text of MPI, and MPI says how much of it was written.
        let is_told = unsafe { (self.error_text)(code, text.as_mut_ptr(), &raw mut length) };
        text.truncate(if is_told == SUCCESS {
            length.max(0) as usize
        } else {
            0
        });
        let text = String::from_utf8_lossy(&text).into_owned();
        Err(MpiError::Call {
            call,
            text: if text.is_empty() {
                format!("error {code}")
            } else {
                text
            },
        })
    }
}

/// MPI, started.
struct World<H> {
    functions: Arc<Functions<H>>,
    rank: usize,
    size: usize,
    version: String,
    has_failed: bool,
}

/// All messages have the same tag: those between two ranks keep their order.
const TAG: c_int = 1;

impl<H: Copy + Blank + 'static> World<H> {
    fn start(library: &Opened, handles: Handles<H>) -> Result<Self, MpiError> {
        // SAFETY: these are the types that the MPI standard gives these functions.
        let (init, version, rank, size, set_handler, functions) = unsafe {
            (
                library.symbol::<InitThread>(b"MPI_Init_thread\0")?,
                library.symbol::<Version>(b"MPI_Get_library_version\0")?,
                library.symbol::<OfComm<H>>(b"MPI_Comm_rank\0")?,
                library.symbol::<OfComm<H>>(b"MPI_Comm_size\0")?,
                library.symbol::<SetHandler<H>>(b"MPI_Comm_set_errhandler\0")?,
                Functions {
                    handles,
                    isend: library.symbol::<Post<H>>(b"MPI_Isend\0")?,
                    irecv: library.symbol::<Post<H>>(b"MPI_Irecv\0")?,
                    test: library.symbol::<Test<H>>(b"MPI_Test\0")?,
                    error_text: library.symbol::<ErrorText>(b"MPI_Error_string\0")?,
                    finalize: library.symbol::<Finalize>(b"MPI_Finalize\0")?,
                    finalized: library.symbol::<Flag>(b"MPI_Finalized\0")?,
                },
            )
        };
        let Handles {
            world,
            errors_return,
            ..
        } = functions.handles;
        let (mut provided, mut own, mut all): (c_int, c_int, c_int) = (0, 0, 0);
        let (no_count, no_words) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: `IS_STARTED` lets only one caller come here; null arguments are allowed since MPI-2.
        let code = unsafe { init(no_count, no_words, THREAD_SERIALIZED, &raw mut provided) };
        functions.check("MPI_Init_thread", code)?;
        if provided < THREAD_SERIALIZED {
            return Err(MpiError::Threads {
                library: library.name.clone(),
            });
        }
        // SAFETY: MPI is started, and both handles are its own. Errors come back as codes, not as an abort.
        let code = unsafe { set_handler(world, errors_return) };
        functions.check("MPI_Comm_set_errhandler", code)?;
        // SAFETY: as above, with places for the results.
        let code = unsafe { rank(world, &raw mut own) };
        functions.check("MPI_Comm_rank", code)?;
        // SAFETY: as above.
        let code = unsafe { size(world, &raw mut all) };
        functions.check("MPI_Comm_size", code)?;
        Ok(Self {
            functions: Arc::new(functions),
            rank: own as usize,
            size: all as usize,
            version: version_text(&version),
            has_failed: false,
        })
    }

    fn post(
        &self,
        call: &'static str,
        function: &Symbol<Post<H>>,
        other: usize,
        mut bytes: Vec<u8>,
    ) -> Result<Box<dyn Request>, MpiError> {
        let handles = &self.functions.handles;
        let (buffer, count) = (bytes.as_mut_ptr().cast::<c_void>(), bytes.len() as c_int);
        let mut handle = H::ZERO;
        // SAFETY: the buffer holds `count` bytes (at most 2^30), is owned by the request and does not move until MPI says
        // that it is done.
        let code = unsafe {
            function(
                buffer,
                count,
                handles.byte,
                other as c_int,
                TAG,
                handles.world,
                &raw mut handle,
            )
        };
        self.functions.check(call, code)?;
        Ok(Box::new(Posted {
            functions: self.functions.clone(),
            handle,
            bytes: ManuallyDrop::new(bytes),
            is_done: false,
        }))
    }
}

/// A value that a request's handle may have before it is one.
trait Blank {
    const ZERO: Self;
}

impl Blank for Address {
    const ZERO: Self = std::ptr::null_mut();
}

impl Blank for Number {
    const ZERO: Self = 0;
}

fn version_text(version: &Symbol<Version>) -> String {
    let mut text = vec![0_u8; TEXT_BYTES];
    let mut length: c_int = 0;
    // SAFETY: the buffer is longer than any text of MPI, and MPI says how much of it was written.
    let code = unsafe { version(text.as_mut_ptr(), &raw mut length) };
    text.truncate(if code == SUCCESS {
        length.max(0) as usize
    } else {
        0
    });
    short_version(&String::from_utf8_lossy(&text))
}

/// `Open MPI v4.1.4, package: …` and `MPICH Version: 4.0.2 …` in short.
fn short_version(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split(',').next().unwrap_or_default();
    let line = line.replace("Version:", "").replace(['\t', '\0'], " ");
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [] => "unknown version".to_owned(),
        words => words.join(" "),
    }
}

impl<H: Copy + Blank + 'static> Messages for World<H> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn send(&mut self, to: usize, bytes: Vec<u8>) -> Result<Box<dyn Request>, MpiError> {
        self.post("MPI_Isend", &self.functions.isend, to, bytes)
    }

    fn receive(&mut self, from: usize, n_bytes: usize) -> Result<Box<dyn Request>, MpiError> {
        self.post("MPI_Irecv", &self.functions.irecv, from, vec![0; n_bytes])
    }

    fn set_failed(&mut self) {
        self.has_failed = true;
    }
}

impl<H> Drop for World<H> {
    fn drop(&mut self) {
        // MPI_Finalize waits for all ranks; one that has failed, or whose peers have, ends without it.
        if self.has_failed || std::thread::panicking() {
            return;
        }
        let mut is_over: c_int = 0;
        // SAFETY: both may be called in this order at any time after the start.
        unsafe {
            if (self.functions.finalized)(&raw mut is_over) == SUCCESS && is_over == 0 {
                (self.functions.finalize)();
            }
        }
    }
}

/// A message on its way, with the bytes that MPI reads or writes.
struct Posted<H> {
    functions: Arc<Functions<H>>,
    handle: H,
    bytes: ManuallyDrop<Vec<u8>>,
    is_done: bool,
}

// SAFETY: the handle is only handed back to MPI, under the lock of the link that owns this request.
unsafe impl<H> Send for Posted<H> {}

impl<H> Request for Posted<H> {
    fn is_done(&mut self) -> Result<bool, MpiError> {
        if self.is_done {
            return Ok(true);
        }
        let mut flag: c_int = 0;
        let ignore = std::ptr::without_provenance_mut(self.functions.handles.status_ignore);
        // SAFETY: the handle is one that MPI gave and that is not done; the status is the value that stands for none.
        let code = unsafe { (self.functions.test)(&raw mut self.handle, &raw mut flag, ignore) };
        self.functions.check("MPI_Test", code)?;
        self.is_done = flag != 0;
        Ok(self.is_done)
    }

    fn into_bytes(mut self: Box<Self>) -> Vec<u8> {
        assert!(self.is_done, "bytes are taken from requests that are done");
        std::mem::take(&mut *self.bytes)
    }
}

impl<H> Drop for Posted<H> {
    fn drop(&mut self) {
        if self.is_done {
            // SAFETY: nothing uses the bytes after this, and MPI is done with them. Of a request that is not done they are
            // left where they are, for MPI may still write to them.
            unsafe { ManuallyDrop::drop(&mut self.bytes) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_in_short() {
        assert_eq!(
            short_version("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4"),
            "Open MPI v4.1.4"
        );
        assert_eq!(
            short_version("MPICH Version:\t4.0.2\nMPICH Release date"),
            "MPICH 4.0.2"
        );
        assert_eq!(short_version(""), "unknown version");
    }

    #[test]
    fn a_library_that_is_not_there_is_said() {
        let error = open(&["libmpi-of-nobody.so.1".into()]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "no MPI library is found; tried libmpi-of-nobody.so.1"
        );
    }
}
