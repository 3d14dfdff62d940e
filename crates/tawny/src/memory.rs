//! How long the allocator keeps memory that nobody uses.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};

/// Milliseconds until memory that was freed goes back to the system. The allocator's own second keeps 150 MiB more while telemetry with content
/// comes in, for no less processor time; at once costs a quarter more of it (docs/decisions/0020). `MIMALLOC_PURGE_DELAY` sets another.
const PURGE_DELAY_MS: c_long = 100;

/// `mi_option_purge_delay` of mimalloc 3, which the bindings do not name.
const PURGE_DELAY: mi_option_t = 15;

/// Has freed memory given back soon, unless the environment says otherwise.
pub fn give_back_soon() {
    // SAFETY: sets a number in the allocator's table of options; out of bounds it does nothing, and it may be called at any time.
    #[allow(unsafe_code, reason = "the bindings have no safe way to set an option")]
    unsafe {
        mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS);
    }
}
