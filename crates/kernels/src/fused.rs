//! A program of its own, built by `build.rs` for browsers that multiply and add in one instruction, and multiply bytes (relaxed
//! SIMD: Chrome since 114, not every browser), which a program for all browsers cannot contain. The engine's worker starts it on
//! its own memory (`worker::fused`); where a browser refuses it, the engine's own loops run.
#![no_std]

#[path = "few.rs"]
mod few;
#[path = "fused_few.rs"]
mod fused_few;
#[path = "tiles.rs"]
mod tiles;

use core::arch::wasm32::{f32x4_relaxed_madd, f32x4_splat, v128, v128_load};
use core::panic::PanicInfo;

use few::FewRows;
use tiles::{Four, Piece};

impl Four for v128 {
    #[inline(always)]
    fn zeros() -> Self {
        f32x4_splat(0.0)
    }

    #[inline(always)]
    unsafe fn read(at: *const f32) -> Self {
        // SAFETY: the caller's.
        unsafe { v128_load(at.cast()) }
    }

    #[inline(always)]
    fn plus_product(self, a: Self, b: Self) -> Self {
        f32x4_relaxed_madd(a, b, self)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        fused_few::sum(self)
    }
}

/// [`tiles::add_products`].
///
/// # Safety
/// The same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn add_products(piece: *const Piece) {
    // SAFETY: the caller's.
    unsafe { tiles::add_products::<v128>(&*piece) }
}

/// [`fused_few::multiply`].
///
/// # Safety
/// The same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multiply_few(job: *const FewRows) {
    // SAFETY: the caller's.
    unsafe { fused_few::multiply(&*job) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
