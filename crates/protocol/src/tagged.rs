//! Enums whose JSON is an object that names its variant under one key, as serde's `tag` writes them.
//!
//! serde reads such an object into a buffer first, since the key may stand anywhere, and from there a second time. That is most of the
//! time of reading a trace. Here the key is expected first, where it is written; only an object in another order is read twice.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

/// Defines an enum that is written and read as such an object.
///
/// Its variants have named fields, or none; others fail when they are read. (rustfmt leaves the enum in it as it is.)
///
/// * the key;
/// * the enum's name as a text, and a name for the type that reads it.
macro_rules! tagged {
    ($key:literal, $text:literal, $reader:ident, $(#[$meta:meta])* $visible:vis enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(serde::Serialize)]
        #[serde(tag = $key, rename_all = "snake_case")]
        $visible enum $name { $($body)* }

        /// How serde reads it if the key were the name of the object's only field.
        #[derive(serde::Deserialize)]
        #[serde(remote = $text, rename_all = "snake_case")]
        #[allow(dead_code, reason = "serde makes values of the enum itself")]
        enum $reader { $($body)* }

        impl $crate::tagged::Tagged for $name {
            const KEY: &str = $key;

            fn read<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $reader::deserialize(from)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_map($crate::tagged::ObjectVisitor::new())
            }
        }
    };
}
pub(crate) use tagged;

/// An enum that [`tagged!`] defines.
pub(crate) trait Tagged: DeserializeOwned {
    /// The key of the variant's name.
    const KEY: &str;

    /// Reads it from a deserializer that gives enums.
    fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

/// Reads an object as the enum `T`.
pub(crate) struct ObjectVisitor<T>(PhantomData<T>);

impl<T> ObjectVisitor<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Tagged> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "an object with the key {:?}", T::KEY)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let Some(mut key) = map.next_key::<String>()? else { return Err(A::Error::missing_field(T::KEY)) };
        if key == T::KEY {
            return T::read(Object(map));
        }
        // In another order: once more, with the key first.
        let (mut tag, mut others) = (None, String::new());
        loop {
            let value: Box<RawValue> = map.next_value()?;
            if key == T::KEY {
                tag = Some(value);
            } else {
                let key = serde_json::to_string(&key).map_err(A::Error::custom)?;
                others += &format!(",{key}:{value}");
            }
            match map.next_key()? {
                Some(next) => key = next,
                None => break,
            }
        }
        let tag = tag.ok_or_else(|| A::Error::missing_field(T::KEY))?;
        serde_json::from_str(&format!("{{{:?}:{tag}{others}}}", T::KEY)).map_err(A::Error::custom)
    }
}

/// The rest of an object, whose key was read: an enum.
struct Object<A>(A);

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Object<A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for Object<A> {
    type Error = A::Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Result<(V::Value, Self), A::Error> {
        let name: String = self.0.next_value()?;
        let variant = seed.deserialize(StrDeserializer::new(&name))?;
        Ok((variant, self))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Object<A> {
    type Error = A::Error;

    fn unit_variant(mut self) -> Result<(), A::Error> {
        while self.0.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    /// A variant with a flattened field, which serde reads from the whole object.
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self.0))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(A::Error::custom("logic error: a variant without named fields"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }
}

#[cfg(test)]
mod tests {
    tagged! {
        "kind", "Shape", ShapeReader,
        /// As an example.
        #[derive(Clone, Debug, PartialEq)]
        enum Shape {
            /// Nothing.
            Nothing,
            /// A circle.
            GreatCircle {
                /// Its radius.
                radius: u8,
                /// What is in it.
                #[serde(default)]
                inner: Option<Box<Shape>>,
            },
            /// A square.
            Square {
                /// Its place.
                #[serde(flatten)]
                place: Place,
                /// Its side.
                side: u8,
            },
        }
    }

    /// Where something is.
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Place {
        x: u8,
        y: u8,
    }

    #[test]
    fn flattened_fields_are_read() {
        let square = Shape::Square { place: Place { x: 1, y: 2 }, side: 3 };
        let text = serde_json::to_string(&square).unwrap();
        assert_eq!(text, r#"{"kind":"square","x":1,"y":2,"side":3}"#);
        for text in [&text, r#"{"side":3,"y":2,"x":1,"kind":"square"}"#] {
            assert_eq!(serde_json::from_str::<Shape>(text).unwrap(), square, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_in_any_order() {
        let circle = Shape::GreatCircle { radius: 3, inner: Some(Box::new(Shape::Nothing)) };
        let text = serde_json::to_string(&circle).unwrap();
        assert_eq!(text, r#"{"kind":"great_circle","radius":3,"inner":{"kind":"nothing"}}"#);
        for text in [
            &text,
            r#"{"radius":3,"inner":{"more":[1],"kind":"nothing","again":2},"kind":"great_circle"}"#,
            r#" { "kind" : "great_circle" , "new" : {"a": [1]}, "inner" : {"kind":"nothing","more":0} , "radius" : 3 } "#,
        ] {
            assert_eq!(serde_json::from_str::<Shape>(text).unwrap(), circle, "{text}");
        }
        let empty = Shape::GreatCircle { radius: 1, inner: None };
        assert_eq!(serde_json::from_str::<Shape>(r#"{"kind":"great_circle","radius":1}"#).unwrap(), empty);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("{}", "missing field `kind`"),
            (r#"{"radius":1}"#, "missing field `kind`"),
            (r#"{"kind":"cube"}"#, "unknown variant `cube`"),
            (r#"{"a":1,"kind":"cube"}"#, "unknown variant `cube`"),
            (r#"{"kind":"square","x":1,"side":1}"#, "missing field `y`"),
            (r#"{"kind":"great_circle"}"#, "missing field `radius`"),
            (r#"{"kind":"great_circle","radius":"x"}"#, "invalid type: string \"x\""),
            (r#"{"kind":3}"#, "invalid type: integer `3`, expected a string"),
            ("[]", "invalid type: sequence, expected an object with the key \"kind\""),
            (r#""nothing""#, "expected an object with the key \"kind\""),
            (r#"{"kind":"nothing""#, "EOF"),
        ] {
            let found = serde_json::from_str::<Shape>(text).unwrap_err().to_string();
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
