//! Kinds of file systems on which a heap cannot be shared: where a map of one machine or container does not show what another has stored,
//! where locks are not those of the file, or where either depends on a program that may be gone.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// The kinds that are refused, by the number that `statfs` says.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REFUSED: [(u32, &str); 22] = [
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "fuse"),
    (0x00c3_6400, "ceph"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x7375_7245, "coda"),
    (0x0bd0_0bd0, "lustre"),
    (0x4750_4653, "gpfs"),
    (0x1983_0326, "beegfs"),
    (0x2003_0528, "orangefs"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x564c, "ncp"),
    (0x786f_4256, "vboxsf"),
    (0xbacb_acbc, "vmhgfs"),
    (0x7c7c_6673, "prl_fs"),
    (0x6175_6673, "aufs"),
    // Pages of this file system are larger than others.
    (0x9584_58f6, "hugetlbfs"),
];

/// A file of a lower layer is copied when somebody opens it for writing, and a process that has it open for reading still sees the old one.
#[cfg(any(target_os = "linux", target_os = "android"))]
const OVERLAY: u32 = 0x794c_7630;

/// The number of the kind of file system that a file is on.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn kind(file: &File) -> Option<u32> {
    let mut said = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a place for the answer, and a descriptor that is open.
    if unsafe { libc::fstatfs(file.as_raw_fd(), said.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call has succeeded, and filled it in.
    let kind = unsafe { said.assume_init() }.f_type;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "32 bits, in a type that depends on the system"
    )]
    let kind = kind as u32;
    Some(kind)
}

/// The kind of the file system that a file is on, if it is one that is refused.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn refused(file: &File, read_only: bool) -> Option<&'static str> {
    let kind = kind(file)?;
    if kind == OVERLAY && read_only {
        return Some("overlay");
    }
    REFUSED.iter().find(|(number, _)| *number == kind).map(|&(_, name)| name)
}

/// Whether a file is on btrfs.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn is_btrfs(file: &File) -> bool {
    kind(file) == Some(0x9123_683e)
}

/// The kind of the file system that a file is on, if it is not one of this machine, or is a program's.
#[cfg(target_vendor = "apple")]
pub(super) fn refused(file: &File, _read_only: bool) -> Option<&'static str> {
    const NAMES: [&str; 8] = ["nfs", "smbfs", "afpfs", "webdav", "ftp", "macfuse", "osxfuse", "fuse"];
    let mut said = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: a place for the answer, and a descriptor that is open.
    if unsafe { libc::fstatfs(file.as_raw_fd(), said.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call has succeeded, and filled it in.
    let said = unsafe { said.assume_init() };
    #[allow(clippy::cast_sign_loss, reason = "letters of ASCII")]
    let letters: Vec<u8> =
        said.f_fstypename.iter().map(|&letter| letter as u8).take_while(|&letter| letter != 0).collect();
    let known = NAMES.into_iter().find(|name| name.as_bytes() == letters);
    #[allow(clippy::cast_sign_loss, reason = "bits")]
    let is_local = said.f_flags & libc::MNT_LOCAL as u32 != 0;
    known.or((!is_local).then_some("network"))
}

/// Other systems are not asked.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn refused(_file: &File, _read_only: bool) -> Option<&'static str> {
    None
}
