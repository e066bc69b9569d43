//! Arrow streams that strangers send: what would grow far beyond its bytes when it is read is refused before.

use crate::error::DataError;
use arrow::datatypes::DataType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::{RecordBatch, root_as_message};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How the file form begins.
const FILE_MAGIC: &[u8] = b"ARROW1";
/// What stands before the length of a message.
const CONTINUES: [u8; 4] = [0xff; 4];

/// Looks through an Arrow stream: its buffers must not be compressed, lie within its bytes and have each a part of them for
/// itself, and its columns hold each value where its row is, as dictionaries and views do not. So each value has at least a bit
/// of the stream. Tells how many rows it has.
///
/// # Errors
/// If it is no Arrow stream, or one that would grow; `name` is what it is called.
pub(crate) fn check_arrow_stream(bytes: &[u8], name: &str) -> Result<u64, DataError> {
    let broken = |reason: &str| DataError::Format {
        format: "an Arrow stream",
        reason: reason.to_owned(),
        file: name.to_owned(),
    };
    if bytes.starts_with(FILE_MAGIC) {
        return Err(broken("it is the file form; send the stream form"));
    }
    // Before a reader makes room for what the stream says that it has.
    let n_rows = n_rows(bytes).map_err(|odd| broken(&odd.to_string()))?;
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
    Ok(n_rows)
}

/// What is wrong with a message of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Odd {
    #[error("it is damaged")]
    Damaged,
    #[error("its buffers are compressed; send them as they are")]
    Compressed,
    #[error("a buffer lies beyond the bytes of its batch")]
    Beyond,
    #[error("two buffers of a batch share bytes")]
    Shared,
    #[error("a batch has more rows than bits")]
    Rows,
}

/// Whether many rows may share bytes, or have none.
fn grows(data_type: &DataType) -> bool {
    use DataType as T;
    matches!(
        data_type,
        T::Null | T::Dictionary(..) | T::Utf8View | T::BinaryView | T::RunEndEncoded(..)
    )
}

/// The rows that the messages of a stream say they have, once each was looked at.
fn n_rows(bytes: &[u8]) -> Result<u64, Odd> {
    let mut rest = bytes;
    let mut n_rows = 0_u64;
    while !rest.is_empty() {
        rest = rest.strip_prefix(&CONTINUES).unwrap_or(rest);
        let (length, after) = rest.split_first_chunk::<4>().ok_or(Odd::Damaged)?;
        let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_below| Odd::Damaged)?;
        if length == 0 {
            // The end of the stream.
            break;
        }
        let (head, after) = after.split_at_checked(length).ok_or(Odd::Damaged)?;
        let message = root_as_message(head).map_err(|_odd| Odd::Damaged)?;
        let n_body = u64::try_from(message.bodyLength()).map_err(|_below| Odd::Damaged)?;
        if let Some(batch) = message.header_as_record_batch() {
            n_rows = n_rows.saturating_add(n_rows_of(&batch, n_body)?);
        }
        // Columns that are codes of a dictionary are refused by their names.
        let dictionary = message.header_as_dictionary_batch();
        if let Some(batch) = dictionary.and_then(|dictionary| dictionary.data()) {
            n_rows_of(&batch, n_body)?;
        }
        let n_body = usize::try_from(n_body).map_err(|_beyond| Odd::Damaged)?;
        rest = after.split_at_checked(n_body).ok_or(Odd::Damaged)?.1;
    }
    Ok(n_rows)
}

