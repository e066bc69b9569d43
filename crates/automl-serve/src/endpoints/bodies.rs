//! The readers of bodies by themselves, for programs that try them with odd bytes.

use super::capture::read_feedback;
use super::model::LoadedModel;
use super::wanted::Wanted;
use super::{lines, plain, scoring, v2, vertex};
use crate::access::Room;
use automl_core::TableForm;

/// Reads a body as it comes to endpoints: a first line says by which reader, the rest is the body. Tells how many rows it has, or
/// what is wrong with it; nothing if no reader is called so.
///
/// Readers are `rows`, `scoring`, `csv`, `lines`, `arrow`, `vertex`, `tensors`, `binary-tensors` (two bytes with the length of the JSON stand
/// before that), `tensor-message` (of gRPC) and `feedback`.
pub fn read_body(bytes: &[u8], model: &LoadedModel) -> Option<Result<usize, String>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let room = Room::default();
    let (name, body) = (&bytes[..end], &bytes[end + 1..]);
    let read = match name {
        b"rows" => plain::read(body, Wanted::default(), model),
        b"scoring" => scoring::from_json(body, Wanted::default(), model),
        b"csv" => scoring::from_csv(body, &room, model),
        b"lines" => lines::from_json_lines(body, model),
        b"arrow" => scoring::from_table(body, (TableForm::Arrow, &room), model),
        b"vertex" => vertex::read(body, model),
        b"tensors" => v2::read(body, None, model),
        b"binary-tensors" => {
            let (n_json, body) = body.split_first_chunk::<2>()?;
            v2::read(body, Some(u16::from_le_bytes(*n_json).into()), model)
        }
        b"tensor-message" => v2::read_message(body, model),
        b"feedback" => {
            let truths = read_feedback(body, std::slice::from_ref(&model.facts.task));
            return Some(
                truths
                    .map(|truths| truths.len())
                    .map_err(|error| error.to_string()),
            );
        }
        _ => return None,
    };
    let n_rows = read.map(|batch| batch.table.n_rows());
    Some(n_rows.map_err(|error| error.to_string()))
}
