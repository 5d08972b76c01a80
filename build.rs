//! Link arguments of the addon.

fn main() {
    #[cfg(feature = "node")]
    {
        // Also links with `-z nodelete` for glibc: an addon that only a worker loaded would be unloaded when the worker
        // ends, and what outlives it (a shared buffer's finalizer, a thread's destructors) would jump into nothing.
        napi_build::setup();
        let of = |name| std::env::var(name).unwrap_or_default();
        if of("CARGO_CFG_TARGET_ENV") == "musl" || of("CARGO_CFG_TARGET_OS") == "android" {
            println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
        }
    }
}
