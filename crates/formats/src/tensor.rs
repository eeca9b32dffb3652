//! Tensors in files: their type, place and rows.

use std::borrow::Cow;

use prunescope_quant::TensorType;

/// A tensor's entry in a file's header.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// Its name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions, outermost first (`[rows, columns]`; GGUF stores them innermost first).
    pub shape: Vec<u64>,
    /// The type of its numbers. An error is the name of an unsupported type, which matters only if the tensor is
    /// needed.
    pub tensor_type: Result<TensorType, String>,
    /// Offset of its first byte from the beginning of the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl TensorInfo {
    /// The number of elements.
    pub fn elements(&self) -> u64 {
        // Saturating, since a dimension of 0 may follow others whose product overflows.
        self.shape.iter().fold(1, |product: u64, length| product.saturating_mul(*length))
    }

    /// Rows and columns; a vector is one row.
    pub fn matrix_shape(&self) -> [u64; 2] {
        let columns = self.shape.last().copied().unwrap_or(1);
        [self.elements() / columns.max(1), columns]
    }
}

/// A matrix of whole quantization blocks per row, in its stored type.
#[derive(Clone, Debug)]
pub struct StoredMatrix<'a> {
    /// The type of its numbers.
    pub tensor_type: TensorType,
    /// The data, row-major.
    pub bytes: Cow<'a, [u8]>,
    /// Rows and columns.
    pub shape: [usize; 2],
}

impl StoredMatrix<'_> {
    /// The rows at the given indices, in that order.
    pub fn rows(&self, order: impl ExactSizeIterator<Item = usize>) -> StoredMatrix<'static> {
        let [rows, columns] = self.shape;
        let width = self.bytes.len() / rows.max(1);
        let count = order.len();
        let mut bytes = Vec::with_capacity(count * width);
        order.for_each(|row| bytes.extend_from_slice(&self.bytes[row * width..(row + 1) * width]));
        StoredMatrix { tensor_type: self.tensor_type, bytes: bytes.into(), shape: [count, columns] }
    }

    /// The transposed matrix; only for types without blocks.
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
        let values = |matrix: &StoredMatrix<'_>| prunescope_quant::dequantize(matrix.tensor_type, &matrix.bytes);
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
}
