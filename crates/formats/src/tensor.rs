//! Tensors in files: how their numbers are stored, where they are, and rows of them.

use std::borrow::Cow;

/// How a tensor's numbers are stored. Source: `ggml.h`, `enum ggml_type`; safetensors has the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types)]
pub enum TensorType {
    /// 32-bit IEEE float.
    F32,
    /// 16-bit IEEE float.
    F16,
    /// bfloat16.
    BF16,
    /// 32 weights: an f16 scale, 32 signed bytes.
    Q8_0,
    /// 32 weights: an f16 scale, 16 bytes of nibbles, offset 8.
    Q4_0,
    /// 32 weights: an f16 scale, an f16 minimum, 16 bytes of nibbles.
    Q4_1,
    /// 32 weights of 5 bits: an f16 scale, the fifth bits, 16 bytes of nibbles, offset 16.
    Q5_0,
    /// 32 weights of 5 bits: an f16 scale, an f16 minimum, the fifth bits, 16 bytes of nibbles.
    Q5_1,
    /// 256 weights of 2 bits, a 4-bit scale and minimum for each 16.
    Q2_K,
    /// 256 weights of 3 bits, a 6-bit scale for each 16.
    Q3_K,
    /// 256 weights of 4 bits, a 6-bit scale and minimum for each 32.
    Q4_K,
    /// 256 weights of 5 bits, a 6-bit scale and minimum for each 32.
    Q5_K,
    /// 256 weights of 6 bits, an 8-bit scale for each 16.
    Q6_K,
    /// 256 weights: an f32 scale, 256 signed bytes, sums that are not needed.
    Q8_K,
    /// 32 weights of 16 unevenly spaced values: an f16 scale, 16 bytes of nibbles.
    IQ4_NL,
    /// 256 weights of 16 unevenly spaced values, a 6-bit scale for each 32.
    IQ4_XS,
}

impl TensorType {
    /// All types, each with its number in GGUF, its name as llama.cpp writes it, weights in a block, and bytes of a block.
    const TABLE: [(Self, u32, &'static str, u64, u64); 16] = [
        (Self::F32, 0, "F32", 1, 4),
        (Self::F16, 1, "F16", 1, 2),
        (Self::BF16, 30, "BF16", 1, 2),
        (Self::Q8_0, 8, "Q8_0", 32, 34),
        (Self::Q4_0, 2, "Q4_0", 32, 18),
        (Self::Q4_1, 3, "Q4_1", 32, 20),
        (Self::Q5_0, 6, "Q5_0", 32, 22),
        (Self::Q5_1, 7, "Q5_1", 32, 24),
        (Self::Q2_K, 10, "Q2_K", 256, 84),
        (Self::Q3_K, 11, "Q3_K", 256, 110),
        (Self::Q4_K, 12, "Q4_K", 256, 144),
        (Self::Q5_K, 13, "Q5_K", 256, 176),
        (Self::Q6_K, 14, "Q6_K", 256, 210),
        (Self::Q8_K, 15, "Q8_K", 256, 292),
        (Self::IQ4_NL, 20, "IQ4_NL", 32, 18),
        (Self::IQ4_XS, 23, "IQ4_XS", 256, 136),
    ];

    /// Types of GGUF that are known by name only.
    const REFUSED: [(u32, &'static str); 16] = [
        (9, "Q8_1"),
        (16, "IQ2_XXS"),
        (17, "IQ2_XS"),
        (18, "IQ3_XXS"),
        (19, "IQ1_S"),
        (21, "IQ3_S"),
        (22, "IQ2_S"),
        (24, "I8"),
        (25, "I16"),
        (26, "I32"),
        (27, "I64"),
        (28, "F64"),
        (29, "IQ1_M"),
        (34, "TQ1_0"),
        (35, "TQ2_0"),
        (39, "MXFP4"),
    ];

    fn entry(self) -> (u32, &'static str, u64, u64) {
        let found = Self::TABLE.iter().find(|(tensor_type, ..)| *tensor_type == self);
        found.map_or((0, "", 1, 1), |(_, number, name, block, bytes)| (*number, *name, *block, *bytes))
    }

    /// From the number in a GGUF file.
    ///
    /// # Errors
    /// The type's name, or its number where the name is not known.
    pub fn from_number(number: u32) -> Result<Self, String> {
        let known = Self::TABLE.iter().find(|(_, of, ..)| *of == number);
        known.map(|(tensor_type, ..)| *tensor_type).ok_or_else(|| {
            let name = Self::REFUSED.iter().find(|(of, _)| *of == number);
            name.map_or_else(|| format!("number {number}"), |(_, name)| (*name).to_string())
        })
    }

    /// The names of all types that are read.
    pub fn names() -> String {
        Self::TABLE.map(|(_, _, name, ..)| name).join(", ")
    }

    /// Whether numbers stand alone, not in blocks.
    pub fn is_float(self) -> bool {
        self.block_len() == 1
    }

    /// Weights in a block.
    pub fn block_len(self) -> u64 {
        self.entry().2
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> u64 {
        self.entry().3
    }

    /// The name as llama.cpp writes it.
    pub fn name(self) -> &'static str {
        self.entry().1
    }
}

/// Where a tensor is and what it looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions, outermost first (`[rows, columns]`; GGUF stores them innermost first).
    pub shape: Vec<u64>,
    /// How its numbers are stored; an error is the name of a type that is not read, which matters only where something needs
    /// the tensor.
    pub tensor_type: Result<TensorType, String>,
    /// First byte, counted from the beginning of the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl TensorInfo {
    /// How many numbers it holds.
    pub fn elements(&self) -> u64 {
        // Saturating: a dimension of 0 may follow others whose product is too large.
        self.shape.iter().fold(1, |product: u64, length| product.saturating_mul(*length))
    }

    /// Rows and columns; a vector is one row.
    pub fn matrix_shape(&self) -> [u64; 2] {
        let columns = self.shape.last().copied().unwrap_or(1);
        [self.elements() / columns.max(1), columns]
    }
}

/// A tensor's bytes as rows of whole blocks.
#[derive(Clone, Debug)]
pub struct StoredMatrix<'a> {
    /// How its numbers are stored.
    pub tensor_type: TensorType,
    /// Row after row.
    pub bytes: Cow<'a, [u8]>,
    /// Rows and columns.
    pub shape: [usize; 2],
}

