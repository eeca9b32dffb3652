//! gemv of quantized weights and split activations by relaxed SIMD.
//!
//! The 16-bit high part of the activations is multiplied in 16-bit lanes, as in the engine's own loops. The 7-bit low
//! part is multiplied with the codes as bytes, sixteen at a time, by the relaxed dot product.

// Iterators by value would keep the sums in memory, which needs a stack.
#![allow(clippy::needless_range_loop)]

#[cfg(not(target_feature = "relaxed-simd"))]
use crate::emulation::{
    f32x4_add, f32x4_convert_i32x4, f32x4_extract_lane, f32x4_mul, f32x4_relaxed_madd, f32x4_splat, i8x16_eq,
    i8x16_relaxed_swizzle, i16x8_add, i16x8_relaxed_dot_i8x16_i7x16, i16x8_shl, i16x8_shr, i32x4_add, i32x4_dot_i16x8,
    i32x4_shuffle, u16x8_shr, v128, v128_and, v128_load, v128_load32_splat,
};
#[cfg(target_feature = "relaxed-simd")]
use core::arch::wasm32::{
    f32x4_add, f32x4_convert_i32x4, f32x4_extract_lane, f32x4_mul, f32x4_relaxed_madd, f32x4_splat, i8x16_eq,
    i8x16_relaxed_swizzle, i16x8_add, i16x8_relaxed_dot_i8x16_i7x16, i16x8_shl, i16x8_shr, i32x4_add, i32x4_dot_i16x8,
    i32x4_shuffle, u16x8_shr, v128, v128_and, v128_load, v128_load32_splat,
};

use crate::gemv_abi::{BLOCK, Constants, GemvJob, HIGH_UNIT, LOW_BYTES, SCALE, SPLIT_BYTES};

/// [`dot`] returns 2 · 128 · Σ code · x: products of the high parts are scaled by 2⁸, those of the low parts by 2.
const UNITS: f32 = 2.0 * HIGH_UNIT as f32;

