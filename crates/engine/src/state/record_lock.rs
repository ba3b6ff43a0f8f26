//! The lock that Terraform's local backend takes: a POSIX write lock on the whole state.
//!
//! Taken for the open file where the system can (Linux): a lock of the process would go with any descriptor of the
//! file that it closes. The two kinds exclude each other.

use std::fs::File;
use std::io;

/// Takes the lock. False where another program has it.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    use nix::errno::Errno;
    match imp::set(file, imp::WRITE) {
        Ok(()) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Lets go of the lock.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn unlock(file: &File) {
    // What fails goes with the file.
    let _ = imp::set(file, imp::NONE);
}

/// Whether another program has the lock.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn is_held(file: &File) -> io::Result<bool> {
    Ok(imp::first_in_the_way(file)? != imp::NONE)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
mod imp {
    use std::fs::File;

    use nix::Result;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    pub(super) const WRITE: libc::c_short = libc::F_WRLCK as libc::c_short;
    pub(super) const NONE: libc::c_short = libc::F_UNLCK as libc::c_short;

    pub(super) fn set(file: &File, kind: libc::c_short) -> Result<()> {
        let lock = whole_file(kind);
        #[cfg(target_os = "linux")]
        let argument = FcntlArg::F_OFD_SETLK(&lock);
        #[cfg(not(target_os = "linux"))]
        let argument = FcntlArg::F_SETLK(&lock);
        fcntl(file, argument).map(drop)
    }

    /// The kind of the lock that a write lock would meet.
    pub(super) fn first_in_the_way(file: &File) -> Result<libc::c_short> {
        let mut lock = whole_file(WRITE);
        #[cfg(target_os = "linux")]
        let argument = FcntlArg::F_OFD_GETLK(&mut lock);
        #[cfg(not(target_os = "linux"))]
        let argument = FcntlArg::F_GETLK(&mut lock);
        fcntl(file, argument)?;
        Ok(lock.l_type)
    }

    fn whole_file(kind: libc::c_short) -> libc::flock {
        libc::flock { l_type: kind, l_whence: libc::SEEK_SET as libc::c_short, l_start: 0, l_len: 0, l_pid: 0 }
    }
}

/// Other systems have no such lock: the state's serial and lineage alone tell of another program.
#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn try_lock(_: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn unlock(_: &File) {}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn is_held(_: &File) -> io::Result<bool> {
    Ok(false)
}