impl StoredMatrix<'_> {
    /// Some of its rows, in an order.
    pub fn rows(&self, order: impl ExactSizeIterator<Item = usize>) -> StoredMatrix<'static> {
        let [rows, columns] = self.shape;
        let width = self.bytes.len() / rows.max(1);
        let count = order.len();
        let mut bytes = Vec::with_capacity(count * width);
        order.for_each(|row| bytes.extend_from_slice(&self.bytes[row * width..(row + 1) * width]));
        StoredMatrix { tensor_type: self.tensor_type, bytes: bytes.into(), shape: [count, columns] }
    }

    /// The transposed matrix; only of types without blocks.
    pub fn transposed(&self) -> StoredMatrix<'static> {
        let [rows, columns] = self.shape;
        let size = self.tensor_type.block_bytes() as usize;
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for column in 0..columns {
            for row in 0..rows {
                let at = (row * columns + column) * size;
                bytes.extend_from_slice(&self.bytes[at..at + size]);
            }
        }
        StoredMatrix { tensor_type: self.tensor_type, bytes: bytes.into(), shape: [columns, rows] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_change_places() {
        let bytes: Vec<u8> = [1f32, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let matrix = StoredMatrix { tensor_type: TensorType::F32, bytes: bytes.into(), shape: [2, 3] };
        let values = |matrix: &StoredMatrix<'_>| super::super::quant::dequantize(matrix.tensor_type, &matrix.bytes);
        let transposed = matrix.transposed();
        assert_eq!((values(&transposed), transposed.shape), (vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0], [3, 2]));
        assert_eq!(values(&matrix.rows([1, 0].into_iter())), [4.0, 5.0, 6.0, 1.0, 2.0, 3.0]);
    }

    /// Found by fuzzing.
    #[test]
    fn more_numbers_than_can_be_counted_are_the_most_and_a_dimension_of_zero_makes_any_others_empty() {
        for (shape, elements) in
            [([0, u64::MAX, 3], 0), ([u64::MAX, 3, 0], 0), ([3, 0, u64::MAX], 0), ([u64::MAX, 3, 1], u64::MAX)]
        {
            let tensor_type = Ok(TensorType::F32);
            let info = TensorInfo { name: "t".into(), shape: shape.to_vec(), tensor_type, offset: 0, bytes: 0 };
            assert_eq!((info.elements(), info.matrix_shape()[0]), (elements, elements));
        }
    }

    #[test]
    fn every_type_is_found_by_its_number() {
        for (tensor_type, number, name, ..) in TensorType::TABLE {
            assert_eq!(TensorType::from_number(number), Ok(tensor_type));
            assert_eq!(tensor_type.name(), name);
        }
        assert_eq!(TensorType::from_number(16), Err("IQ2_XXS".into()));
        assert_eq!(TensorType::from_number(99), Err("number 99".into()));
    }
}
