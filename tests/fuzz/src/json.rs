//! Changes JSON values as an input's bytes say.

use serde_json::{Map, Number, Value};

use super::bytes::Bytes;

/// Greatest number of changes of one value.
const MOST_CHANGES: usize = 12;

/// Numbers at the limits of types, and other edge cases.
pub const NUMBERS: [f64; 32] = [
    0.0,
    1.0,
    -1.0,
    2.0,
    3.0,
    0.5,
    1e-6,
    4.0,
    8.0,
    16.0,
    31.0,
    32.0,
    33.0,
    64.0,
    127.0,
    128.0,
    255.0,
    256.0,
    1000.0,
    10_000.0,
    65_535.0,
    65_536.0,
    16_777_216.0,
    2_147_483_647.0,
    4_294_967_295.0,
    4_294_967_296.0,
    9.3e18,
    1.9e19,
    1e30,
    1e39,
    1e308,
    -0.0,
];

/// A value with some places changed.
///
/// * `texts` — texts that have a meaning in such a value.
pub fn changed(base: &Value, bytes: &mut Bytes<'_>, texts: &[&str]) -> Value {
    let mut value = base.clone();
    for _ in 0..MOST_CHANGES {
        if bytes.is_empty() {
            break;
        }
        let place = bytes.choose(256);
        let other = at(&mut value, bytes.choose(256)).clone();
        let new = leaf(bytes, texts);
        let place = at(&mut value, place);
        match (bytes.choose(8), &mut *place) {
            (0, Value::Object(map)) => {
                let key = map.keys().nth(bytes.choose(map.len())).cloned();
                key.and_then(|key| map.remove(&key));
            }
            (0 | 1, Value::Array(list)) if !list.is_empty() => {
                let at = bytes.choose(list.len());
                let taken = list.remove(at);
                list.push(taken.clone());
                list.push(taken);
            }
            (1 | 2, Value::Object(map)) => drop(map.insert(bytes.pick(texts).into(), new)),
            (2 | 3, Value::Array(list)) => list.push(new),
            (4, _) => *place = other,
            (5, _) => *place = Value::Array(vec![place.take(), new]),
            (6, Value::String(text)) => text.push_str(&bytes.text(8)),
            _ => *place = new,
        }
    }
    value
}

/// A small value.
pub fn leaf(bytes: &mut Bytes<'_>, texts: &[&str]) -> Value {
    match bytes.choose(10) {
        0 => Value::Null,
        1 => Value::Bool(bytes.happens(2)),
        2 | 3 => number(bytes.pick(&NUMBERS)),
        4 => bytes.byte().into(),
        5 => bytes.number().into(),
        6 => Value::Array(vec![]),
        7 => Value::Object(Map::new()),
        8 => bytes.text(12).into(),
        _ => bytes.pick(texts).into(),
    }
}

/// A JSON number, as an integer if it is whole.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return (value as i64).into();
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// Place number `number` in a value, in depth-first order; beyond its end the value itself.
fn at(value: &mut Value, mut number: usize) -> &mut Value {
    fn find<'a>(value: &'a mut Value, number: &mut usize) -> Option<&'a mut Value> {
        if *number == 0 {
            return Some(value);
        }
        *number -= 1;
        match value {
            Value::Array(list) => list.iter_mut().find_map(|inner| find(inner, number)),
            Value::Object(map) => map.values_mut().find_map(|inner| find(inner, number)),
            _ => None,
        }
    }
    let count = count(value);
    number %= count;
    find(value, &mut number).expect("a place below their number")
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}
