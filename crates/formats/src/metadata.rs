//! Values of GGUF metadata and their conversion to the types that are needed.
//!
//! Writers use different types for the same key: a count may be a u32, an i64 or a float, a flag a number. A value is
//! converted only to types that represent it exactly.

use std::fmt;

/// Longest string that a message shows, in characters.
const SHOWN_CHARS: usize = 40;

/// A metadata value. Source: GGUF specification, `gguf_metadata_value_type`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Any unsigned integer.
    Unsigned(u64),
    /// Any signed integer.
    Signed(i64),
    /// f32 or f64.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A string; invalid UTF-8 is replaced by U+FFFD.
    Text(String),
    /// An array of numbers or booleans.
    Numbers(Numbers),
    /// An array of strings.
    Texts(Vec<String>),
    /// An array of arrays.
    Array(Vec<Value>),
}

/// Numbers of one type in the file's own encoding, since such an array may be most of a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    kind: u32,
    bytes: Vec<u8>,
}

impl Numbers {
    /// * `kind` — the type's number in GGUF; not that of strings or arrays.
    /// * `bytes` — numbers of that type, little-endian, none cut off.
    pub fn new(kind: u32, bytes: Vec<u8>) -> Self {
        Self { kind, bytes }
    }

    fn width(&self) -> usize {
        match self.kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            _ => 8,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width()
    }

    /// Whether the array is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The elements as values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value> + '_ {
        self.bytes.chunks_exact(self.width()).map(|bytes| {
            let mut wide = [0; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            let unsigned = u64::from_le_bytes(wide);
            match self.kind {
                0 | 2 | 4 | 10 => Value::Unsigned(unsigned),
                1 => Value::Signed((unsigned as i8).into()),
                3 => Value::Signed((unsigned as i16).into()),
                5 => Value::Signed((unsigned as i32).into()),
                11 => Value::Signed(unsigned as i64),
                6 => Value::Float(f32::from_bits(unsigned as u32).into()),
                7 => Value::Bool(unsigned != 0),
                _ => Value::Float(f64::from_bits(unsigned)),
            }
        })
    }
}

/// Formats the value for an error message.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(n) => write!(f, "{n}"),
            Self::Signed(n) => write!(f, "{n}"),
            Self::Float(x) => write!(f, "{x}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Text(text) => {
                let end = text.char_indices().nth(SHOWN_CHARS).map_or(text.len(), |(end, _)| end);
                write!(f, "the text {:?}{}", &text[..end], if end < text.len() { "…" } else { "" })
            }
            Self::Numbers(numbers) => write!(f, "an array of {} numbers", numbers.len()),
            Self::Texts(texts) => write!(f, "an array of {} texts", texts.len()),
            Self::Array(values) => write!(f, "an array of {} arrays", values.len()),
        }
    }
}

/// A type that metadata values can be converted to.
pub trait FromValue<'a>: Sized {
    /// The expected type, for an error message.
    const WANTED: &'static str;

    /// Converts a value; `None` if it does not represent a value of this type exactly.
    fn from_value(value: &'a Value) -> Option<Self>;
}

/// 2⁶³ and 2⁶⁴: the upper bounds of i64 and u64.
const ENDS: [f64; 2] = [9_223_372_036_854_775_808.0, 18_446_744_073_709_551_616.0];

impl FromValue<'_> for u64 {
    const WANTED: &'static str = "a whole number from 0 on";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Unsigned(n) => Some(*n),
            Value::Signed(n) => (*n).try_into().ok(),
            Value::Float(x) => ((0.0..ENDS[1]).contains(x) && x.fract() == 0.0).then_some(*x as u64),
            _ => None,
        }
    }
}

impl FromValue<'_> for f64 {
    const WANTED: &'static str = "a finite number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            // Only integers that an f64 represents exactly.
            Value::Unsigned(n) => Some(*n as f64).filter(|x| *x as u128 == u128::from(*n)),
            Value::Signed(n) => Some(*n as f64).filter(|x| *x as i128 == i128::from(*n)),
            Value::Float(x) => Some(*x).filter(|x| x.is_finite()),
            _ => None,
        }
    }
}

impl FromValue<'_> for bool {
    const WANTED: &'static str = "true or false";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(*truth),
            number => match u64::from_value(number)? {
                0 => Some(false),
                1 => Some(true),
                _ => None,
            },
        }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const WANTED: &'static str = "a text";

    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text) } else { None }
    }
}

impl<'a> FromValue<'a> for Vec<&'a str> {
    const WANTED: &'static str = "an array of texts";

    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Texts(texts) => Some(texts.iter().map(String::as_str).collect()),
            other => empty(other),
        }
    }
}

macro_rules! from_numbers {
    ($($kind:ty: $wanted:literal),*) => {$(
        impl FromValue<'_> for Vec<$kind> {
            const WANTED: &'static str = $wanted;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Numbers(numbers) => numbers.iter().map(|number| <$kind>::from_value(&number)).collect(),
                    other => empty(other),
                }
            }
        }
    )*};
}

from_numbers! {
    u64: "an array of whole numbers from 0 on", i64: "an array of whole numbers", f64: "an array of finite numbers",
    bool: "an array of true and false"
}

