//! Link settings of the addon.

fn main() {
    napi_build::setup();
    // The runtime's threads outlive every environment that loaded the addon, so its code must
    // never be unmapped (a worker thread that ends would otherwise unload it).
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
