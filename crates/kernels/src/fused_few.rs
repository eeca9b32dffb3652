//! The product of packed weights with few rows of inputs, by instructions that not every browser has: a product of bytes.
//!
//! The high digit of an input, of 16 bits, is multiplied as elsewhere; the low one, of 7 bits, meets the codes as bytes, before
//! they are unpacked, sixteen at a time.

// Iterators by value keep the sums in memory, and so need a stack.
#![allow(clippy::needless_range_loop)]

use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_extract_lane, f32x4_mul, f32x4_relaxed_madd, f32x4_splat, i8x16_eq,
    i8x16_relaxed_swizzle, i16x8_add, i16x8_relaxed_dot_i8x16_i7x16, i16x8_shl, i16x8_shr, i32x4_add, i32x4_dot_i16x8,
    i32x4_shuffle, u16x8_shr, v128, v128_and, v128_load, v128_load32_splat,
};

use super::few::{BLOCK, Constants, DIGIT, DIGITS, FewRows, LOW_BYTES, SCALE};

/// Sums are those of the high digits' products this many times, and of the low ones' twice.
const UNITS: f32 = 2.0 * DIGIT as f32;

/// Writes the products of each row of weights and each row of inputs.
///
/// # Safety
/// What `job` describes can be read, and the products written.
pub unsafe fn multiply(job: &FewRows) {
    // SAFETY: the caller's.
    unsafe {
        match (job.bits, job.mask.is_null(), job.input_rows) {
            (4, true, 1) => by_row::<4, false, 1>(job),
            (4, true, 2) => by_row::<4, false, 2>(job),
            (4, true, _) => by_row::<4, false, 3>(job),
            (4, false, 1) => by_row::<4, true, 1>(job),
            (4, false, 2) => by_row::<4, true, 2>(job),
            (4, false, _) => by_row::<4, true, 3>(job),
            (_, true, 1) => by_row::<8, false, 1>(job),
            (_, true, 2) => by_row::<8, false, 2>(job),
            (_, true, _) => by_row::<8, false, 3>(job),
            (_, false, 1) => by_row::<8, true, 1>(job),
            (_, false, 2) => by_row::<8, true, 2>(job),
            (_, false, _) => by_row::<8, true, 3>(job),
        }
    }
}

/// Codes of a block, as bytes, and as 16-bit lanes in the order of the high digits; 4-bit ones 256 times as large there.
#[derive(Clone, Copy)]
struct Codes {
    bytes: [v128; 2],
    lanes: [v128; 4],
}

/// The constants that are used.
#[derive(Clone, Copy)]
struct Vectors {
    nibble: v128,
    higher: v128,
    two: v128,
}

impl Codes {
    #[inline(always)]
    fn of<const BITS: usize>(bytes: [v128; 2], vectors: &Vectors) -> Self {
        let [a, b] = bytes;
        let even = [i16x8_shl(a, 8), i16x8_shl(b, 8)];
        let lanes = match BITS {
            4 => [even[0], v128_and(a, vectors.higher), even[1], v128_and(b, vectors.higher)],
            _ => [i16x8_shr(even[0], 8), i16x8_shr(a, 8), i16x8_shr(even[1], 8), i16x8_shr(b, 8)],
        };
        Self { bytes, lanes }
    }
}

/// The bytes of a block's codes.
#[inline(always)]
unsafe fn read<const BITS: usize>(codes: *const v128, vectors: &Vectors) -> [v128; 2] {
    // SAFETY: the caller's: the block is one of the job's.
    unsafe {
        match BITS {
            4 => [v128_and(v128_load(codes), vectors.nibble), v128_and(u16x8_shr(v128_load(codes), 4), vectors.nibble)],
            _ => [v128_load(codes), v128_load(codes.add(1))],
        }
    }
}

/// Σ code · input of a block in four parts, [`UNITS`] times. Exact for 4 bits, 15 · 256 · 32768 · 8 < 2³¹, where it is one
/// integer.
#[inline(always)]
unsafe fn dot<const BITS: usize>(codes: &Codes, digits: *const u8, vectors: &Vectors) -> v128 {
    // SAFETY: the caller's: these are the digits of a block.
    unsafe {
        let high = |i: usize| i32x4_dot_i16x8(codes.lanes[i], v128_load(digits.cast::<v128>().add(i)));
        let low = |i: usize| {
            let bytes = v128_load(digits.add(LOW_BYTES).cast::<v128>().add(i));
            i16x8_relaxed_dot_i8x16_i7x16(codes.bytes[i], bytes)
        };
        let high = i32x4_add(i32x4_add(high(0), high(1)), i32x4_add(high(2), high(3)));
        match BITS {
            4 => {
                let low = i32x4_dot_i16x8(i16x8_add(low(0), low(1)), vectors.two);
                f32x4_convert_i32x4(i32x4_add(high, low))
            }
            _ => {
                let low = i32x4_add(i32x4_dot_i16x8(low(0), vectors.two), i32x4_dot_i16x8(low(1), vectors.two));
                f32x4_relaxed_madd(f32x4_convert_i32x4(high), f32x4_splat(UNITS), f32x4_convert_i32x4(low))
            }
        }
    }
}

