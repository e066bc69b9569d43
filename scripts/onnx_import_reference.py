#!/usr/bin/env python3
"""Write the graphs and predictions that the import of ONNX files is tested with.

    python scripts/onnx_import_reference.py

Needs onnx 1.23.2, onnxruntime 1.32.0, skl2onnx 1.20.0, scikit-learn 1.9.1, onnxmltools 1.16.0, lightgbm 4.7.0,
xgboost 3.2.0, pandas 3.1.1, numpy 2.4.6. Writes small graphs to crates/automl-onnx/src/import/reference/, and cases.json
with rows and what onnxruntime says of them.

    python scripts/onnx_import_reference.py TABLES BINARY

compares graphs of whole tables instead, as the binary imports them and predicts: iris and breast cancer of scikit-learn, and
car.csv and credit_g.csv in the folder TABLES. Labels are to be the same, probabilities to 1e-5.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools.convert.common.data_types import FloatTensorType as Floats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVR
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType

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


def by_hand():
    """Operators as no converter of those above writes them."""
    node = lambda *args, **rest: helper.make_node(*args, domain="ai.onnx.ml", **rest)
    x, y = [("x", TensorProto.FLOAT, ["n", 2])], [("y", TensorProto.FLOAT, ["n", 1])]
    told = [("label", TensorProto.STRING, ["n"]), ("p", TensorProto.FLOAT, ["n", 2])]
    nodes = dict(nodes_nodeids=[0, 1, 2], nodes_treeids=[0] * 3, nodes_featureids=[1, 0, 0], nodes_modes=["BRANCH_GTE", "LEAF", "LEAF"],
                 nodes_values=[0.25, 0.0, 0.0], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0])
    ends = dict(class_nodeids=[1, 2], class_treeids=[0, 0], class_ids=[0, 0], classlabels_strings=["no", "yes"])
    trees = lambda **rest: node("TreeEnsembleClassifier", ["x"], ["label", "p"], **nodes, **ends, **rest)
    yield "one_score", graph("g", [trees(class_weights=[-0.3, 0.7], post_transform="LOGISTIC", base_values=[0.1])], x, told)
    yield "one_share", graph("g", [trees(class_weights=[0.3, 0.7], post_transform="NONE")], x, told)
    yield "one_line", graph("g", [node("LinearClassifier", ["x"], ["label", "p"], coefficients=[0.4, -0.2], intercepts=[0.1],
                                       post_transform="LOGISTIC", classlabels_strings=["no", "yes"])], x, told)
    yield "greatest", graph("g", [node("Normalizer", ["x"], ["t"], norm="MAX"),
                                  node("Binarizer", ["t"], ["u"], threshold=0.5),
                                  node("LinearRegressor", ["u"], ["y"], coefficients=[0.4, -0.2], intercepts=[0.1])], x, y)
    plain = helper.make_node
    words = ("words", np.array(["no", "yes"], object))
    label = lambda code: plain("Gather", ["words", code], ["label"])
    softmax = plain("Softmax", ["x"], ["p"], axis=1)
    yield "threshold", graph("g", [softmax, plain("Gather", ["p", "second"], ["q"], axis=1), plain("Greater", ["q", "bound"], ["b"]),
        plain("Cast", ["b"], ["c"], to=TensorProto.INT64), plain("Reshape", ["c", "flat"], ["code"]), label("code")], x, told,
        [words, ("second", np.array([1])), ("bound", np.array([0.3], np.float32)), ("flat", np.array([-1]))])
    yield "costs", graph("g", [softmax, plain("MatMul", ["p", "k"], ["e"]), plain("ArgMin", ["e"], ["code"], axis=1, keepdims=0), label("code")],
                         x, told, [words, ("k", np.array([[0.0, 1.0], [4.0, 0.0]], np.float32))])
    double = [("x", TensorProto.DOUBLE, ["n", 2])], [("y", TensorProto.DOUBLE, ["n", 1])]
    tensor = lambda values: numpy_helper.from_array(np.array(values))
    yield "fifth", graph("g", [node("TreeEnsemble", ["x"], ["y"], n_targets=1, aggregate_function=0, post_transform=0, tree_roots=[0, 2],
        nodes_featureids=[0, 1, 1], nodes_splits=tensor([0.1, -0.2, 1 / 3]), nodes_modes=tensor(np.array([0, 3, 1], np.uint8)),
        nodes_missing_value_tracks_true=[1, 0, 0], nodes_truenodeids=[1, 0, 2], nodes_trueleafs=[0, 1, 1],
        nodes_falsenodeids=[1, 2, 3], nodes_falseleafs=[1, 1, 1], leaf_targetids=[0] * 4,
        leaf_weights=tensor([0.1, 1 / 7, -2.5, 3.0]))], *double, domains=[("ai.onnx.ml", 5)])


def refused():
    """Graphs that are not run here, each for one reason."""
    x, y = [("x", TensorProto.FLOAT, ["n", 2])], [("y", TensorProto.FLOAT, ["n", 2])]
    node = helper.make_node
    text = [("x", TensorProto.STRING, ["n", 1])]
    words = ("words", np.array(["no", "yes"], object))
    three = [("p", TensorProto.FLOAT, ["n", 2]), ("label", TensorProto.STRING, ["n"])]
    yield "own_operator", graph("g", [node("Mine", ["x"], ["y"], domain="my.own")], x, y, domains=[("my.own", 1)])
    yield "random", graph("g", [node("RandomNormalLike", ["x"], ["y"])], x, y)
    yield "text_read", graph("g", [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)], text, [("y", TensorProto.FLOAT, ["n", 1])])
    yield "text_cut", graph("g", [node("StringNormalizer", ["x"], ["t"], case_change_action="LOWER"),
                                  node("LabelEncoder", ["t"], ["y"], domain="ai.onnx.ml", keys_strings=["a"], values_floats=[1.0])],
                            text, [("y", TensorProto.FLOAT, ["n", 1])])
    yield "labels_odd", graph("g", [node("Softmax", ["x"], ["p"], axis=1), node("ArgMin", ["p"], ["code"], axis=1, keepdims=0),
                                    node("Gather", ["words", "code"], ["label"])], x, three, [words])
    yield "circle", graph("g", [node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, nodes_nodeids=[0, 1, 2],
        nodes_treeids=[0] * 3, nodes_featureids=[0] * 3, nodes_values=[0.0] * 3, nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"],
        nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 2, 0], target_nodeids=[2], target_treeids=[0], target_ids=[0],
        target_weights=[1.0])], x, [("y", TensorProto.FLOAT, ["n", 1])])
    yield "constant_grows", graph("g", [node("Shape", ["x"], ["s"]), node("Mul", ["s", "k"], ["t"]), node("ConstantOfShape", ["t"], ["c"]),
        node("ReduceSum", ["c"], ["u"], keepdims=0), node("Add", ["x", "u"], ["y"])], x, y, [("k", np.array([1 << 20, 1 << 20], np.int64))])
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
    # Values that are used before they are made, or made twice, get past whoever counts elements from the first to the last.
    outer = node("Mul", ["a", "b"], ["m"])
    rest = [node("ReduceSum", ["m"], ["t"], keepdims=0), node("Add", ["x", "t"], ["y"])]
    long = lambda n: [("c", np.ones((n, 1), np.float32)), ("b", np.ones((1, n), np.float32))]
    yield "order", graph("g", [outer, node("Identity", ["c"], ["a"]), *rest], x, y, long(64))
    yield "twice", graph("g", [node("Identity", ["c"], ["a"]), node("Identity", ["b"], ["a"]), outer, *rest], x, y, long(64))
    yield "large", graph("g", [node("Identity", ["c"], ["a"]), outer, *rest], x, y, long(8192))
    # Lengths are constants, also of what depends on cells.
    sums = [node("ReduceSum", ["x", "axis"], ["s"], keepdims=1)]
    first = [("axis", np.array([0], np.int64))]
    yield "lengths_grow", graph("g", sums + [node("Shape", ["s"], ["c0"])] + [node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(40)] + [
        node("ReduceSum", ["c40"], ["u"], keepdims=0), node("Cast", ["u"], ["t"], to=TensorProto.FLOAT), node("Add", ["x", "t"], ["y"])], x, y, first)
    flat = [("x", TensorProto.FLOAT, ["n"])], [("y", TensorProto.FLOAT, ["n"])]
    yield "lengths_multiplied", graph("g", [node("Shape", ["x"], ["c0"])] + [node("Mul", [f"c{i}"] * 2, [f"c{i + 1}"]) for i in range(26)] + [
        node("Cast", ["c26"], ["t"], to=TensorProto.FLOAT), node("Add", ["x", "t"], ["y"])], *flat)
    yield "lengths_filled", graph("g", sums + [node("Transpose", ["s"], ["r"]), node("MatMul", ["r", "s"], ["w"]), node("Shape", ["w"], ["l"]),
        node("ConstantOfShape", ["l"], ["k"]), node("ReduceSum", ["k"], ["t"], keepdims=0), node("Add", ["x", "t"], ["y"])], x, y, first)
    # Four such widths come to none where sums wrap.
    yield "wide", graph("g", [node("Identity", ["x0"], ["y"])], [(f"x{i}", TensorProto.FLOAT, ["n", 1 << 62]) for i in range(4)], y)
    tensor = lambda values: numpy_helper.from_array(np.array(values))
    shared = lambda roots, ends: node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, aggregate_function=1, post_transform=0,
        tree_roots=roots, nodes_featureids=[0, 1], nodes_splits=tensor([0.1, 0.2]), nodes_modes=tensor(np.array([0, 0], np.uint8)),
        nodes_truenodeids=[1, 0], nodes_trueleafs=[0, 1], nodes_falsenodeids=[ends, 1], nodes_falseleafs=[0, 1],
        leaf_targetids=[0, 0], leaf_weights=tensor([1.0, 2.0]))
    doubles = [("x", TensorProto.DOUBLE, ["n", 2])], [("y", TensorProto.DOUBLE, ["n", 1])]
    yield "node_shared", graph("g", [shared([0], 1)], *doubles, domains=[("ai.onnx.ml", 5)])
    yield "root_shared", graph("g", [shared([0, 1], 1)], *doubles, domains=[("ai.onnx.ml", 5)])
    # Labels that are told of other values than those that are predicted.
    other = [node("Neg", ["x"], ["o"]), node("Softmax", ["x"], ["p"], axis=1)]
    label = lambda code: node("Gather", ["words", code], ["label"])
    most = lambda of: node("ArgMax", [of], ["code"], axis=1, keepdims=0)
    costs = [node("MatMul", ["o", "k"], ["e"]), node("ArgMin", ["e"], ["code"], axis=1, keepdims=0), label("code")]
    second = [node("Gather", ["o", "second"], ["q"], axis=1), node("Greater", ["q", "bound"], ["b"]),
              node("Cast", ["b"], ["c"], to=TensorProto.INT64), node("Reshape", ["c", "flat"], ["code"]), label("code")]
    constants = [words, ("second", np.array([1])), ("bound", np.array([0.3], np.float32)), ("flat", np.array([-1]))]
    yield "labels_most", graph("g", [*other, most("o"), label("code")], x, three, [words])
    yield "labels_costs", graph("g", other + costs, x, three, [words, ("k", np.array([[0.0, 1.0], [4.0, 0.0]], np.float32))])
    yield "labels_second", graph("g", other + second, x, three, constants)
    classifier = node("LinearClassifier", ["o"], ["label", "scores"], domain="ai.onnx.ml", coefficients=[0.4, -0.2], intercepts=[0.1],
                      post_transform="LOGISTIC", classlabels_strings=["no", "yes"])
    yield "labels_classifier", graph("g", [*other, classifier], x, three)
    yield "labels_many", graph("g", [other[1], most("p"), label("code")], x, three, [("words", np.array(["a", "b", "c"], object))])


def columns_graph(model, table):
    """The graph of a model that takes each column of a table as an input of its own."""
    of = lambda column: StringTensorType([None, 1]) if table[column].dtype == object else FloatTensorType([None, 1])
    return to_onnx(model, initial_types=[(column, of(column)) for column in table], target_opset=OPSET)


def feeds_of(table):
    """The columns of a table as inputs."""
    cells = lambda column: column.to_numpy().reshape(-1, 1).astype(object if column.dtype == object else np.float32)
    return {name: cells(table[name]) for name in table}


def plain(column):
    """Cells for JSON: none where a number is missing."""
    return [cell if isinstance(cell, str) else None if np.isnan(cell) else float(cell) for cell in column.tolist()]


def said(proto, feeds):
    """Labels, if there are any, and numbers that onnxruntime says."""
    outputs = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)
    value = outputs[-1]
    if isinstance(value, list):  # a ZipMap
        value = np.array([list(row.values()) for row in value])
    labels = [str(label) for label in outputs[0]] if len(outputs) > 1 else None
    return labels, np.asarray(value, float).reshape(len(value), -1)


def compare(tables, binary):
    """Whole tables, by onnxruntime and by the binary."""
    def tried(name, model, table, target):
        model.fit(table.to_numpy() if not any(table.dtypes == object) else table, target)
        if any(table.dtypes == object):
            proto, feeds = columns_graph(model, table), feeds_of(table)
        else:
            data = table.to_numpy(np.float32)
            proto, feeds = to_onnx(model, data[:1]), {"X": data}
            table = table.set_axis([f"X_{place}" for place in range(table.shape[1])], axis=1)
        labels, value = said(proto, feeds)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "graph.onnx").write_bytes(proto.SerializeToString())
            table.to_csv(folder / "rows.csv", index=False)
            run = lambda *args: subprocess.run([binary, *args], cwd=folder, check=True, capture_output=True, text=True)
            run("models", "import", "graph.onnx", "--output", "model")
            run("predict", "model", "rows.csv", "--output", "predictions.csv")
            ours = pd.read_csv(folder / "predictions.csv", dtype={"prediction": str}, keep_default_na=False)
        far = np.abs(ours.iloc[:, 1:].to_numpy(float) - value).max()
        # Of equally likely classes onnxruntime says one in a batch and another alone.
        sorted_value = np.sort(value, axis=1)
        is_tied = sorted_value[:, -1] - sorted_value[:, -2] < 1e-6
        same = (ours["prediction"].to_numpy() == np.array(labels))[~is_tied].mean()
        print(f"{name:24} {len(ours):6} rows, {is_tied.sum()} tied, else labels the same {same:.2%}, probabilities to {far:.1e}", flush=True)

    for name, data in [("iris", load_iris()), ("breast_cancer", load_breast_cancer())]:
        table, words = pd.DataFrame(data.data.astype(np.float32)), np.array(data.target_names)[data.target]
        tried(f"{name} logistic", make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)), table, words)
        tried(f"{name} forest", RandomForestClassifier(50, random_state=0), table, words)
        tried(f"{name} boosted", GradientBoostingClassifier(random_state=0), table, data.target)
        tried(f"{name} perceptron", make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=500, random_state=0)), table, words)
    for name in ["car", "credit_g"]:
        table = pd.read_csv(Path(tables) / f"{name}.csv")
        target = table.pop(table.columns[-1])
        table = table.astype({c: np.float32 if table[c].dtype.kind in "if" else object for c in table})
        texts = [column for column in table if table[column].dtype == object]
        rest = [column for column in table if column not in texts]
        numbers = [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), rest)] if rest else []
        made = lambda step: ColumnTransformer([("texts", step, texts), *numbers])
        tried(f"{name} logistic", make_pipeline(made(OneHotEncoder(handle_unknown="ignore")), LogisticRegression(max_iter=2000)), table, target)
        tried(f"{name} forest", make_pipeline(made(OneHotEncoder(drop="first")), RandomForestClassifier(50, random_state=0)), table, target)
        tried(f"{name} boosted", make_pipeline(made(OrdinalEncoder()), GradientBoostingClassifier(random_state=0)), table, target)


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
        labels, value = said(proto, feeds)
        cells = [plain(column) for part in feeds.values() for column in np.asarray(part).reshape(len(part), -1).T]
        cases.append({
            "file": path.name,
            "rows": [list(row) for row in zip(*cells)],
            "predictions": value.tolist(),
            "labels": labels,
        })

    def mixed(name, model):
        model.fit(table, kind)
        case(name, columns_graph(model, table), feeds_of(table[:12]))

    sklearn("linear", LinearRegression(), x, number)
    sklearn("logistic_words", LogisticRegression(), x, two)
    sklearn("logistic_numbers", LogisticRegression(), x, three, zipmap=False)
    sklearn("forest", RandomForestClassifier(n_estimators=4, max_depth=4, random_state=0), x, two)
    sklearn("forest_three", RandomForestClassifier(n_estimators=3, max_depth=3, random_state=0), x, three)
    sklearn("boosted", GradientBoostingRegressor(n_estimators=8, max_depth=3, random_state=0), x, number)
    sklearn("scaled", make_pipeline(StandardScaler(), LogisticRegression()), x, two)
    sklearn("imputed", make_pipeline(SimpleImputer(), StandardScaler(), LinearRegression()), holes, number)
    sklearn("perceptron", MLPClassifier((6,), max_iter=300, random_state=0), x, two)
    sklearn("calibrated", CalibratedClassifierCV(LogisticRegression(), cv=2), x, two)
    sklearn("bagged", BaggingClassifier(n_estimators=2, random_state=0), x[:60], two[:60])
    sklearn("stumps", AdaBoostClassifier(n_estimators=3, random_state=0), x, three)
    sklearn("powers", make_pipeline(PolynomialFeatures(2), LogisticRegression()), x, two)
    sklearn("lengths", make_pipeline(Normalizer(), LogisticRegression()), x, two)
    sklearn("boosted_words", GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0), x, two)
    sklearn("vectors", SVR(), x[:20], number[:20])
    colour = rng.choice(["red", "green", "dark grey"], 200)
    size = rng.choice(["S", "M", "L", ""], 200)
    table = pd.DataFrame({"colour": colour, "x": x[:, 0], "size": size, "z": holes[:, 2]}).astype({"colour": object, "size": object})
    kind = np.where(score > 1, "much", np.where((colour == "red") | (size == "M"), "some", "none"))
    numbers = ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["x", "z"])
    texts = lambda step: ColumnTransformer([("texts", step, ["colour", "size"]), numbers])
    mixed("indicators", make_pipeline(texts(OneHotEncoder(handle_unknown="ignore")), LogisticRegression(max_iter=500)))
    mixed("strict", make_pipeline(texts(OneHotEncoder(drop="first")), RandomForestClassifier(3, max_depth=3, random_state=0)))
    mixed("codes", make_pipeline(texts(OrdinalEncoder()), RandomForestClassifier(3, max_depth=3, random_state=0)))
    filled = make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=""), OneHotEncoder())
    mixed("filled", make_pipeline(texts(filled), LogisticRegression(max_iter=500)))
    names = [("X", Floats([None, 3]))]
    lgb = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=5, verbose=-1).fit(holes, two)
    case("lightgbm", onnxmltools.convert_lightgbm(lgb, initial_types=names), {"X": holes[:12]})
    xgb = xgboost.XGBClassifier(n_estimators=3, max_depth=3).fit(holes, three)
    case("xgboost", onnxmltools.convert_xgboost(xgb, initial_types=names), {"X": holes[:12]})
    pair = rng.normal(size=(12, 2)).astype(np.float32)
    feeds = {"age": rng.normal(size=(12, 1)), "visits": rng.integers(0, 9, (12, 1)), "pair": pair}
    case("network", network(rng), feeds)
    case("one_probability", one_probability(rng), {"x": x[:12]})
    for name, proto in by_hand():
        case(name, proto, {"x": x[:12, 1:].astype(float if name == "fifth" else np.float32)})
    for name, proto in refused():
        (OUT / f"refused_{name}.onnx").write_bytes(proto.SerializeToString())
    versions = {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
    lines = ",\n".join(json.dumps(case) for case in cases)
    (OUT / "cases.json").write_text(f'{{"versions": {json.dumps(versions)}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    compare(*sys.argv[1:]) if len(sys.argv) == 3 else main()
