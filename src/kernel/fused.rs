//! A program of its own, built by `build.rs` for browsers that multiply and add in one instruction (relaxed SIMD: Chrome since
//! 114, not every browser), which a program for all browsers cannot contain. The engine's worker starts it on its own memory
//! (`worker::fused`); where a browser refuses it, the engine's own loops run.
#![no_std]

#[path = "tiles.rs"]
mod tiles;

use core::arch::wasm32::{f32x4_add, f32x4_extract_lane, f32x4_relaxed_madd, f32x4_splat, i32x4_shuffle, v128, v128_load};
use core::panic::PanicInfo;

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
        let pairs = f32x4_add(self, i32x4_shuffle::<2, 3, 0, 1>(self, self));
        f32x4_extract_lane::<0>(pairs) + f32x4_extract_lane::<1>(pairs)
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

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
