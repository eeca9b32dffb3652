//! Numbers in JSON, which has no non-finite numbers: they are written as the strings `NaN`, `Infinity` and `-Infinity`.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// A number in JSON.
#[derive(Clone, Copy)]
pub(crate) struct Number(f32);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Number {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "number" }, { "enum": ["NaN", "Infinity", "-Infinity"] }] })
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            x if x.is_finite() => serializer.serialize_f32(x),
            x if x.is_nan() => serializer.serialize_str("NaN"),
            x => serializer.serialize_str(if x > 0.0 { "Infinity" } else { "-Infinity" }),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or NaN, Infinity or -Infinity as a text")
    }

    fn visit_f64<E: de::Error>(self, x: f64) -> Result<Number, E> {
        Ok(Number(x as f32))
    }

    fn visit_i64<E: de::Error>(self, x: i64) -> Result<Number, E> {
        Ok(Number(x as f32))
    }

    fn visit_u64<E: de::Error>(self, x: u64) -> Result<Number, E> {
        Ok(Number(x as f32))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
        match text {
            "NaN" => Ok(Number(f32::NAN)),
            "Infinity" => Ok(Number(f32::INFINITY)),
            "-Infinity" => Ok(Number(f32::NEG_INFINITY)),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }
}

/// Serializes a number, for `#[serde(with = "number")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(x: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    Number(*x).serialize(serializer)
}

/// Deserializes a number.
///
/// # Errors
/// Anything but a number or one of the three strings.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Number::deserialize(deserializer)?.0)
}

/// Lists of numbers, for `#[serde(with = "number::list")]`.
pub mod list {
    use super::{Deserialize, Deserializer, Number, Serializer};

    /// Serializes a list.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(all: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(all.iter().map(|x| Number(*x)))
    }

    /// Deserializes a list.
    ///
    /// # Errors
    /// Anything but a list of numbers.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f32>, D::Error> {
        Ok(Vec::<Number>::deserialize(deserializer)?.into_iter().map(|number| number.0).collect())
    }
}

/// Optional numbers, for `#[serde(with = "number::option")]`.
pub mod option {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    /// Serializes a number or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(x: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
        x.map(Number).serialize(serializer)
    }

    /// Deserializes a number or null.
    ///
    /// # Errors
    /// Anything but a number or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
        Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Deserialize, Serialize)]
    struct Inner {
        #[serde(with = "super")]
        one: f32,
        #[serde(with = "super::list")]
        list: Vec<f32>,
        #[serde(with = "super::option")]
        option: Option<f32>,
    }

    /// Flattened into another struct, as results are.
    #[derive(Debug, Deserialize, Serialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
    }

    #[test]
    fn what_is_not_finite_is_a_text() {
        let inner = Inner { one: f32::NAN, list: vec![1.5, f32::INFINITY, f32::NEG_INFINITY], option: None };
        let text = serde_json::to_string(&Outer { inner }).unwrap();
        assert_eq!(text, r#"{"one":"NaN","list":[1.5,"Infinity","-Infinity"],"option":null}"#);
        assert!(serde_json::from_str::<Outer>(r#"{"one":"many","list":[],"option":null}"#).is_err());
        assert!(serde_json::from_str::<Outer>(r#"{"one":1,"list":[-1,2.5],"option":3}"#).is_ok());
    }

    proptest! {
        #[test]
        fn every_number_is_read_as_it_was_written(bits: u32, more: Vec<u32>) {
            let one = f32::from_bits(bits);
            let list: Vec<f32> = more.into_iter().map(f32::from_bits).collect();
            let text = serde_json::to_string(&Outer { inner: Inner { one, list: list.clone(), option: Some(one) } }).unwrap();
            let Outer { inner } = serde_json::from_str(&text).unwrap();
            let same = |a: f32, b: f32| a == b || a.is_nan() && b.is_nan();
            prop_assert!(same(inner.one, one) && same(inner.option.unwrap(), one));
            prop_assert!(inner.list.iter().zip(&list).all(|(a, b)| same(*a, *b)) && inner.list.len() == list.len());
        }
    }
}
