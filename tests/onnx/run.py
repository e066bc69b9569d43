#!/usr/bin/env python3
"""Fit models, export them, and compare what onnxruntime says of their graphs with what `automl predict` says.

    python -m venv env && env/bin/pip install -r tests/onnx/requirements.txt
    env/bin/python tests/onnx/run.py                         # the tables of datasets/
    env/bin/python tests/onnx/run.py FILE.csv:TARGET …       # others

A count by exposure and quantiles are fitted, too, and classes are told by a power of their probabilities, by thresholds and by what errors cost. Each table is predicted as it is, and again with every tenth cell empty and every tenth category one that no row of the fit had.
Graphs pass onnx.checker; numbers agree to 1e-9, relative to 1 and above; classes are the same but where the likeliest two are as
likely. Networks, which are computed in single, agree to 1e-5, their numbers relative to the deviation of predictions, too.
They are learners of a fit, and every network of configs/train with what its file says but the table. The binary is $AUTOML_BIN, default target/release/automl.
"""
import argparse, csv, gzip, hashlib, json, os, random, subprocess, sys, tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
# Two classes, numbers and many classes; numbers, categories, truth values and times.
TABLES = [
    (ROOT / "datasets/churn.csv", "churned"),
    (ROOT / "datasets/churn.csv", "monthly_fee"),
    (ROOT / "datasets/churn.csv", "plan"),
    (ROOT / "datasets/rents.csv", "rent_eur"),
    (ROOT / "datasets/tickets.csv", "queue"),
]
# Counts and what they are counted over.
EXPOSED = (ROOT / "datasets/churn.csv", "support_tickets", "seats")
POWER = 1.7
# Targets whose quantiles are predicted as well.
QUANTILES = {"monthly_fee": "0.1,0.5,0.9", "rent_eur": "0.05,0.95"}
# Targets of several classes, which are told by thresholds where a metric reads them alone.
SEVERAL = {"plan", "queue"}
# What errors cost, of two classes and of more.
COSTS = {
    "churned": {"yes": {"no": 5}, "no": {"yes": 1}},
    "queue": {
        one: {other: 1 + 9 * (one == "sales") for other in ("account", "billing", "sales", "technical") if other != one}
        for one in ("account", "billing", "sales", "technical")
    },
}
# The networks of configs/train that are exported read no texts.
WITHOUT_TEXT = {"churn.csv": "last_note", "rents.csv": "description", "tickets.csv": "subject"}
# Each learner that has a translation, alone and together.
LEARNERS = ["gradient_boosting", "random_forest", "extra_trees", "elastic_net", "logistic_regression", "naive_bayes", "svm",
            "baseline", "mlp", "tabm"]
# Networks, by what is set over their files: every form of encoder, activation and loss is in one of them.
CATEGORIES_EMBEDDED = ["features.categories=embedding"]
NETWORKS = {
    "linear": ["features.numbers=standard", "features.number_embedding=linear", *CATEGORIES_EMBEDDED],
    "mlp": ["model.norm=true", "model.activation=gelu"],
    "resnet": ["features.numbers=standard"],
    "tabm": ["model.activation=silu", "model.width=64", "model.members=8", *CATEGORIES_EMBEDDED],
    "ft_transformer": ["features.number_embedding=piecewise_linear", "features.pieces=12"],
}
# What a fit or an export refuses with good reason; all else is a failure.
REFUSALS = ["error[fit-no-learner]"]
TOLERANCE = 1e-9
NETWORK_TOLERANCE = 1e-5
NETWORK_KINDS = ["mlp", "tabm", "neural_network"]
# Rows that a session gets at once.
ROWS_AT_ONCE = 500
ROWS_MAX = 5_000
UNSEEN = "no such level"
MISSING_TIME = numpy.iinfo(numpy.int64).min


def why(done):
    """The line of an error; warnings may stand before it."""
    return next((line for line in done.stderr.splitlines() if line.startswith("error")), done.stderr)