impl FromValue<'_> for i64 {
    const WANTED: &'static str = "a whole number";

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Signed(n) => Some(*n),
            Value::Float(x) => ((-ENDS[0]..ENDS[0]).contains(x) && x.fract() == 0.0).then_some(*x as i64),
            other => u64::from_value(other)?.try_into().ok(),
        }
    }
}

/// An empty array converts to an array of any type.
fn empty<T>(value: &Value) -> Option<Vec<T>> {
    let none = match value {
        Value::Numbers(numbers) => numbers.is_empty(),
        Value::Texts(texts) => texts.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    none.then(Vec::new)
}

/// One value for all layers, or one per layer.
#[derive(Clone, Debug, PartialEq)]
pub enum PerLayer<T> {
    /// The same for all layers.
    All(T),
    /// One per layer.
    Each(Vec<T>),
}

impl<'a, T: FromValue<'a>> FromValue<'a> for PerLayer<T>
where
    Vec<T>: FromValue<'a>,
{
    const WANTED: &'static str = T::WANTED;

    fn from_value(value: &'a Value) -> Option<Self> {
        T::from_value(value).map(Self::All).or_else(|| Vec::from_value(value).map(Self::Each))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A number in every GGUF type that represents it, as a value and as an array of one element.
    fn every_type(x: f64) -> Vec<(Value, Value)> {
        let array = |kind: u32, bytes: &[u8]| Value::Numbers(Numbers::new(kind, bytes.to_vec()));
        let mut out = vec![];
        macro_rules! whole {
            ($($kind:literal $number:ty: $value:ident $wide:ty),*) => {$(
                let narrow = x as $number;
                // Skip types in which the cast saturates.
                if narrow as f64 == x && narrow as i128 == x as i128 {
                    out.push((Value::$value(narrow as $wide), array($kind, &narrow.to_le_bytes())));
                }
            )*};
        }
        whole! {
            0 u8: Unsigned u64, 1 i8: Signed i64, 2 u16: Unsigned u64, 3 i16: Signed i64, 4 u32: Unsigned u64, 5 i32: Signed i64,
            10 u64: Unsigned u64, 11 i64: Signed i64, 6 f32: Float f64, 12 f64: Float f64
        }
        out
    }

    proptest! {
        /// A number is read the same from every type that represents it.
        #[test]
        fn a_number_is_read_from_every_type_that_holds_it(x in prop_oneof![
            -300.0..300.0f64, (-70_000i32..70_000).prop_map(f64::from), (0u64..1 << 53).prop_map(|n| n as f64), any::<f32>().prop_map(f64::from)
        ]) {
            prop_assume!(x.is_finite());
            for (value, array) in every_type(x) {
                prop_assert_eq!(f64::from_value(&value), Some(x));
                prop_assert_eq!(Vec::<f64>::from_value(&array), Some(vec![x]));
                prop_assert_eq!(PerLayer::<f64>::from_value(&array), Some(PerLayer::Each(vec![x])));
                let whole = (x >= 0.0 && x.fract() == 0.0 && x < ENDS[1]).then_some(x as u64);
                prop_assert_eq!(u64::from_value(&value), whole);
                prop_assert_eq!(Vec::<u64>::from_value(&array), whole.map(|n| vec![n]));
                let signed = (x.fract() == 0.0 && (-ENDS[0]..ENDS[0]).contains(&x)).then_some(x as i64);
                prop_assert_eq!(i64::from_value(&value), signed);
                prop_assert_eq!(bool::from_value(&value), whole.and_then(|n| [false, true].get(n as usize).copied()));
                prop_assert_eq!(<&str>::from_value(&value), None);
            }
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let array = Value::Numbers(Numbers::new(12, x.to_le_bytes().to_vec()));
            assert_eq!(f64::from_value(&Value::Float(x)), None);
            assert_eq!(u64::from_value(&Value::Float(x)), None);
            assert_eq!(Vec::<f64>::from_value(&array), None);
        }
        assert_eq!(u64::from_value(&Value::Unsigned(u64::MAX)), Some(u64::MAX));
        assert_eq!(f64::from_value(&Value::Unsigned(u64::MAX)), None, "no f64 is this number");
        assert_eq!(u64::from_value(&Value::Signed(-1)), None);
        assert_eq!(u64::from_value(&Value::Bool(true)), None);
        assert_eq!(u64::from_value(&Value::Text("7".into())), None);
        assert_eq!(bool::from_value(&Value::Unsigned(2)), None);
        assert_eq!(Vec::<&str>::from_value(&Value::Numbers(Numbers::new(4, vec![]))), Some(vec![]));
    }

    #[test]
    fn a_message_shows_the_value() {
        assert_eq!(Value::Signed(-3).to_string(), "-3");
        assert_eq!(Value::Float(f64::NAN).to_string(), "NaN");
        assert_eq!(Value::Text("é".repeat(50)).to_string(), format!("the text \"{}\"…", "é".repeat(40)));
        assert_eq!(Value::Numbers(Numbers::new(2, vec![0; 6])).to_string(), "an array of 3 numbers");
    }
}