/// With `N` rows of inputs.
// A function of its own: a browser's better compiler takes each when it is used much, and all in one would take it long.
#[inline(never)]
unsafe fn by_row<const BITS: usize, const MASKED: bool, const N: usize>(job: &FewRows) {
    let FewRows { codes, scales, minimums, mask, blocks, digits, sums: input_sums, .. } = *job;
    // SAFETY: the caller's: all places are within rows of the job.
    unsafe {
        let constants: &Constants = &*job.constants;
        let vector = |at: *const u8| v128_load(at.cast());
        let vectors = Vectors {
            nibble: vector(constants.nibble.as_ptr()),
            higher: vector(constants.higher.as_ptr().cast()),
            two: vector(constants.two.as_ptr().cast()),
        };
        let apart = blocks * DIGITS;
        let has_minimums = !minimums.is_null();
        // Two rows of weights at once are faster in a loop alone, and slower in a model.
        for row in 0..job.rows {
            let mut sums = [f32x4_splat(0.0); N];
            // Places that go on by themselves: counted from a number they cost as much as the products.
            let (mut at, mut digits) = (codes.add(row * blocks * (BLOCK * BITS / 8)), digits);
            let mut scale_at = scales.add(row * blocks);
            let mut minimum_at = minimums.wrapping_add(row * blocks);
            let mut mask_at = mask.wrapping_add(row * blocks);
            for _ in 0..blocks {
                let mut bytes = read::<BITS>(at.cast(), &vectors);
                let mut kept = None;
                if MASKED {
                    let word = v128_load32_splat(mask_at);
                    let bits = vector(constants.bits.as_ptr());
                    let stays = [0, 1].map(|half| {
                        let of_weight = i8x16_relaxed_swizzle(word, vector(constants.halves[half].as_ptr()));
                        i8x16_eq(v128_and(of_weight, bits), bits)
                    });
                    bytes = [0, 1].map(|half| v128_and(bytes[half], stays[half]));
                    let one = vector(constants.lowest.as_ptr());
                    kept = Some(Codes::of::<4>(stays.map(|stays| v128_and(stays, one)), &vectors));
                }
                let all = Codes::of::<BITS>(bytes, &vectors);
                let scale = v128_load32_splat(scale_at.cast());
                for n in 0..N {
                    let digits = digits.add(n * apart);
                    let mut product = f32x4_mul(dot::<BITS>(&all, digits, &vectors), scale);
                    if let (Some(kept), true) = (&kept, has_minimums) {
                        let minimum = v128_load32_splat(minimum_at.cast());
                        product = f32x4_relaxed_madd(dot::<4>(kept, digits, &vectors), minimum, product);
                    }
                    let unit = v128_load32_splat(digits.add(SCALE).cast());
                    sums[n] = f32x4_relaxed_madd(product, unit, sums[n]);
                }
                (at, digits) = (at.add(BLOCK * BITS / 8), digits.add(DIGITS));
                scale_at = scale_at.add(1);
                minimum_at = minimum_at.wrapping_add(1);
                mask_at = mask_at.wrapping_add(1);
            }
            for n in 0..N {
                let mut product = sum(sums[n]) / UNITS;
                if !MASKED && has_minimums {
                    // They meet whole blocks, whose sums are known.
                    product += floats(minimums.add(row * blocks), input_sums.add(n * blocks), blocks);
                }
                *job.out.add(n * job.out_stride + row) = product;
            }
        }
    }
}

/// The sum of four numbers.
#[inline(always)]
pub fn sum(of: v128) -> f32 {
    let pairs = f32x4_add(of, i32x4_shuffle::<2, 3, 0, 1>(of, of));
    f32x4_extract_lane::<0>(pairs) + f32x4_extract_lane::<1>(pairs)
}

/// Σ a · b of `count` numbers.
#[inline(always)]
unsafe fn floats(a: *const f32, b: *const f32, count: usize) -> f32 {
    let mut sums = f32x4_splat(0.0);
    let mut at = 0;
    // SAFETY: the caller's: there are so many.
    unsafe {
        while at + 4 <= count {
            sums = f32x4_relaxed_madd(v128_load(a.add(at).cast()), v128_load(b.add(at).cast()), sums);
            at += 4;
        }
        let mut all = sum(sums);
        while at < count {
            all += *a.add(at) * *b.add(at);
            at += 1;
        }
        all
    }
}
