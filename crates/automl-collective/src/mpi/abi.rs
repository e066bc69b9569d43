//! What two families of MPI libraries call the same things: Open MPI, whose handles are addresses of its variables, and
//! MPICH with its descendants (Intel MPI, MVAPICH, Cray MPICH), whose handles are numbers.
//!
//! Sources: `mpi.h` of Open MPI 4.1 and of MPICH 4.0; the latter's numbers are those of the MPICH ABI Compatibility
//! Initiative.

use std::ffi::{c_int, c_void};

/// The greatest level of threads that is asked for: calls from any thread, one at a time (`MPI_THREAD_SERIALIZED`).
pub(super) const THREAD_SERIALIZED: c_int = 2;
/// What every call gives when it worked.
pub(super) const SUCCESS: c_int = 0;
/// Bytes of a text of MPI: more than `MPI_MAX_LIBRARY_VERSION_STRING` of either family (256 and 8192).
pub(super) const TEXT_BYTES: usize = 16_384;

/// Handles of Open MPI.
pub(super) type Address = *mut c_void;
/// Handles of MPICH.
pub(super) type Number = c_int;

/// Names of the variables whose addresses are Open MPI's handles.
pub(super) mod open_mpi {
    pub(in crate::mpi) const WORLD: &[u8] = b"ompi_mpi_comm_world\0";
    pub(in crate::mpi) const BYTE: &[u8] = b"ompi_mpi_byte\0";
    pub(in crate::mpi) const ERRORS_RETURN: &[u8] = b"ompi_mpi_errors_return\0";
    /// `MPI_STATUS_IGNORE`.
    pub(in crate::mpi) const STATUS_IGNORE: usize = 0;
}

/// Handles of the MPICH ABI.
pub(super) mod mpich {
    use super::Number;

    pub(in crate::mpi) const WORLD: Number = 0x4400_0000;
    pub(in crate::mpi) const BYTE: Number = 0x4c00_010d;
    pub(in crate::mpi) const ERRORS_RETURN: Number = 0x5400_0001;
    /// `MPI_STATUS_IGNORE`.
    pub(in crate::mpi) const STATUS_IGNORE: usize = 1;
}

/// `MPI_Init_thread`.
pub(super) type InitThread =
    unsafe extern "C" fn(*mut c_int, *mut c_void, c_int, *mut c_int) -> c_int;
/// `MPI_Initialized` and `MPI_Finalized`.
pub(super) type Flag = unsafe extern "C" fn(*mut c_int) -> c_int;
/// `MPI_Finalize`.
pub(super) type Finalize = unsafe extern "C" fn() -> c_int;
/// `MPI_Get_library_version` and, with the code first, `MPI_Error_string`.
pub(super) type Version = unsafe extern "C" fn(*mut u8, *mut c_int) -> c_int;
pub(super) type ErrorText = unsafe extern "C" fn(c_int, *mut u8, *mut c_int) -> c_int;
/// `MPI_Comm_rank` and `MPI_Comm_size`.
pub(super) type OfComm<H> = unsafe extern "C" fn(H, *mut c_int) -> c_int;
/// `MPI_Comm_set_errhandler`.
pub(super) type SetHandler<H> = unsafe extern "C" fn(H, H) -> c_int;
/// `MPI_Isend` and `MPI_Irecv`: buffer, count, type, rank, tag, communicator, request.
pub(super) type Post<H> =
    unsafe extern "C" fn(*mut c_void, c_int, H, c_int, c_int, H, *mut H) -> c_int;
/// `MPI_Test`: request, flag, status.
pub(super) type Test<H> = unsafe extern "C" fn(*mut H, *mut c_int, *mut c_void) -> c_int;
