//! Entry points of the relaxed-SIMD module.

use core::arch::wasm32::{f32x4_relaxed_madd, f32x4_splat, v128, v128_load};
use core::panic::PanicInfo;

use crate::gemm_tile::{self, GemmTile, SimdF32x4};
use crate::gemv;
use crate::gemv_abi::GemvJob;

impl SimdF32x4 for v128 {
    #[inline(always)]
    fn zeros() -> Self {
        f32x4_splat(0.0)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees that four floats can be read there.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        f32x4_relaxed_madd(a, b, self)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        gemv::sum(self)
    }
}

/// [`gemm_tile::add_products`].
///
/// # Safety
/// As that function; the pointer is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gemm(tile: *const GemmTile) {
    // SAFETY: the caller passes a tile whose rows can be read and written.
    unsafe { gemm_tile::add_products::<v128>(&*tile) }
}

/// [`gemv::multiply`].
///
/// # Safety
/// As that function; the pointer is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gemv(job: *const GemvJob) {
    // SAFETY: the caller passes a job whose rows can be read and written.
    unsafe { gemv::multiply(&*job) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
