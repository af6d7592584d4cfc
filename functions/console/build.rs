//! Rebuilds the function when an asset is added. The compiler already tracks existing assets.

fn main() {
    println!("cargo::rerun-if-changed=assets");
}