/// Writes x Wᵀ for the rows of a job.
///
/// # Safety
/// All inputs that `job` describes can be read, and its output written.
pub(crate) unsafe fn multiply(job: &GemvJob) {
    // SAFETY: as this function requires.
    unsafe {
        match (job.bits, job.mask.is_null(), job.activation_rows) {
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

/// Codes of a block as bytes, and as 16-bit lanes in the order of the activations' high parts. In the lanes 4-bit codes
/// are multiplied by 256.
#[derive(Clone, Copy)]
struct Codes {
    bytes: [v128; 2],
    lanes: [v128; 4],
}

/// [`Constants`] in registers.
#[derive(Clone, Copy)]
struct Vectors {
    nibble: v128,
    high_byte: v128,
    two: v128,
}

impl Codes {
    #[inline(always)]
    fn of<const BITS: usize>(bytes: [v128; 2], vectors: &Vectors) -> Self {
        let [a, b] = bytes;
        let even = [i16x8_shl(a, 8), i16x8_shl(b, 8)];
        let lanes = match BITS {
            4 => [even[0], v128_and(a, vectors.high_byte), even[1], v128_and(b, vectors.high_byte)],
            _ => [i16x8_shr(even[0], 8), i16x8_shr(a, 8), i16x8_shr(even[1], 8), i16x8_shr(b, 8)],
        };
        Self { bytes, lanes }
    }
}

/// Loads a block's codes, one per byte.
#[inline(always)]
unsafe fn read<const BITS: usize>(codes: *const v128, vectors: &Vectors) -> [v128; 2] {
    // SAFETY: the caller passes a pointer to a block of the job's codes.
    unsafe {
        match BITS {
            4 => [v128_and(v128_load(codes), vectors.nibble), v128_and(u16x8_shr(v128_load(codes), 4), vectors.nibble)],
            _ => [v128_load(codes), v128_load(codes.add(1))],
        }
    }
}

/// [`UNITS`] · Σ code · activation of a block as four partial sums, in units of the activations' scale.
///
/// For 4 bits high and low parts are summed in one i32 without overflow: 15 · 256 · 32768 · 8 < 2³¹.
#[inline(always)]
unsafe fn dot<const BITS: usize>(codes: &Codes, activations: *const u8, vectors: &Vectors) -> v128 {
    // SAFETY: the caller passes the split activations of a block.
    unsafe {
        let high = |i: usize| i32x4_dot_i16x8(codes.lanes[i], v128_load(activations.cast::<v128>().add(i)));
        let low = |i: usize| {
            let bytes = v128_load(activations.add(LOW_BYTES).cast::<v128>().add(i));
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

/// [`multiply`] for `N` rows of activations.
// Not inlined: a browser's optimizing compiler compiles hot functions one by one, and one with all variants takes long.
#[inline(never)]
unsafe fn by_row<const BITS: usize, const MASKED: bool, const N: usize>(job: &GemvJob) {
    let GemvJob { codes, scales, mins, mask, blocks, activations, sums: activation_sums, .. } = *job;
    // SAFETY: all addresses are within the rows that the job describes.
    unsafe {
        let constants: &Constants = &*job.constants;
        let vector = |at: *const u8| v128_load(at.cast());
        let vectors = Vectors {
            nibble: vector(constants.nibble.as_ptr()),
            high_byte: vector(constants.high_byte.as_ptr().cast()),
            two: vector(constants.two.as_ptr().cast()),
        };
        let apart = blocks * SPLIT_BYTES;
        let has_mins = !mins.is_null();
        // Two rows of weights at a time were faster in a microbenchmark but slower in a model.
        for row in 0..job.rows {
            let mut sums = [f32x4_splat(0.0); N];
            // Incremented pointers: computing addresses from an index costs as much as the products.
            let (mut at, mut activations) = (codes.add(row * blocks * (BLOCK * BITS / 8)), activations);
            let mut scale_at = scales.add(row * blocks);
            let mut min_at = mins.wrapping_add(row * blocks);
            let mut mask_at = mask.wrapping_add(row * blocks);
            for _ in 0..blocks {
                let mut bytes = read::<BITS>(at.cast(), &vectors);
                let mut kept = None;
                if MASKED {
                    let word = v128_load32_splat(mask_at);
                    let bits = vector(constants.bits.as_ptr());
                    let stays = [0, 1].map(|half| {
                        let of_weight = i8x16_relaxed_swizzle(word, vector(constants.mask_bytes[half].as_ptr()));
                        i8x16_eq(v128_and(of_weight, bits), bits)
                    });
                    bytes = [0, 1].map(|half| v128_and(bytes[half], stays[half]));
                    let one = vector(constants.one.as_ptr());
                    kept = Some(Codes::of::<4>(stays.map(|stays| v128_and(stays, one)), &vectors));
                }
                let all = Codes::of::<BITS>(bytes, &vectors);
                let scale = v128_load32_splat(scale_at.cast());
                for n in 0..N {
                    let activations = activations.add(n * apart);
                    let mut product = f32x4_mul(dot::<BITS>(&all, activations, &vectors), scale);
                    if let (Some(kept), true) = (&kept, has_mins) {
                        let min = v128_load32_splat(min_at.cast());
                        product = f32x4_relaxed_madd(dot::<4>(kept, activations, &vectors), min, product);
                    }
                    let unit = v128_load32_splat(activations.add(SCALE).cast());
                    sums[n] = f32x4_relaxed_madd(product, unit, sums[n]);
                }
                (at, activations) = (at.add(BLOCK * BITS / 8), activations.add(SPLIT_BYTES));
                scale_at = scale_at.add(1);
                min_at = min_at.wrapping_add(1);
                mask_at = mask_at.wrapping_add(1);
            }
            for n in 0..N {
                let mut product = sum(sums[n]) / UNITS;
                if !MASKED && has_mins {
                    // Without a mask the min term is Σ min · (sum of the block's activations).
                    product += floats(mins.add(row * blocks), activation_sums.add(n * blocks), blocks);
                }
                *job.out.add(n * job.out_stride + row) = product;
            }
        }
    }
}

/// Sum of the four lanes.
#[inline(always)]
pub(crate) fn sum(of: v128) -> f32 {
    let pairs = f32x4_add(of, i32x4_shuffle::<2, 3, 0, 1>(of, of));
    f32x4_extract_lane::<0>(pairs) + f32x4_extract_lane::<1>(pairs)
}

/// Σ a · b of `count` numbers.
#[inline(always)]
unsafe fn floats(a: *const f32, b: *const f32, count: usize) -> f32 {
    let mut sums = f32x4_splat(0.0);
    let mut at = 0;
    // SAFETY: the caller guarantees that `count` floats can be read at both.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulation::FUSES;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    /// A block of activations: 32 high parts of 16 bits, 32 low parts of 7 bits as 16-bit lanes and as bytes, and a
    /// scale.
    #[derive(Debug)]
    struct Block {
        high: Vec<i16>,
        low: Vec<u8>,
        scale: f32,
    }

    impl Block {
        fn value(&self, at: usize) -> f64 {
            f64::from(self.scale) * (f64::from(self.high[at]) + f64::from(self.low[at]) / f64::from(HIGH_UNIT))
        }

        /// Memory layout of `SplitActivations`: lanes of even and odd columns of each half, low bytes, scale.
        fn bytes(&self) -> Vec<u8> {
            let order = |vector: usize, lane: usize| 16 * (vector / 2) + 2 * lane + vector % 2;
            let places = (0..4).flat_map(|vector| (0..8).map(move |lane| order(vector, lane)));
            let high = places.clone().flat_map(|at| self.high[at].to_le_bytes());
            let low = places.flat_map(|at| i16::from(self.low[at]).to_le_bytes());
            let mut bytes: Vec<u8> = high.chain(low).chain(self.low.iter().copied()).collect();
            bytes.extend(self.scale.to_le_bytes());
            bytes.resize(SPLIT_BYTES, 0);
            bytes
        }
    }

    fn block() -> impl Strategy<Value = Block> {
        let high = proptest::collection::vec(-32767i16..=32767, BLOCK);
        let low = proptest::collection::vec(0u8..128, BLOCK);
        (high, low, 1e-6f32..1e-3).prop_map(|(high, low, scale)| Block { high, low, scale })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// 4-bit and 8-bit codes, extremes included, with and without mask and mins, 1 to 3 rows, both roundings of
        /// madd.
        #[test]
        fn products_are_right(
            bits in prop_oneof![Just(4usize), Just(8)],
            codes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0x80), Just(0x7f), Just(0xff)], 3 * 2 * BLOCK),
            scales in proptest::collection::vec(1e-3f32..0.1, 6),
            mins in proptest::option::of(proptest::collection::vec(-0.5f32..0.5, 6)),
            mask in proptest::option::of(proptest::collection::vec(any::<u32>(), 6)),
            activations in proptest::collection::vec(block(), 3 * 2),
            activation_rows in 1usize..=3,
            fuses in any::<bool>(),
        ) {
            FUSES.set(fuses);
            let (rows, blocks) = (3, 2);
            let code = |row: usize, block: usize, at: usize| -> f64 {
                let start = (row * blocks + block) * BLOCK * bits / 8;
                match bits {
                    4 => f64::from(codes[start + at % 16] >> (4 * (at / 16)) & 15),
                    _ => f64::from(codes[start + at] as i8),
                }
            };
            let bytes: Vec<u8> = activations.iter().flat_map(Block::bytes).collect();
            // Aligned to 16 bytes, as `SplitActivations` is.
            let mut aligned = vec![0u128; bytes.len() / 16];
            for (to, from) in aligned.iter_mut().zip(bytes.chunks_exact(16)) {
                *to = u128::from_ne_bytes(from.try_into().unwrap());
            }
            let sums: Vec<f32> = activations.iter().map(|block| (0..BLOCK).map(|at| block.value(at)).sum::<f64>() as f32).collect();
            let mut out = vec![f32::NAN; activation_rows * rows];
            let constants = Constants::VALUES;
            let pointer = |of: &Option<Vec<f32>>| of.as_ref().map_or(core::ptr::null(), |of| of.as_ptr());
            let job = GemvJob {
                codes: codes.as_ptr(),
                bits,
                scales: scales.as_ptr(),
                mins: pointer(&mins),
                mask: mask.as_ref().map_or(core::ptr::null(), |mask| mask.as_ptr()),
                blocks,
                rows,
                activations: aligned.as_ptr().cast(),
                sums: sums.as_ptr(),
                activation_rows,
                out: out.as_mut_ptr(),
                out_stride: rows,
                constants: &constants,
            };
            // SAFETY: every pointer is to as many numbers as the job says.
            unsafe { multiply(&job) };
            for n in 0..activation_rows {
                for row in 0..rows {
                    let (mut wanted, mut size) = (0.0, 0.0);
                    for block in 0..blocks {
                        for at in 0..BLOCK {
                            let of = row * blocks + block;
                            let kept = mask.as_ref().is_none_or(|mask| mask[of] >> at & 1 == 1);
                            let min = mins.as_ref().map_or(0.0, |mins| f64::from(mins[of]));
                            let weight = f64::from(scales[of]) * code(row, block, at) + min;
                            let x = activations[n * blocks + block].value(at);
                            wanted += if kept { weight * x } else { 0.0 };
                            size += (f64::from(scales[of]) * 128.0 + min.abs()) * x.abs();
                        }
                    }
                    let found = f64::from(out[n * rows + row]);
                    prop_assert!((found - wanted).abs() <= 1e-6 * size, "{found} in place of {wanted}, row {row} of {n}");
                }
            }
        }
    }
}
