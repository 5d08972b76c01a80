//! Link arguments of the addon.

fn main() {
    #[cfg(feature = "node")]
    {
        napi_build::setup();
        // An addon that only a worker loaded is unloaded when the worker ends. A buffer it made may live on, and its
        // finalizer would then jump into unmapped code: the library stays in the process for good.
        let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
        if ["linux", "android", "freebsd"].contains(&os.as_str()) {
            println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
        }
    }
}
