//! Element types of tensors in GGUF and safetensors files.

/// Storage type of a tensor. Source: `ggml.h`, `enum ggml_type`; safetensors has only the first three.
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
    /// 256 weights: an f32 scale, 256 signed bytes, and block sums, which are not used here.
    Q8_K,
    /// 32 weights of 16 unevenly spaced values: an f16 scale, 16 bytes of nibbles.
    IQ4_NL,
    /// 256 weights of 16 unevenly spaced values, a 6-bit scale for each 32.
    IQ4_XS,
}

impl TensorType {
    /// All types: number in GGUF, llama.cpp's name, weights per block, bytes per block.
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

    /// GGUF types that are not supported, by number and name.
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

    /// The type with this number in GGUF.
    ///
    /// # Errors
    /// For an unsupported type: its name, or its number if the name is unknown.
    pub fn from_number(number: u32) -> Result<Self, String> {
        let known = Self::TABLE.iter().find(|(_, of, ..)| *of == number);
        known.map(|(tensor_type, ..)| *tensor_type).ok_or_else(|| {
            let name = Self::REFUSED.iter().find(|(of, _)| *of == number);
            name.map_or_else(|| format!("number {number}"), |(_, name)| (*name).to_string())
        })
    }

    /// Its number in GGUF.
    pub fn number(self) -> u32 {
        self.entry().0
    }

    /// Names of all supported types, separated by commas.
    pub fn names() -> String {
        Self::TABLE.map(|(_, _, name, ..)| name).join(", ")
    }

    /// Whether the type is a plain float, not quantized in blocks.
    pub fn is_float(self) -> bool {
        self.block_len() == 1
    }

    /// Weights per block; 1 for floats.
    pub fn block_len(self) -> u64 {
        self.entry().2
    }

    /// Bytes per block.
    pub fn block_bytes(self) -> u64 {
        self.entry().3
    }

    /// The name in llama.cpp, such as "Q4_K".
    pub fn name(self) -> &'static str {
        self.entry().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_by_its_number() {
        for (tensor_type, number, name, ..) in TensorType::TABLE {
            assert_eq!(TensorType::from_number(number), Ok(tensor_type));
            assert_eq!((tensor_type.name(), tensor_type.number()), (name, number));
        }
        assert_eq!(TensorType::from_number(16), Err("IQ2_XXS".into()));
        assert_eq!(TensorType::from_number(99), Err("number 99".into()));
    }
}
