#!/usr/bin/env python3
"""Write the graphs and predictions that the import of ONNX files is tested with.

    python scripts/onnx_import_reference.py

Needs onnx 1.23.2, onnxruntime 1.32.0, skl2onnx 1.20.0, scikit-learn 1.9.1, numpy 2.4.6. Writes small graphs to
crates/automl-onnx/src/import/reference/, and cases.json with rows and what onnxruntime says of them.
"""
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skl2onnx import to_onnx

OUT = Path(__file__).resolve().parents[1] / "crates/automl-onnx/src/import/reference"
OPSET = {"": 17, "ai.onnx.ml": 3}


def graph(name, nodes, inputs, outputs, constants=(), domains=()):
    infos = lambda values: [helper.make_tensor_value_info(n, kind, shape) for n, kind, shape in values]
    initializers = [numpy_helper.from_array(array, n) for n, array in constants]
    made = helper.make_graph(nodes, name, infos(inputs), infos(outputs), initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in {**OPSET, **dict(domains)}.items()]
    return helper.make_model(made, opset_imports=opsets, producer_name="by hand", ir_version=9)


def network(rng):
    """Several inputs of rows by one, of several types, through two layers to probabilities."""
    node = helper.make_node
    nodes = [
        node("Cast", ["visits"], ["visits_f"], to=TensorProto.FLOAT),
        node("Cast", ["age"], ["age_f"], to=TensorProto.FLOAT),
        node("Concat", ["age_f", "visits_f", "pair"], ["x"], axis=1),
        node("Gemm", ["x", "w1", "b1"], ["h"], transB=1),
        node("Relu", ["h"], ["r"]),
        node("Gemm", ["r", "w2", "b2"], ["s"], transB=1),
        node("Softmax", ["s"], ["probabilities"], axis=1),
    ]
    f = lambda *shape: rng.normal(scale=0.4, size=shape).astype(np.float32)
    constants = [("w1", f(5, 4)), ("b1", f(5)), ("w2", f(3, 5)), ("b2", f(3))]
    inputs = [("age", TensorProto.DOUBLE, ["n", 1]), ("visits", TensorProto.INT64, ["n", 1]), ("pair", TensorProto.FLOAT, ["n", 2])]
    return graph("network", nodes, inputs, [("probabilities", TensorProto.FLOAT, ["n", 3])], constants)


def one_probability(rng):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["s"]), helper.make_node("Sigmoid", ["s"], ["p"])]
    constants = [("w", rng.normal(size=(3, 1)).astype(np.float32))]
    return graph("one", nodes, [("x", TensorProto.FLOAT, ["n", 3])], [("p", TensorProto.FLOAT, ["n", 1])], constants)


def refused():
    """Graphs that are not run here, each for one reason."""
    x, y = [("x", TensorProto.FLOAT, ["n", 2])], [("y", TensorProto.FLOAT, ["n", 2])]
    node = helper.make_node
    text = [("x", TensorProto.STRING, ["n", 1])]
    yield "own_operator", graph("g", [node("Mine", ["x"], ["y"], domain="my.own")], x, y, domains=[("my.own", 1)])
    yield "random", graph("g", [node("RandomNormalLike", ["x"], ["y"])], x, y)
    yield "text_input", graph("g", [node("LabelEncoder", ["x"], ["y"], domain="ai.onnx.ml", keys_strings=["a"], values_floats=[1.0])],
                              text, [("y", TensorProto.FLOAT, ["n", 1])])
    yield "rows_mixed", graph("g", [node("ReduceSum", ["x", "axis"], ["s"], keepdims=1), node("Sub", ["x", "s"], ["y"])], x, y,
                              [("axis", np.array([0], np.int64))])
    yield "grows", graph("g", [node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(40)] + [
        node("ReduceSum", ["c40"], ["t"], keepdims=0), node("Add", ["x", "t"], ["y"])], x, y, [("c0", np.ones(1 << 10, np.float32))])
    yield "outer", graph("g", [node("MatMul", ["a", "b"], ["m"]), node("ReduceSum", ["m"], ["t"], keepdims=0), node("Add", ["x", "t"], ["y"])],
                         x, y, [("a", np.ones((4096, 1), np.float32)), ("b", np.ones((1, 4096), np.float32))])
    yield "no_width", graph("g", [node("Identity", ["x"], ["y"])], [("x", TensorProto.FLOAT, ["n", "k"])], y)
    yield "labels_alone", graph("g", [node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)], x, [("y", TensorProto.INT64, ["n"])])
    yield "two_outputs", graph("g", [node("Identity", ["x"], ["y"]), node("Neg", ["x"], ["z"])], x, y + [("z", TensorProto.FLOAT, ["n", 2])])
    outside = graph("g", [node("Add", ["x", "c"], ["y"])], x, y, [("c", np.ones((1, 2), np.float32))])
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    yield "outside", outside


def main():
    rng = np.random.default_rng(5)
    OUT.mkdir(parents=True, exist_ok=True)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    score = x[:, 0] - 2 * x[:, 1] * x[:, 2]
    number = score + 0.1 * rng.normal(size=200)
    two = np.where(score > 0, "yes", "no")
    three = np.digitize(score, [-1, 1]).astype(np.int64)
    holes = x.copy()
    holes[rng.random(x.shape) < 0.2] = np.nan
    sample = x[:1]
    cases = []

    def sklearn(name, model, data, target, **options):
        model.fit(data, target)
        options = {"options": {id(model): options}} if options else {}
        case(name, to_onnx(model, sample, target_opset=OPSET, **options), {"X": data[:12]})

    def case(name, proto, feeds):
        onnx.checker.check_model(proto)
        path = OUT / f"{name}.onnx"
        path.write_bytes(proto.SerializeToString())
        said = onnxruntime.InferenceSession(str(path)).run(None, feeds)
        value = said[-1]
        if isinstance(value, list):  # a ZipMap
            value = np.array([list(row.values()) for row in value])
        rows = np.concatenate([np.asarray(part, float).reshape(len(part), -1) for part in feeds.values()], axis=1)
        cells = [[None if np.isnan(cell) else cell for cell in row] for row in rows.tolist()]
        cases.append({
            "file": path.name,
            "rows": cells,
            "predictions": np.asarray(value, float).reshape(len(rows), -1).tolist(),
            "labels": [str(label) for label in said[0]] if len(said) > 1 else None,
        })

    sklearn("linear", LinearRegression(), x, number)
    sklearn("logistic_words", LogisticRegression(), x, two)
    sklearn("logistic_numbers", LogisticRegression(), x, three, zipmap=False)
    sklearn("forest", RandomForestClassifier(n_estimators=4, max_depth=4, random_state=0), x, two)
    sklearn("forest_three", RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0), x, three)
    sklearn("boosted", GradientBoostingRegressor(n_estimators=8, max_depth=3, random_state=0), x, number)
    sklearn("scaled", make_pipeline(StandardScaler(), LogisticRegression()), x, two)
    sklearn("imputed", make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression()), holes, number)
    sklearn("perceptron", MLPClassifier((6,), max_iter=300, random_state=0), x, two)
    pair = rng.normal(size=(12, 2)).astype(np.float32)
    feeds = {"age": rng.normal(size=(12, 1)), "visits": rng.integers(0, 9, (12, 1)), "pair": pair}
    case("network", network(rng), feeds)
    case("one_probability", one_probability(rng), {"x": x[:12]})
    for name, proto in refused():
        (OUT / f"refused_{name}.onnx").write_bytes(proto.SerializeToString())
    versions = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    (OUT / "cases.json").write_text(json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