/// The rows of a batch whose buffers are within the bytes of its body, each in a part for itself.
fn n_rows_of(batch: &RecordBatch<'_>, n_body: u64) -> Result<u64, Odd> {
    if batch.compression().is_some() {
        return Err(Odd::Compressed);
    }
    let n_rows = u64::try_from(batch.length()).map_err(|_below| Odd::Damaged)?;
    if n_rows > n_body.saturating_mul(8) {
        return Err(Odd::Rows);
    }
    let mut ranges = Vec::new();
    for buffer in batch.buffers().into_iter().flatten() {
        let start = u64::try_from(buffer.offset()).map_err(|_below| Odd::Beyond)?;
        let length = u64::try_from(buffer.length()).map_err(|_below| Odd::Beyond)?;
        let end = start.checked_add(length).filter(|end| *end <= n_body);
        let end = end.ok_or(Odd::Beyond)?;
        if length > 0 {
            ranges.push((start, end));
        }
    }
    ranges.sort_unstable();
    let are_apart = ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0);
    if are_apart {
        Ok(n_rows)
    } else {
        Err(Odd::Shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Array as _, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch as Rows,
        StringArray,
    };
    use arrow::datatypes::{Field, Int32Type, Schema};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use std::sync::Arc;

    fn batch() -> Rows {
        let schema = Schema::new(vec![
            Field::new("x", DataType::Float64, true),
            Field::new("word", DataType::Utf8, true),
        ]);
        let x = Float64Array::from(vec![Some(0.5), None]);
        let word = StringArray::from(vec![Some("a"), Some("b")]);
        Rows::try_new(Arc::new(schema), vec![Arc::new(x), Arc::new(word)]).unwrap()
    }

    fn stream(batch: &Rows, options: IpcWriteOptions) -> Vec<u8> {
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
        assert_eq!(check_arrow_stream(&bytes, "the body").unwrap(), 2);
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
        let coded = Rows::try_new(schema, vec![Arc::new(coded)]).unwrap();
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

    /// A stream of 1000 numbers beside as many bits, with the offset, length and rows of the bits as they are said to be.
    fn of_bits(offset: i64, length: i64, n_rows: i64) -> Vec<u8> {
        let schema = Schema::new(vec![
            Field::new("x", DataType::Float64, false),
            Field::new("b", DataType::Boolean, false),
        ]);
        let x = Float64Array::from(vec![0.5; 1000]);
        let b = BooleanArray::from(vec![true; 1000]);
        let batch = Rows::try_new(Arc::new(schema), vec![Arc::new(x), Arc::new(b)]).unwrap();
        let mut bytes = stream(&batch, IpcWriteOptions::default());
        // A buffer is an offset and a length; 125 bytes have the bits.
        let wanted = 125_i64.to_le_bytes();
        let at = (0..bytes.len() - 8).find(|at| bytes[*at..at + 8] == wanted);
        let at = at.unwrap();
        assert_eq!(bytes[at - 8..at], 8000_i64.to_le_bytes());
        bytes[at - 8..at].copy_from_slice(&offset.to_le_bytes());
        bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
        let rows = 1000_i64.to_le_bytes();
        while let Some(at) = (0..bytes.len() - 8).find(|at| bytes[*at..at + 8] == rows) {
            bytes[at..at + 8].copy_from_slice(&n_rows.to_le_bytes());
            if n_rows == 1000 {
                break;
            }
        }
        bytes
    }

    #[test]
    fn each_buffer_has_bytes_of_the_stream_for_itself() {
        let plain = of_bits(8000, 125, 1000);
        assert_eq!(check_arrow_stream(&plain, "the body").unwrap(), 1000);
        for (offset, length) in [(0, 125), (7999, 125), (4000, 4000)] {
            let found = told(&of_bits(offset, length, 1000));
            assert!(found.contains("two buffers of a batch share"), "{found}");
        }
        for (offset, length) in [(1 << 40, 125), (8000, 1 << 40), (-8, 125), (i64::MAX, 125)] {
            let found = told(&of_bits(offset, length, 1000));
            assert!(found.contains("beyond the bytes"), "{found}");
        }
    }

    #[test]
    fn a_batch_has_no_more_rows_than_bits() {
        for n_rows in [1 << 17, 1 << 40, i64::MAX] {
            let found = told(&of_bits(8000, 125, n_rows));
            assert!(found.contains("more rows than bits"), "{found}");
        }
        let found = told(&of_bits(8000, 125, -1));
        assert!(found.contains("damaged"), "{found}");
    }

    #[test]
    fn a_message_says_no_more_bytes_than_there_are() {
        let mut bytes = vec![0xff; 4];
        bytes.extend(i32::MAX.to_le_bytes());
        bytes.extend([0; 64]);
        let found = told(&bytes);
        assert!(found.contains("damaged"), "{found}");
    }
}
