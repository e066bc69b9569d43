"""Reads event files of automl-tensorboard with TensorBoard itself (tensorboard==2.21.0) and checks every value.

    cargo run --release -p automl-tensorboard --example write_events -- /tmp/runs
    python scripts/check_tensorboard.py /tmp/runs
"""

import os
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto import graph_pb2
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.plugins.pr_curve import metadata as pr_curves
from tensorboard.util import tensor_util

directory = sys.argv[1]
names = sorted(os.listdir(directory))
assert names and all(name.startswith("events.out.tfevents.") for name in names), names

# What TensorBoard's web server sees: every value as a tensor with the plugin that draws it.
events = list(EventFileLoader(os.path.join(directory, names[0])).Load())
assert events[0].file_version == "brain.Event:2", events[0]
assert len(events) == 114, len(events)
values = [(event, value) for event in events[1:] for value in event.summary.value]
plugins = {value.tag: value.metadata.plugin_data.plugin_name for _, value in values if value.metadata.plugin_data.plugin_name}
assert plugins == {
    "_hparams_/session_start_info": "hparams",
    "_hparams_/session_end_info": "hparams",
    "train/loss": "scalars",
    "errors": "histograms",
    "summary": "text",
    "held_out": "pr_curves",
    "samples/0": "images",
}, plugins

losses = [(event, value) for event, value in values if value.tag == "train/loss"]
assert [event.step for event, _ in losses] == list(range(105))
for event, value in losses[:100]:
    assert abs(tensor_util.make_ndarray(value.tensor).item() - 1 / (1 + event.step)) < 1e-6, value
    assert event.wall_time == 1_700_000_000 + event.step

((event, value),) = [(event, value) for event, value in values if value.tag == "errors"]
buckets = tensor_util.make_ndarray(value.tensor)
assert event.step == 3 and buckets.shape == (30, 3), buckets.shape
assert buckets[0, 0] == 0 and buckets[-1, 1] == 99 and buckets[:, 2].sum() == 1000
assert (buckets[1:, 0] == buckets[:-1, 1]).all()

# Counts, precision and recall at 127 thresholds.
((event, value),) = [(event, value) for event, value in values if value.tag == "held_out"]
curve = tensor_util.make_ndarray(value.tensor)
assert event.step == 5 and curve.shape == (6, 127), curve.shape
assert pr_curves.parse_plugin_metadata(value.metadata.plugin_data.content).num_thresholds == 127
probabilities = [i / 99 for i in range(100)]
for place in range(127):
    above = [i % 3 == 0 for i, p in enumerate(probabilities) if int(p * 126) >= place]
    positives = sum(above)
    wanted = [positives, len(above) - positives, 66 - (len(above) - positives), 34 - positives]
    assert list(curve[:4, place]) == wanted, (place, curve[:4, place], wanted)
    assert abs(curve[4, place] - positives / max(len(above), 1e-7)) < 1e-6
    assert abs(curve[5, place] - positives / 34) < 1e-6

# Width, height, then files.
((_, value),) = [(event, value) for event, value in values if value.tag == "samples/0"]
width, height, file = tensor_util.make_ndarray(value.tensor)
assert (width, height) == (b"1", b"1") and file.startswith(b"\x89PNG"), (width, height)

# The graph as the graph page reads it.
(graph,) = [event.graph_def for event in events if event.WhichOneof("what") == "graph_def"]
graph = graph_pb2.GraphDef.FromString(graph)
assert [node.name for node in graph.node] == ["input/numbers", "head/weight", "head/product"], graph
assert list(graph.node[2].input) == ["input/numbers", "head/weight"] and graph.node[2].op == "MatMul"
assert [dim.size for dim in graph.node[1].attr["_output_shapes"].list.shape[0].dim] == [3, 2], graph

# What notebooks and other tools see through the accumulator.
run = EventAccumulator(directory, size_guidance={"scalars": 0})
run.Reload()
tags = run.Tags()
assert tags["graph"] and len(run.Graph().node) == 3
assert tags["scalars"] == ["train/loss"] and tags["histograms"] == ["errors"], tags
# What the restart undoes is gone.
assert [point.step for point in run.Scalars("train/loss")] == list(range(100))
assert run.Histograms("errors")[0].histogram_value.num == 1000
(text,) = run.Tensors("summary")
assert tensor_util.make_ndarray(text.tensor_proto).item().decode() == "**bold** and ünïcode"

content = run.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
start = hparams.parse_session_start_info_plugin_data(content)
assert start.hparams["depth"].number_value == 6
assert start.hparams["learner"].string_value == "forest"
assert start.hparams["bootstrap"].bool_value is True
assert start.group_name == "group" and start.start_time_secs == 1_700_000_000
content = run.SummaryMetadata(hparams.SESSION_END_INFO_TAG).plugin_data.content
end = hparams.parse_session_end_info_plugin_data(content)
assert end.status == 1 and end.end_time_secs == 1_700_000_102
print(f"TensorBoard reads {len(events)} events with tags {', '.join(sorted(plugins))}")
