#!/usr/bin/env python3
"""Event files as other programs write them, with the scalars that they hold: `crates/automl-tensorboard/src/reference`.

Needs tensorboard and tensorboardX (`pip install tensorboard tensorboardX`). The file pytorch.tfevents holds the messages that
torch.utils.tensorboard makes, written by the writer that it uses, which is TensorBoard's own; keras.tfevents those of
tf.summary; tensors.tfevents a number in each type and layout.
"""
import json, shutil, sys, tempfile
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboardX import SummaryWriter

TARGET = Path(__file__).resolve().parents[1] / "crates/automl-tensorboard/src/reference"
TIME = 1_700_000_000.25


def metadata(plugin, data_class=0):
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin), data_class=data_class)


def pytorch():
    """`add_scalar`, `add_scalar(new_style=True)`, `add_histogram`, `add_image`, `add_text`."""
    for step in range(3):
        yield step, Summary.Value(tag="loss/train", simple_value=1 / (1 + step))
        yield step, Summary.Value(tag="lr", metadata=metadata("scalars", DATA_CLASS_SCALAR),
                                  tensor=TensorProto(dtype="DT_FLOAT", float_val=[0.1 / (1 + step)]))
    yield 3, Summary.Value(tag="loss/train", simple_value=float("nan"))
    yield 4, Summary.Value(tag="loss/train", simple_value=float("inf"))
    histogram = Summary.Value(tag="weights")
    histogram.histo.min, histogram.histo.max = -1, 1
    yield 4, histogram
    image = Summary.Value(tag="image")
    image.image.height, image.image.width, image.image.encoded_image_string = 1, 1, b"png"
    yield 4, image
    yield 4, Summary.Value(tag="note/text_summary", metadata=metadata("text"),
                           tensor=TensorProto(dtype="DT_STRING", string_val=[b"**hello**"],
                                              tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])))


def keras():
    """`tf.summary.scalar`: bytes of a tensor; what a tag is for is said once."""
    for step in range(3):
        for tag in ("epoch_loss", "epoch_accuracy"):
            value = np.float32((1 + step) / (3 if tag == "epoch_loss" else 7))
            said = {"metadata": metadata("scalars", DATA_CLASS_SCALAR)} if step == 0 else {}
            yield step, Summary.Value(tag=tag, tensor=TensorProto(dtype="DT_FLOAT", tensor_content=value.tobytes(), tensor_shape={}), **said)
    spread = np.zeros((3, 3), np.float64)
    for step in range(2):
        said = {"metadata": metadata("histograms")} if step == 0 else {}
        yield step, Summary.Value(tag="weights", tensor=TensorProto(dtype="DT_DOUBLE", tensor_content=spread.tobytes(),
                                                                    tensor_shape={"dim": [{"size": 3}, {"size": 3}]}), **said)


TYPES = [
    ("DT_FLOAT", np.float32, "float_val", 0.1), ("DT_DOUBLE", np.float64, "double_val", 0.1), ("DT_INT32", np.int32, "int_val", -7),
    ("DT_UINT8", np.uint8, "int_val", 200), ("DT_INT16", np.int16, "int_val", -300), ("DT_INT8", np.int8, "int_val", -3),
    ("DT_INT64", np.int64, "int64_val", 2**40), ("DT_BOOL", np.bool_, "bool_val", True), ("DT_UINT16", np.uint16, "int_val", 60000),
    ("DT_HALF", np.float16, None, 0.1), ("DT_UINT32", np.uint32, "uint32_val", 2**31), ("DT_UINT64", np.uint64, "uint64_val", 2**50),
]


def tensors():
    for name, kind, field, value in TYPES:
        number = kind(value)
        yield 0, Summary.Value(tag=name, metadata=metadata("scalars"), tensor=TensorProto(dtype=name, tensor_content=number.tobytes()))
        if field:
            yield 1, Summary.Value(tag=name, metadata=metadata("scalars"), tensor=TensorProto(dtype=name, **{field: [number.item()]}))
        else:
            yield 1, Summary.Value(tag=name, metadata=metadata("scalars"),
                                   tensor=TensorProto(dtype=name, half_val=[int(np.frombuffer(number.tobytes(), np.uint16)[0])]))
    yield 2, Summary.Value(tag="vector", metadata=metadata("scalars"), tensor=TensorProto(dtype="DT_FLOAT", float_val=[1, 2]))


def number_of(value):
    """The scalar of a value, by the fields that were set above."""
    if value.WhichOneof("value") == "simple_value":
        return value.simple_value
    if value.WhichOneof("value") != "tensor":
        return None
    kind = next((kind for name, kind, _, _ in TYPES if TensorProto(dtype=name).dtype == value.tensor.dtype), None)
    if kind is None:
        return None
    tensor = value.tensor
    if tensor.tensor_content:
        numbers = np.frombuffer(tensor.tensor_content, kind)
    elif tensor.half_val:
        numbers = np.array(tensor.half_val, np.uint16).view(np.float16)
    else:
        lists = (tensor.float_val, tensor.double_val, tensor.int_val, tensor.int64_val, tensor.bool_val, tensor.uint32_val, tensor.uint64_val)
        numbers = np.array(next(list(one) for one in lists if len(one)))
    return float(numbers[0]) if len(numbers) == 1 else None


def write(name, values):
    with tempfile.TemporaryDirectory() as folder:
        writer, scalars = EventFileWriter(folder), []
        for place, (step, value) in enumerate(values):
            event = Event(step=step, wall_time=TIME + place, summary=Summary(value=[value]))
            writer.add_event(event)
            number = number_of(value)
            if number is not None:
                scalars.append([value.tag, step, event.wall_time, number])
        writer.close()
        keep(name, folder, scalars)


def tensorboardx(name):
    with tempfile.TemporaryDirectory() as folder:
        writer, scalars = SummaryWriter(folder), []
        for step in range(4):
            value = float(np.float32(step / 3))
            writer.add_scalar("loss", value, step, walltime=TIME + step)
            scalars.append(["loss", step, TIME + step, value])
        writer.add_text("note", "hello", 0, walltime=TIME)
        writer.add_histogram("weights", np.arange(10), 0, walltime=TIME)
        writer.close()
        keep(name, folder, scalars)


def keep(name, folder, scalars):
    shutil.copy(next(Path(folder).glob("*tfevents*")), TARGET / f"{name}.tfevents")
    text = [[tag, step, time, number if np.isfinite(number) else str(number)] for tag, step, time, number in scalars]
    (TARGET / f"{name}.json").write_text("[\n" + ",\n".join(map(json.dumps, text)) + "\n]\n")


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    write("pytorch", pytorch())
    write("keras", keras())
    write("tensors", tensors())
    tensorboardx("tensorboardx")
    sys.exit()
