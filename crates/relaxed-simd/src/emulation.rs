//! The WebAssembly instructions of [`crate::gemv`] emulated on the host, for tests.
//!
//! Source: WebAssembly core specification 3.0, "Vector instructions", which lists the permitted results of relaxed
//! instructions. For operands with more than one permitted result the emulation panics, except for
//! [`f32x4_relaxed_madd`], where [`FUSES`] selects one of its two.

use core::cell::Cell;
use std::thread_local;

thread_local! {
    /// Whether [`f32x4_relaxed_madd`] rounds once (fused) or twice.
    pub static FUSES: Cell<bool> = const { Cell::new(true) };
}

/// 128 bits.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
#[allow(non_camel_case_types, reason = "the name that core gives it")]
pub(crate) struct v128([u8; 16]);

macro_rules! lanes {
    ($number:ty, $count:literal, $from:ident, $to:ident) => {
        fn $to(x: v128) -> [$number; $count] {
            core::array::from_fn(|at| {
                let bytes = core::array::from_fn(|byte| x.0[at * size_of::<$number>() + byte]);
                <$number>::from_le_bytes(bytes)
            })
        }

        fn $from(lane: impl Fn(usize) -> $number) -> v128 {
            let mut out = [0; 16];
            for at in 0..$count {
                let size = size_of::<$number>();
                out[at * size..(at + 1) * size].copy_from_slice(&lane(at).to_le_bytes());
            }
            v128(out)
        }
    };
}

lanes!(f32, 4, from_f32, to_f32);
lanes!(i32, 4, from_i32, to_i32);
lanes!(i16, 8, from_i16, to_i16);
lanes!(u16, 8, from_u16, to_u16);
lanes!(i8, 16, from_i8, to_i8);

macro_rules! by_lane {
    ($($name:ident: $from:ident, $to:ident, $of:expr;)*) => {$(
        pub(crate) fn $name(a: v128, b: v128) -> v128 {
            let (a, b) = ($to(a), $to(b));
            $from(|at| $of(a[at], b[at]))
        }
    )*};
}

by_lane! {
    f32x4_add: from_f32, to_f32, |a: f32, b: f32| a + b;
    f32x4_mul: from_f32, to_f32, |a: f32, b: f32| a * b;
    i8x16_eq: from_i8, to_i8, |a: i8, b: i8| if a == b { -1 } else { 0 };
    i16x8_add: from_i16, to_i16, |a: i16, b: i16| a.wrapping_add(b);
    i32x4_add: from_i32, to_i32, |a: i32, b: i32| a.wrapping_add(b);
    v128_and: from_u16, to_u16, |a: u16, b: u16| a & b;
}

pub(crate) fn f32x4_splat(x: f32) -> v128 {
    from_f32(|_| x)
}

pub(crate) fn f32x4_convert_i32x4(x: v128) -> v128 {
    let x = to_i32(x);
    from_f32(|at| x[at] as f32)
}

pub(crate) fn f32x4_extract_lane<const LANE: usize>(x: v128) -> f32 {
    to_f32(x)[LANE]
}

/// a · b + c, rounded as [`FUSES`] says.
pub(crate) fn f32x4_relaxed_madd(a: v128, b: v128, c: v128) -> v128 {
    let (a, b, c) = (to_f32(a), to_f32(b), to_f32(c));
    let fuses = FUSES.get();
    from_f32(|at| if fuses { std::primitive::f32::mul_add(a[at], b[at], c[at]) } else { a[at] * b[at] + c[at] })
}

pub(crate) fn i8x16_relaxed_swizzle(x: v128, places: v128) -> v128 {
    from_i8(|at| {
        let place = usize::from(places.0[at]);
        assert!(place < 16, "what a place of 16 or more gives, each browser decides");
        x.0[place] as i8
    })
}

pub(crate) fn i16x8_relaxed_dot_i8x16_i7x16(a: v128, b: v128) -> v128 {
    let (a, b) = (to_i8(a), to_i8(b));
    from_i16(|at| {
        let product = |at: usize| {
            assert!(b[at] >= 0, "whether the second operand's eighth bit is a sign, each browser decides");
            i32::from(a[at]) * i32::from(b[at])
        };
        let sum = product(2 * at) + product(2 * at + 1);
        i16::try_from(sum).expect("whether a sum beyond 16 bits wraps, each browser decides")
    })
}

pub(crate) fn i16x8_shl(x: v128, bits: u32) -> v128 {
    let x = to_i16(x);
    from_i16(|at| x[at] << bits)
}

pub(crate) fn i16x8_shr(x: v128, bits: u32) -> v128 {
    let x = to_i16(x);
    from_i16(|at| x[at] >> bits)
}

pub(crate) fn u16x8_shr(x: v128, bits: u32) -> v128 {
    let x = to_u16(x);
    from_u16(|at| x[at] >> bits)
}

pub(crate) fn i32x4_dot_i16x8(a: v128, b: v128) -> v128 {
    let (a, b) = (to_i16(a), to_i16(b));
    let product = |at: usize| i32::from(a[at]) * i32::from(b[at]);
    from_i32(|at| product(2 * at).wrapping_add(product(2 * at + 1)))
}

pub(crate) fn i32x4_shuffle<const A: usize, const B: usize, const C: usize, const D: usize>(a: v128, b: v128) -> v128 {
    let (a, b) = (to_i32(a), to_i32(b));
    from_i32(|at| {
        let place = [A, B, C, D][at];
        if place < 4 { a[place] } else { b[place - 4] }
    })
}

/// # Safety
/// 16 bytes can be read.
pub(crate) unsafe fn v128_load(from: *const v128) -> v128 {
    // SAFETY: the caller guarantees that they can be read.
    v128(unsafe { from.cast::<[u8; 16]>().read_unaligned() })
}

/// # Safety
/// 4 bytes can be read.
pub(crate) unsafe fn v128_load32_splat(from: *const u32) -> v128 {
    // SAFETY: the caller guarantees that they can be read.
    let word = unsafe { from.read_unaligned() };
    from_i32(|_| word as i32)
}
