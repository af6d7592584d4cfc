//! Reproducible randomness: the operating system's random numbers follow a seed, per thread.
//!
//! Ids, tokens, jitter and the order of hash maps all use the C library's `getrandom`. Replacing
//! that function covers every source of randomness, including future ones. Threads without a seed
//! get the system's random numbers. Outside Linux randomness comes from other functions: promises
//! hold there too, but seeds don't replay.

use sim::Seed;
use std::{cell::Cell, fs::File, io::Read};

thread_local! {
    static FOLLOWED: Cell<Option<(Seed, u64)>> = const { Cell::new(None) };
}

/// Makes all randomness of this thread follow a seed. The thread must be new, because generators
/// seeded earlier keep their state.
pub fn follow(seed: Seed) {
    FOLLOWED.set(Some((seed, 0)));
}

/// Replaces the C library's function, see getrandom(2).
#[unsafe(no_mangle)]
#[expect(
    unsafe_code,
    reason = "the C library's functions are replaced by their names, and take pointers"
)]
pub extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller provides a buffer of this length, as the function's contract requires.
    fill(unsafe { std::slice::from_raw_parts_mut(buffer, length) });
    isize::try_from(length).unwrap()
}

fn fill(buffer: &mut [u8]) {
    let Some((seed, drawn)) = FOLLOWED.get() else {
        return File::open("/dev/urandom").unwrap().read_exact(buffer).unwrap();
    };
    let draws = (drawn..).flat_map(|nth| seed.draw("chance", nth).to_le_bytes());
    for (byte, draw) in buffer.iter_mut().zip(draws) {
        *byte = draw;
    }
    FOLLOWED.set(Some((seed, drawn + buffer.len().div_ceil(8) as u64)));
}
