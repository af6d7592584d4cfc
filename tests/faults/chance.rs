//! Chance, made to replay: what the system calls random follows a seed, thread by thread.
//!
//! Ids, tokens, jitter and the order of hash maps all come from the one function that the C library has for it, so that standing in its
//! place catches every source there is, and any that is added. Threads that follow no seed get what the system gives. Elsewhere than on
//! Linux randomness has other ways: there a run's promises hold as well, but no seed replays.

use sim::Seed;
use std::{cell::Cell, fs::File, io::Read};

thread_local! {
    static FOLLOWED: Cell<Option<(Seed, u64)>> = const { Cell::new(None) };
}

/// Has all chance in this thread follow a seed from now on. It has to be a new thread: what drew before goes on as it began.
pub fn follow(seed: Seed) {
    FOLLOWED.set(Some((seed, 0)));
}

/// In the place of the C library's function of this name, see getrandom(2).
#[unsafe(no_mangle)]
#[expect(
    unsafe_code,
    reason = "the C library's functions are replaced by their names, and take pointers"
)]
pub extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller hands over a buffer of this length, as the function's contract says.
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
