//! Texts and messages that clients keep with studies and trials, by namespace and key.
//!
//! The record has them as attributes: the scope is [`SCOPE`] and the namespace, the value is JSON: a text, or an object with
//! the bytes of a message.

use super::refused::{Refused, invalid, unreadable};
use super::wire::KeyValue;
use automl_store::studies::Attribute;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the scope of attributes begins with that are metadata.
const SCOPE: &str = "metadata";
/// The field of a study's spec that holds metadata.
const OF_SPEC: u32 = 7;

/// Bytes as a text.
pub(super) fn text_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a text that [`text_of`] gave.
pub(super) fn bytes_of(text: &str) -> Result<Vec<u8>, Refused> {
    STANDARD
        .decode(text)
        .map_err(|error| invalid("what is stored", error.to_string()))
}

/// A text that all databases can keep as it is.
pub(super) fn plain(field: &'static str, text: &str) -> Result<(), Refused> {
    if text.contains('\0') {
        return Err(invalid(field, "it holds a NUL character"));
    }
    Ok(())
}

/// As the record keeps it.
pub(super) fn attribute(told: KeyValue) -> Result<Attribute, Refused> {
    plain("the namespace of metadata", &told.ns)?;
    plain("the key of metadata", &told.key)?;
    let value = match (told.proto, told.value) {
        (Some(proto), _) => json!({ "proto": text_of(&proto) }),
        (None, value) => json!(value),
    };
    Ok(Attribute {
        scope: format!("{SCOPE}{}", told.ns),
        key: told.key,
        value: value.to_string(),
    })
}

/// As clients know it; nothing if the attribute is no metadata.
fn key_value(kept: &Attribute) -> Option<Result<KeyValue, Refused>> {
    let ns = kept.scope.strip_prefix(SCOPE)?.to_owned();
    let key = kept.key.clone();
    let (value, proto) = match serde_json::from_str(&kept.value) {
        Ok(Value::String(text)) => (Some(text), None),
        Ok(Value::Null) => (None, None),
        Ok(Value::Object(map)) if map.contains_key("proto") => {
            match bytes_of(map["proto"].as_str().unwrap_or_default()) {
                Ok(bytes) => (None, Some(bytes)),
                Err(error) => return Some(Err(error)),
            }
        }
        // What others than Vizier's clients kept under such a scope is shown as it is.
        _ => (Some(kept.value.clone()), None),
    };
    Some(Ok(KeyValue {
        key,
        value,
        proto,
        ns,
    }))
}

/// The metadata among attributes, by namespace and key.
pub(super) fn all(kept: &[Attribute]) -> Result<Vec<KeyValue>, Refused> {
    kept.iter().filter_map(key_value).collect()
}

/// A spec with what came to its metadata after it was sent; as it was sent if nothing did.
pub(super) fn merged(spec: &[u8], later: Vec<KeyValue>) -> Result<Vec<u8>, Refused> {
    if later.is_empty() {
        return Ok(spec.to_vec());
    }
    let (mut rest, mut merged) = (Vec::with_capacity(spec.len()), BTreeMap::new());
    let mut put = |own: KeyValue| merged.insert((own.ns.clone(), own.key.clone()), own);
    let odd = unreadable("the stored spec");
    let mut unread = spec;
    while !unread.is_empty() {
        let field = unread;
        let (tag, kind) = decode_key(&mut unread).map_err(&odd)?;
        let content = unread;
        skip_field(kind, tag, &mut unread, DecodeContext::default()).map_err(&odd)?;
        if tag == OF_SPEC {
            let content = &content[..content.len() - unread.len()];
            put(KeyValue::decode_length_delimited(content).map_err(&odd)?);
        } else {
            rest.extend_from_slice(&field[..field.len() - unread.len()]);
        }
    }
    for own in later {
        put(own);
    }
    for own in merged.values() {
        prost::encoding::message::encode(OF_SPEC, own, &mut rest);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studies::vizier::wire::StudySpec;

    fn text(ns: &str, key: &str, value: &str) -> KeyValue {
        KeyValue {
            key: key.into(),
            value: Some(value.into()),
            proto: None,
            ns: ns.into(),
        }
    }

    #[test]
    fn metadata_come_back_as_they_were() {
        let message = KeyValue {
            proto: Some(vec![0, 159, 146, 150]),
            ..text(":a:b", "k", "")
        };
        let message = KeyValue {
            value: None,
            ..message
        };
        let none = KeyValue {
            value: None,
            ..text("", "", "")
        };
        for told in [text("", "k", "\0\"ü"), text("odd", "", ""), message, none] {
            let kept = attribute(told.clone()).unwrap();
            assert_eq!(all(&[kept]).unwrap(), [told]);
        }
    }

    #[test]
    fn a_spec_keeps_what_is_not_understood_of_it() {
        let spec = StudySpec {
            algorithm: "TPE".into(),
            metadata: vec![text("", "a", "1"), text(":n", "a", "2")],
            ..StudySpec::default()
        };
        // Fields 6 and 9 are not read here.
        let bytes = [&[0x30, 2][..], &spec.encode_to_vec(), &[0x4a, 0]].concat();
        assert_eq!(merged(&bytes, Vec::new()).unwrap(), bytes);
        let later = merged(&bytes, vec![text("", "a", "3"), text("", "b", "4")]).unwrap();
        assert_eq!(&later[..2], &bytes[..2]);
        assert!(later.windows(2).any(|pair| pair == [0x4a, 0]));
        let later = StudySpec::decode(&later[..]).unwrap();
        assert_eq!(later.algorithm, "TPE");
        let wanted = [text("", "a", "3"), text("", "b", "4"), text(":n", "a", "2")];
        assert_eq!(later.metadata, wanted);
    }
}
