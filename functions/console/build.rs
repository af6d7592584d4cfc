//! Has the function built anew when a file comes to its assets; those that are there already are watched by the compiler.

fn main() {
    println!("cargo::rerun-if-changed=assets");
}