def automl(*arguments, cwd, may_fail=False):
    done = subprocess.run([BIN, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    if done.returncode and not may_fail:
        raise SystemExit(f"automl {' '.join(map(str, arguments))}\n{done.stderr}")
    return done


def rows_of(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    return rows[:: max(1, len(rows) // ROWS_MAX)]


def disturbed(rows, kinds, seed):
    """Cells that are empty, levels that were not met, and texts with odd characters and runs of blanks."""
    chance = random.Random(seed)
    made = []
    for row in rows:
        row = dict(row)
        for name, kind in kinds.items():
            if chance.random() < 0.1:
                row[name] = ""
            elif kind == "category" and chance.random() < 0.1:
                row[name] = UNSEEN
            elif kind == "text" and chance.random() < 0.2:
                row[name] = f"\x02{row[name].upper()}\u00a0 \t\x03\u2028{row[name][:20]}  "
        made.append(row)
    return made


def written(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def micros(cell):
    """Microseconds since 1970 of a time as tables have it, 20141013T000000 and 13.10.2014 among them."""
    cell = cell.replace(" ", "T")
    if len(cell) == 15 and cell[8] == "T":
        cell = f"{cell[:4]}-{cell[4:6]}-{cell[6:11]}:{cell[11:13]}:{cell[13:]}"
    if len(cell) == 10 and cell[2] == cell[5] == ".":
        cell = f"{cell[6:]}-{cell[3:5]}-{cell[:2]}"
    return int(numpy.datetime64(cell, "us").astype(numpy.int64))


def tensor(kind, cells, missing):
    cells = [cell.strip() for cell in cells]
    is_missing = [cell == "" or cell in missing for cell in cells]
    if kind == "number":
        return numpy.array([numpy.nan if gone else float(cell) for cell, gone in zip(cells, is_missing)]).reshape(-1, 1)
    if kind == "timestamp":
        times = [MISSING_TIME if gone else micros(cell) for cell, gone in zip(cells, is_missing)]
        return numpy.array(times, dtype=numpy.int64).reshape(-1, 1)
    return numpy.array(cells, dtype=object).reshape(-1, 1)


def predicted(folder, rows):
    """What the program itself says: predictions, and the probabilities of classes; or the quantiles by their columns."""
    written(folder / "rows.csv", rows)
    automl("predict", "model", "rows.csv", "--output", "out.csv", "--overwrite", cwd=folder)
    told = rows_of_all(folder / "out.csv")
    if "prediction" not in told[0]:
        return {name: numpy.array([float(row[name]) for row in told]) for name in told[0] if name.startswith("quantile_")}, None
    names = [name for name in told[0] if name.startswith("probability_")]
    values = numpy.array([[float(row[name]) for name in names] for row in told]) if names else None
    return [row["prediction"] for row in told], values


def rows_of_all(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def run(session, feed, n_rows):
    """What a session says of rows, some at a time."""
    names = [one.name for one in session.get_outputs()]
    parts = [session.run(None, {name: cells[start:start + ROWS_AT_ONCE] for name, cells in feed.items()})
             for start in range(0, n_rows, ROWS_AT_ONCE)]
    return {name: numpy.concatenate(part) for name, part in zip(names, zip(*parts))}


def compare(folder, session, fields, missing, rows, has_network, costs):
    wanted, probabilities = predicted(folder, rows)
    names = {field["name"]: field["kind"] for field in fields}
    feed = {one.name: tensor(names[one.name], [row[one.name] for row in rows], missing) for one in session.get_inputs()}
    told = run(session, feed, len(rows))
    if isinstance(wanted, dict):
        assert list(wanted) == list(told), f"{list(told)} is told where {list(wanted)} is predicted"
        return max(float(numpy.max(numpy.abs(told[name] - ours) / numpy.maximum(1.0, numpy.abs(ours)))) for name, ours in wanted.items()), 0
    if probabilities is None:
        ours = numpy.array([float(value) for value in wanted])
        unit = max(1.0, float(numpy.std(ours))) if has_network else 1.0
        return float(numpy.max(numpy.abs(told["prediction"] - ours) / numpy.maximum(unit, numpy.abs(ours)))), 0
    gap = float(numpy.max(numpy.abs(told["probabilities"] - probabilities)))
    classes = [str(value).lower() for value in told["prediction"]]
    # What decides is greatest; where the first two are as good, either class will do.
    top = numpy.sort(probabilities if costs is None else -probabilities @ numpy.array(costs), axis=1)
    is_tie = top[:, -1] - top[:, -2] < (NETWORK_TOLERANCE if has_network else 1e-9)
    n_other = sum(1 for ours, theirs, tie in zip(wanted, classes, is_tie) if ours.lower() != theirs and not tie)
    return gap, n_other


def set_power(path, power):
    """Lets a model raise its probabilities to a power, as calibration does where that pays."""
    document = json.loads(path.read_text())
    document["model"]["meta"]["power"] = power
    document.pop("sha256")
    # The digest stands last and covers every byte before it.
    text = json.dumps(document)[:-1] + ', "sha256": "'
    path.write_text(f'{text}{hashlib.sha256(text.encode()).hexdigest()}"\n}}\n')


def check(path, target, way, power=None):
    """How far the graph of a model is off, how often by class, its size and what is allowed; none if there is no graph, with why."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = automl(*way, "--output", "model", "--overwrite", cwd=folder, may_fail=True)
        if done.returncode:
            return None, why(done)
        if power:
            set_power(folder / "model/manifest.json", power)
        manifest = json.loads((folder / "model/manifest.json").read_text())
        done = automl("export", "model", "--format", "onnx", "--output", "model.onnx", cwd=folder, may_fail=True)
        if done.returncode:
            return None, why(done)
        onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        fields = manifest["inputs"]["fields"]
        missing = manifest["inputs"].get("missing", [])
        has_network = any(part["kind"] in NETWORK_KINDS for part in manifest["model"]["children"])
        exposure = manifest["model"]["meta"].get("exposure")
        kinds = {field["name"]: field["kind"] for field in fields
                 if field.get("role", "feature") == "feature" and field["name"] != exposure}
        rows = rows_of(Path(path))
        gaps = []
        for table in (rows, disturbed(rows, kinds, 7), rows[:1]):
            gaps.append(compare(folder, session, fields, missing, table, has_network, manifest.get("costs")))
        size = (folder / "model.onnx").stat().st_size
        allowed = NETWORK_TOLERANCE if has_network else TOLERANCE
        return (float(numpy.max([gap for gap, _ in gaps])), sum(other for _, other in gaps), size, allowed), None


def ways_of(path, target, args):
    """The commands that make models of a table, by name."""
    fit = ["fit", path, "--target", target, "--holdout", "0.2"]
    if args.learner:
        return [(name, [*fit, "--max-trials", 1, "--include", name]) for name in args.learner]
    ways = [("together", [*fit, "--max-trials", args.trials, "--exclude", "nearest_neighbours"])]
    if (path, target) == EXPOSED[:2]:
        counted = [*fit, "--exposure", EXPOSED[2]]
        return [("by exposure", [*counted, "--max-trials", args.trials]),
                ("a deviance", [*counted, "--max-trials", 1, "--include", "elastic_net"])]
    if args.together:
        return ways
    if (path, target) == TABLES[0]:
        ways.append(("a power", [*fit, "--max-trials", 2]))
    if target in QUANTILES:
        ways.append(("quantiles", [*fit, "--max-trials", 4, "--quantiles", QUANTILES[target]]))
    if target in SEVERAL:
        ways.append(("thresholds", [*fit, "--max-trials", 3, "--metric", "balanced_accuracy"]))
    if target in COSTS:
        ways.append(("costs", [*fit, "--max-trials", 3, "--cost-matrix", json.dumps(COSTS[target])]))
    ways.append(("pairs", [*fit, "--max-trials", 2, "--exclude", "baseline", "--portfolio", ROOT / "tests/onnx/pairs.yaml"]))
    ways += [(name, [*fit, "--max-trials", 1, "--include", name]) for name in LEARNERS]
    return ways + networks_of(path, target, args.epochs)


def networks_of(path, target, epochs):
    """A training for each network of configs/train."""
    own = [f"data.path={path}", f"data.target={target}", f"trainer.epochs={epochs}", f"data.drop={WITHOUT_TEXT.get(path.name, '')}"]
    ways = []
    for name, extra in NETWORKS.items():
        file = ROOT / f"configs/train/{name}.yaml"
        # What a file says of the loss is for a target like its own.
        is_its_own = f"target: {target}\n" in file.read_text()
        values = [*own, *extra, *([] if is_its_own else ["loss.type=auto"])]
        sets = [part for value in values for part in ("--set", value)]
        ways.append((f"train {name}", ["train", file, *sets]))
    return ways


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", help="FILE.csv:TARGET")
    parser.add_argument("--trials", type=int, default=6, help="of the models of several learners")
    parser.add_argument("--epochs", type=int, default=3, help="of the networks of configs/train")
    parser.add_argument("--together", action="store_true", help="only models of several learners")
    parser.add_argument("--learner", action="append", help="only models of this learner; repeatable")
    parser.add_argument("--networks", action="store_true", help="only the networks of configs/train")
    args = parser.parse_args()
    tables = [(Path(text.rsplit(":", 1)[0]).resolve(), text.rsplit(":", 1)[1]) for text in args.tables] or [*TABLES, EXPOSED[:2]]
    n_failed = 0
    for path, target in tables:
        ways = networks_of(path, target, args.epochs) if args.networks else ways_of(path, target, args)
        for name, way in ways:
            found, reason = check(path, target, way, POWER if name == "a power" else None)
            if found is None:
                is_expected = any(text in reason for text in REFUSALS)
                n_failed += not is_expected
                print(f"{path.name}:{target:20} {name:20} {'none' if is_expected else 'FAILED'}: {reason}", flush=True)
                continue
            gap, n_other, size, allowed = found
            is_well = numpy.isfinite(gap) and gap <= allowed and n_other == 0
            n_failed += not is_well
            print(f"{path.name}:{target:20} {name:20} {'ok' if is_well else 'FAILED'}: {gap:.1e}, {n_other} other classes, {size} bytes",
                  flush=True)
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
