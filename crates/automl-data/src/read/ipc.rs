//! Arrow streams that strangers send: what would grow far beyond its bytes when it is read is refused before.

use crate::error::DataError;
use arrow::datatypes::DataType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::root_as_message;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How the file form begins.
const FILE_MAGIC: &[u8] = b"ARROW1";
/// What stands before the length of a message.
const CONTINUES: [u8; 4] = [0xff; 4];

/// Looks through an Arrow stream: its buffers must not be compressed, and its columns hold each value where its row is, as
/// dictionaries and views do not. So its table is about as large as its bytes.
///
/// # Errors
/// If it is no Arrow stream, or one that would grow; `name` is what it is called.
pub fn check_arrow_stream(bytes: &[u8], name: &str) -> Result<(), DataError> {
    let broken = |reason: &str| DataError::Format {
        format: "an Arrow stream",
        reason: reason.to_owned(),
        file: name.to_owned(),
    };
    if bytes.starts_with(FILE_MAGIC) {
        return Err(broken("it is the file form; send the stream form"));
    }
    // Asserts of the decoder stand where it should return errors.
    let opened = catch_unwind(AssertUnwindSafe(|| StreamReader::try_new(bytes, None)));
    let opened = opened.map_err(|_panic| broken("it is damaged"))?;
    let reader = opened.map_err(|error| broken(&error.to_string()))?;
    for field in reader.schema().fields() {
        if grows(field.data_type()) {
            let (column, kind) = (field.name(), field.data_type());
            return Err(broken(&format!(
                "column '{column}' is a {kind}; send its values as they are"
            )));
        }
    }
    drop(reader);
    match is_compressed(bytes) {
        Some(false) => Ok(()),
        Some(true) => Err(broken("its buffers are compressed; send them as they are")),
        None => Err(broken("it is damaged")),
    }
}

/// Whether many rows may share bytes, or have none.
fn grows(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Null | T::Dictionary(..) | T::Utf8View | T::BinaryView | T::RunEndEncoded(..)
    )
}

/// Whether a message of the stream says that its buffers are compressed; none if one cannot be read.
fn is_compressed(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = rest.strip_prefix(&CONTINUES).unwrap_or(rest);
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_le_bytes(*length)).ok()?;
        if length == 0 {
            // The end of the stream.
            return Some(false);
        }
        let (head, after) = after.split_at_checked(length)?;
        let message = root_as_message(head).ok()?;
        let batch = message.header_as_record_batch();
        let dictionary = message.header_as_dictionary_batch();
        let batch = batch.or_else(|| dictionary.and_then(|dictionary| dictionary.data()));
        if batch.is_some_and(|batch| batch.compression().is_some()) {
            return Some(true);
        }
        let n_body = usize::try_from(message.bodyLength()).ok()?;
        rest = after.split_at_checked(n_body)?.1;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Array as _, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
    };
    use arrow::datatypes::{Field, Int32Type, Schema};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use std::sync::Arc;

    fn batch() -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("x", DataType::Float64, true),
            Field::new("word", DataType::Utf8, true),
        ]);
        let x = Float64Array::from(vec![Some(0.5), None]);
        let word = StringArray::from(vec![Some("a"), Some("b")]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(x), Arc::new(word)]).unwrap()
    }

    fn stream(batch: &RecordBatch, options: IpcWriteOptions) -> Vec<u8> {
        let mut bytes = Vec::new();
        let schema = batch.schema();
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &schema, options).unwrap();
        writer.write(batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    fn told(bytes: &[u8]) -> String {
        check_arrow_stream(bytes, "the body")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_plain_stream_passes_and_no_part_of_it_panics() {
        let bytes = stream(&batch(), IpcWriteOptions::default());
        check_arrow_stream(&bytes, "the body").unwrap();
        for end in 0..bytes.len() {
            // A stream may end without its mark.
            drop(check_arrow_stream(&bytes[..end], "the body"));
            let mut altered = bytes.clone();
            altered[end] ^= 0x55;
            drop(check_arrow_stream(&altered, "the body"));
        }
    }

    #[test]
    fn what_would_grow_is_refused() {
        let zipped = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))
            .unwrap();
        let mut many = batch();
        for _ in 0..10 {
            let doubled = [many.clone(), many.clone()];
            many = arrow::compute::concat_batches(&many.schema(), &doubled).unwrap();
        }
        let found = told(&stream(&many, zipped));
        assert!(found.contains("compressed"), "{found}");
        let codes = Int32Array::from(vec![0, 0]);
        let values = Arc::new(StringArray::from(vec!["long"]));
        let coded = DictionaryArray::<Int32Type>::new(codes, values);
        let field = Field::new("word", coded.data_type().clone(), true);
        let schema = Arc::new(Schema::new(vec![field]));
        let coded = RecordBatch::try_new(schema, vec![Arc::new(coded)]).unwrap();
        let found = told(&stream(&coded, IpcWriteOptions::default()));
        assert!(found.contains("'word'"), "{found}");
    }

    #[test]
    fn the_file_form_and_other_bytes_are_told_apart() {
        let batch = batch();
        let mut bytes = Vec::new();
        let mut writer = FileWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let found = told(&bytes);
        assert!(found.contains("send the stream form"), "{found}");
        for bytes in [&b""[..], b"{\"rows\": []}", &[0xff; 64]] {
            assert!(told(bytes).contains("an Arrow stream"));
        }
    }
}
