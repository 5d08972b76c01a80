//! Where this library was loaded from (FFI users load it once more, by its path), and its version, which the loader compares.

use napi_derive::napi;

/// The path of the file that this code was loaded from; empty if the system does not know.
#[napi]
#[must_use]
pub fn library_path() -> String {
    path().unwrap_or_default()
}

/// The version of the package that this code was built for.
#[napi]
#[must_use]
pub const fn library_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// An address inside this library.
static HERE: u8 = 0;

#[cfg(unix)]
fn path() -> Option<String> {
    let mut found = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    // SAFETY: dladdr compares the address with those of what is loaded, and writes to a valid place.
    let known = unsafe { libc::dladdr((&raw const HERE).cast::<std::ffi::c_void>(), &raw mut found) } != 0;
    if !known || found.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader's own string, which ends with a zero and lasts as long as the library is loaded: while its code
    // runs, at least.
    let path = unsafe { std::ffi::CStr::from_ptr(found.dli_fname) };
    Some(path.to_string_lossy().into_owned())
}

#[cfg(windows)]
fn path() -> Option<String> {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS as FROM_ADDRESS,
        GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT as UNCHANGED_REFERENCES, GetModuleFileNameW, GetModuleHandleExW,
    };
    /// Longest path in UTF-16, with a zero at its end.
    const ROOM: usize = 1 << 15;

    let (mut module, flags) = (std::ptr::null_mut(), FROM_ADDRESS | UNCHANGED_REFERENCES);
    // SAFETY: with these flags the call looks up the module round an address, and writes to a valid place.
    if unsafe { GetModuleHandleExW(flags, (&raw const HERE).cast(), &raw mut module) } == 0 {
        return None;
    }
    let mut path = Vec::new();
    path.try_reserve_exact(ROOM).ok()?;
    path.resize(ROOM, 0_u16);
    // SAFETY: the module is this one, loaded while its code runs; there is room for so many units.
    let length = unsafe { GetModuleFileNameW(module, path.as_mut_ptr(), 1 << 15) } as usize;
    if length == 0 || length >= ROOM {
        return None;
    }
    let path = String::from_utf16_lossy(&path[..length]);
    // The path is as it was given, and Node gives it with the prefix that allows long ones.
    Some(match (path.strip_prefix(r"\\?\UNC\"), path.strip_prefix(r"\\?\")) {
        (Some(share), _) => format!(r"\\{share}"),
        (None, Some(local)) => local.to_owned(),
        (None, None) => path,
    })
}

#[cfg(not(any(unix, windows)))]
const fn path() -> Option<String> {
    None
}
