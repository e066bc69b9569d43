#!/usr/bin/env python3
"""Race our boosting against LightGBM, XGBoost, CatBoost and hessboost, and write their part of docs/benchmarks.md.

    python3.12 -m venv VENV && VENV/bin/pip install lightgbm==4.7.0 xgboost==3.4.1 catboost==1.2.10 hessboost==0.4.3 \\
        scikit-learn==1.9.1 pandas==3.1.1 numpy==2.5.5
    cargo build --release -p automl
    VENV/bin/python benches/trees/run.py race   --results trees.csv --data FOLDER_WITH_adult.csv.gz_AND_kddcup99_10pct_train.csv.gz
    VENV/bin/python benches/trees/run.py report --results trees.csv

Every system has the same rows, rounds, leaves, learning rate, least rows and Hessian of a leaf, L2 and about as many bins
(255, for XGBoost and hessboost 256); a time holds binning and fit, never the reading of the file. Each measurement is a
process of its own, started in turn, so that a disturbance meets all systems alike; `--repeats` of them are made and their
median counts. A row of the results holds the commit that was measured; rows of other workloads and systems that the file
of results holds already are kept. Peak memory is the process's own mark (VmHWM), less what it held once the data were loaded. LightGBM runs
row-wise, column-wise and with its own choice, and the best of the three counts. `--small` shrinks the large tables for a
quick look; `--small` results are marked. The binary is $RACE_BIN, default target/release/automl; its
verb `race`, which `--help` does not list, is what is measured.

All tables but adult and KDD are made by this script from fixed seeds: none of them is the public data set that it resembles.
"""
import argparse, csv, gzip, json, os, platform, re, resource, statistics, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from document import DOCUMENT, write_part

BIN = Path(os.environ.get("RACE_BIN", ROOT / "target/release/automl"))
FIELDS = ["workload", "system", "threads", "repeat", "is_small", "seconds", "cpu_seconds", "peak_mib", "loss", "auc", "commit"]
LIGHTGBM = ["lightgbm", "lightgbm-row", "lightgbm-col"]
FIT_ROWS = 100_000  # rows that a model to score with is fitted on
N_FOLDS = 5
N_CONFIGS = 20
MIN_HESSIAN = {"kdd": 1.0}  # of a leaf; elsewhere 1e-3. With 23 classes, some of two rows, less lets all systems diverge.

# name: table, verb, rounds, leaves, peers, what it is, {peer: (limit, aim) of our time in its own}; ours: of our seconds
WORKLOADS = {
    "higgs": ("higgs", "fit", 100, 31, [*LIGHTGBM, "xgboost", "hessboost"],
              "1,000,000 × 28 numbers, binary, 100 trees", {"lightgbm": (1.0, 0.7), "xgboost": (0.6, 0.45), "hessboost": (1.0, 0.8)}),
    "quantised": ("higgs", "fit", 100, 31, [], "the same, ours with quantised gradients, beside LightGBM with plain ones", {"lightgbm": (0.7, 0.5)}),
    "rows2k": ("rows2k", "fit", 200, 31, LIGHTGBM, "2,000 × 20, regression, 200 trees", {"lightgbm": (0.7, 0.4)}),
    "rows5k": ("rows5k", "fit", 200, 31, LIGHTGBM, "5,000 × 20, regression, 200 trees", {"lightgbm": (0.7, 0.4)}),
    "rows20k": ("rows20k", "fit", 200, 31, LIGHTGBM, "20,000 × 20, regression, 200 trees", {"lightgbm": (0.7, 0.4)}),
    "kdd": ("kdd", "fit", 20, 31, [*LIGHTGBM, "xgboost"],
            "KDD Cup 1999, 10 %: 494,021 × 41 with 3 category columns, 23 classes, 20 rounds", {"lightgbm": (1.0, 0.8)}),
    "wide": ("wide", "fit", 100, 64, ["catboost"], "100,000 × 500 numbers, regression, symmetric trees of depth 6, 100 trees",
             {"catboost": (1.3, 1.0)}),
    "folds": ("adult", "folds", 100, 31, [*LIGHTGBM, "lightgbm-two"], "5 folds × 20 configurations on adult, 100 trees each",
              {"lightgbm": (0.6, 0.3)}),
    "score": ("higgs", "score", 500, 31, ["lightgbm", "xgboost", "hessboost"], "1,000,000 × 28 scored by 500 trees", {"lightgbm": (0.3, 0.15)}),
    "row": ("higgs", "row", 100, 31, ["lightgbm", "lightgbm-c"], "one row scored by 100 trees, median of 20,000", {"automl": (3e-6, 1.5e-6)}),
    "shap": ("higgs", "shap", 500, 31, ["lightgbm", "xgboost", "hessboost"], "SHAP values of 10,000 rows, 500 trees", {"lightgbm": (0.4, 0.2)}),
}
AUC_LIMIT = 0.001  # that quantised gradients may cost


# ---------------------------------------------------------------- tables

def higgs(np, small):
    rng = np.random.default_rng(1)
    n = 120_000 if small else 1_100_000
    x = rng.normal(size=(n, 28)).astype("f4")
    x[:, :7] = np.abs(x[:, :7]) ** 1.5
    x[:, 21:] = x[:, :7] * x[:, 7:14] + 0.3 * x[:, 21:]
    signal = x[:, 0] - x[:, 1] + x[:, 7] * x[:, 8] + np.sin(2 * x[:, 9]) + (x[:, 21] > 0.5) - np.abs(x[:, 10]) * x[:, 22]
    y = rng.random(n) < 1 / (1 + np.exp(-(signal - np.median(signal))))
    return x, y, "binary", 2, [0] * 28, n // 11 * 10 if not small else 100_000


def rows_of(n):
    def make(np, _):
        rng = np.random.default_rng(n)
        x = rng.normal(size=(n + 5000, 20)).astype("f4")
        x[:, 14:18] = np.floor(x[:, 14:18] * 4)
        x[:, 18:] = rng.integers(0, 3, size=(n + 5000, 2))
        x[rng.random(x.shape) < 0.02] = np.nan
        z = np.nan_to_num(x)
        y = 2 * z[:, 0] + z[:, 1] * z[:, 2] + np.sin(3 * z[:, 3]) + 0.3 * z[:, 14] + z[:, 18] + rng.normal(size=len(x))
        return x, y, "regression", 0, [0] * 20, n
    return make


def wide(np, small):
    rng = np.random.default_rng(4)
    n = 12_000 if small else 110_000
    x = rng.normal(size=(n, 500)).astype("f4")
    y = x[:, :50] @ rng.normal(size=50) + 3 * np.sin(2 * x[:, 50]) * x[:, 51] + rng.normal(size=n)
    return x, y, "regression", 0, [0] * 500, n // 11 * 10 if not small else 10_000


def coded(np, table):
    """The columns as numbers, categories by their codes, and for each column how many levels it has, 0 for numbers."""
    import pandas as pd
    n_levels = []
    for name in table:
        if pd.api.types.is_numeric_dtype(table[name]):
            n_levels.append(0)
        else:
            codes = table[name].astype("category").cat.codes
            table[name] = np.where(codes < 0, codes.max() + 1, codes)
            n_levels.append(int(table[name].max()) + 1)
    return table.to_numpy("f4"), n_levels


def adult(np, data):
    import pandas as pd
    table = pd.read_csv(Path(data) / "adult.csv.gz")
    y = table.pop("income").str.contains(">50K").to_numpy()
    x, n_levels = coded(np, table)
    return x, y, "binary", 2, n_levels, len(y)


def kdd(np, data):
    """All rows, so that the rarest of the classes, of two rows, is learnt; losses are those of every tenth row of them."""
    import pandas as pd
    table = pd.read_csv(Path(data) / "kddcup99_10pct_train.csv.gz")
    y = table.pop("label").astype("category").cat.codes.to_numpy()
    x, n_levels = coded(np, table)
    return x, y, "multiclass", int(y.max()) + 1, n_levels, len(y)


FROM_DATA = {"adult": adult, "kdd": kdd}


def configs(np):
    rng = np.random.default_rng(5)
    return [dict(learning_rate=round(float(10 ** rng.uniform(-1.7, -0.6)), 4), max_leaves=int(rng.integers(8, 64)),
                 min_rows_per_leaf=int(rng.integers(5, 60)), l2=round(float(10 ** rng.uniform(-3, 1)), 4),
                 column_fraction=round(float(rng.uniform(0.5, 1)), 2)) for _ in range(N_CONFIGS)]


def write_table(name, folder, small, data):
    import numpy as np
    if (folder / "meta.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"higgs": higgs, "wide": wide, **{f"rows{n}k": rows_of(n * 1000) for n in (2, 5, 20)}}
    x, y, task, n_classes, n_levels, n_train = FROM_DATA[name](np, data) if name in FROM_DATA else makers[name](np, small)
    x, y = np.ascontiguousarray(x, "<f4"), np.ascontiguousarray(y, "<f4")
    for part, rows in (("train", slice(0, n_train)), ("test", slice(n_train, None) if n_train < len(y) else slice(0, None, 10))):
        x[rows].tofile(folder / f"{part}.x.f32")
        y[rows].tofile(folder / f"{part}.y.f32")
    (folder / "configs.json").write_text(json.dumps(configs(np)))
    (folder / "meta.json").write_text(json.dumps({"task": task, "n_classes": n_classes, "n_levels": n_levels}))


# ---------------------------------------------------------------- one measurement of a peer, in a process of its own

class Data:
    def __init__(self, folder):
        import numpy as np
        meta = json.loads((folder / "meta.json").read_text())
        self.task, self.n_classes, self.n_levels = meta["task"], meta["n_classes"], meta["n_levels"]
        self.categories = [place for place, levels in enumerate(self.n_levels) if levels]
        read = lambda part: (np.fromfile(folder / f"{part}.x.f32", "<f4").reshape(-1, len(self.n_levels)),
                             np.fromfile(folder / f"{part}.y.f32", "<f4"))
        (self.x, self.y), (self.x_test, self.y_test) = read("train"), read("test")
        self.configs = json.loads((folder / "configs.json").read_text())

    def loss(self, predicted, y):
        import numpy as np
        if self.task == "regression":
            return float(np.sqrt(np.mean((predicted - y) ** 2)))
        if self.task == "binary":
            return float(-np.log(np.maximum(np.where(y > 0.5, predicted, 1 - predicted), 1e-15)).mean())
        return float(-np.log(np.maximum(predicted[np.arange(len(y)), y.astype(int)], 1e-15)).mean())


def auc(predicted, y):
    """The share of pairs of two classes that are ordered rightly, those of equal scores counting half: by mean ranks."""
    import numpy as np
    _, places, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[places.ravel()]
    second = y > 0.5
    n_second, n_first = int(second.sum()), int((~second).sum())
    return float((ranks[second].sum() - n_second * (n_second + 1) / 2) / (n_first * n_second))


class LightGbm:
    OBJECTIVES = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}

    def __init__(self, data, threads, workload, system):
        _, _, rounds, leaves, *_ = WORKLOADS[workload]
        import lightgbm
        self.library, self.data, self.rounds = lightgbm, data, rounds
        self.params = dict(objective=self.OBJECTIVES[data.task], num_threads=threads, num_leaves=leaves, learning_rate=0.1,
                           max_bin=255, min_data_in_leaf=20, min_sum_hessian_in_leaf=MIN_HESSIAN.get(workload, 1e-3), lambda_l2=1e-3, verbose=-1, seed=1)
        if data.task == "multiclass":
            self.params["num_class"] = data.n_classes
        if system.endswith(("-row", "-col")):
            self.params[f"force_{system[-3:]}_wise"] = True

    def table(self, x, y):
        return self.library.Dataset(x, y, params=dict(self.params, feature_pre_filter=False),
                                    categorical_feature=self.data.categories or "auto")

    def fit(self, x, y, rounds=None):
        return self.library.train(self.params, self.table(x, y), rounds or self.rounds)

    def predict(self, model, x):
        return model.predict(x)

    def shap(self, model, x):
        return model.predict(x, pred_contrib=True)

    def folds(self, workers):
        """Binned once; each fold is a subset of the bins, made once and kept for all configurations."""
        import numpy as np
        data, names = self.data, dict(learning_rate="learning_rate", max_leaves="num_leaves", min_rows_per_leaf="min_data_in_leaf",
                                      l2="lambda_l2", column_fraction="feature_fraction")
        whole = self.table(data.x, data.y).construct()
        numbers = np.arange(len(data.y))

        def fold(index):
            valid = numbers % N_FOLDS == index
            x, y, total = data.x[valid], data.y[valid], 0.0
            part = whole.subset(numbers[~valid]).construct()
            for config in data.configs:
                params = dict(self.params, feature_pre_filter=False)
                params.update({names[name]: value for name, value in config.items()})
                total += data.loss(self.library.train(params, part, self.rounds).predict(x, num_threads=self.params["num_threads"]), y)
            return total

        with ThreadPoolExecutor(workers) as pool:
            return sum(pool.map(fold, range(N_FOLDS))) / N_FOLDS / len(data.configs)

    def single(self, model, c_call):
        """Seconds of single rows: by the Python method, or by the C function made for it."""
        import ctypes, numpy as np
        x = np.ascontiguousarray(self.data.x_test, "f8")
        if not c_call:
            return timed_rows(lambda row: model.predict(x[row:row + 1], num_threads=1), len(x), 2000)
        from lightgbm import basic
        fast, out, length = ctypes.c_void_p(), np.zeros(1), ctypes.c_int64()
        handle = getattr(model, "_handle", None) or model.handle
        check = lambda code: code and sys.exit("LightGBM's C function failed")
        check(basic._LIB.LGBM_BoosterPredictForMatSingleRowFastInit(handle, 0, 0, -1, 1, x.shape[1], b"num_threads=1", ctypes.byref(fast)))
        call, target, where = basic._LIB.LGBM_BoosterPredictForMatSingleRowFast, out.ctypes.data_as(ctypes.c_void_p), ctypes.byref(length)
        rows = [ctypes.c_void_p(x.ctypes.data + row * x.strides[0]) for row in range(len(x))]
        return timed_rows(lambda row: call(fast, rows[row], where, target), len(x), 20_000)


class XgBoost:
    OBJECTIVES = {"regression": "reg:squarederror", "binary": "binary:logistic", "multiclass": "multi:softprob"}

    def __init__(self, data, threads, workload, system):
        _, _, rounds, leaves, *_ = WORKLOADS[workload]
        self.library, self.data, self.rounds, self.threads = __import__(system), data, rounds, threads
        self.params = dict(objective=self.OBJECTIVES[data.task], nthread=threads, tree_method="hist", grow_policy="lossguide",
                           max_leaves=leaves, max_depth=0, eta=0.1, max_bin=256, min_child_weight=MIN_HESSIAN.get(workload, 1e-3), seed=1)
        self.params["lambda"] = 1e-3
        if data.task == "multiclass":
            self.params["num_class"] = data.n_classes

    def matrix(self, x, y=None):
        if not self.data.categories:
            return self.library.DMatrix(x, y)
        types = ["c" if levels else "q" for levels in self.data.n_levels]
        return self.library.DMatrix(x, y, feature_types=types, enable_categorical=True)

    def fit(self, x, y, rounds=None):
        if self.library.__name__ == "xgboost" and not self.data.categories:
            table = self.library.QuantileDMatrix(x, y, max_bin=256, nthread=self.threads)
        else:
            table = self.matrix(x, y)
        return self.library.train(self.params, table, rounds or self.rounds)

    def predict(self, model, x):
        is_plain = hasattr(model, "inplace_predict") and not self.data.categories
        return model.inplace_predict(x) if is_plain else model.predict(self.matrix(x))

    def shap(self, model, x):
        return model.predict(self.matrix(x), pred_contribs=True)


class CatBoost:
    def __init__(self, data, threads, workload, system):
        _, _, rounds, leaves, *_ = WORKLOADS[workload]
        import catboost
        self.library, self.data, self.rounds = catboost, data, rounds
        self.params = dict(loss_function="RMSE", thread_count=threads, depth=6, learning_rate=0.1, border_count=254, l2_leaf_reg=1e-3,
                           boosting_type="Plain", bootstrap_type="No", random_strength=0, score_function="L2", random_seed=1,
                           leaf_estimation_iterations=1, allow_writing_files=False, verbose=False)

    def fit(self, x, y, rounds=None):
        model = self.library.CatBoost(dict(self.params, iterations=rounds or self.rounds))
        return model.fit(self.library.Pool(x, y, thread_count=self.params["thread_count"]))

    def predict(self, model, x):
        return model.predict(x, thread_count=self.params["thread_count"])


def timed_rows(call, n_rows, count):
    times = []
    for draw in range(count):
        start = time.perf_counter()
        call(draw % n_rows)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def status_mib(field):
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", text)[1]) / 1024


def measured(work):
    cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    start, start_cpu = time.perf_counter(), cpu()
    result = work()
    return result, {"seconds": time.perf_counter() - start, "cpu_seconds": cpu() - start_cpu}


def worker(args):
    _, verb, *_ = WORKLOADS[args.workload]
    system, threads = args.system, args.threads
    if system == "lightgbm-two":
        threads = 1
    data = Data(Path(args.folder))
    peer = {"lightgbm": LightGbm, "catboost": CatBoost}.get(system.split("-")[0], XgBoost)(data, threads, args.workload, system)
    warm = peer.fit(data.x[:500], data.y[:500] if data.n_classes < 3 else data.y[:500] * 0 + [i % data.n_classes for i in range(500)], 1)
    peer.predict(warm, data.x[:10])
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
    loaded = status_mib("VmRSS")
    if verb == "fit":
        model, answer = measured(lambda: peer.fit(data.x, data.y))
        predicted = peer.predict(model, data.x_test)
        answer["loss"] = data.loss(predicted, data.y_test)
        if data.task == "binary":
            answer["auc"] = auc(predicted, data.y_test)
    elif verb == "folds":
        loss, answer = measured(lambda: peer.folds(args.threads if system == "lightgbm-two" else 1))
        answer["loss"] = loss
    else:
        model = peer.fit(data.x[:FIT_ROWS], data.y[:FIT_ROWS])
        if verb == "row":
            answer = {"seconds": peer.single(model, system == "lightgbm-c")}
        elif verb == "shap":
            _, answer = measured(lambda: peer.shap(model, data.x_test[:10_000]))
        else:
            predicted, answer = measured(lambda: peer.predict(model, data.x))
            answer["loss"] = data.loss(predicted, data.y)
    print(json.dumps(dict(answer, peak_mib=status_mib("VmHWM") - loaded)))


# ---------------------------------------------------------------- the race

def answered(command, threads):
    """What a command prints as JSON; a text if it failed."""
    env = dict(os.environ, OMP_NUM_THREADS=str(threads))
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        status = subprocess.run([str(part) for part in command], stdout=out, stderr=err, env=env).returncode
        out.seek(0), err.seek(0)
        if status != 0:
            return (err.read().strip().splitlines() or ["failed without a word"])[-1]
        return json.loads(out.read().strip().splitlines()[-1])


def ours(workload, folder, threads):
    _, verb, rounds, leaves, *_ = WORKLOADS[workload]
    params = [f"n_trees={rounds}", f"max_leaves={leaves}", "early_stopping_rounds=0", "learning_rate=0.1",
              "row_fraction=1", "column_fraction=1", "l2=0.001", f"min_hessian={MIN_HESSIAN.get(workload, 1e-3)}"]
    if workload == "quantised":
        params.append("quantized_gradients=true")
    if workload == "wide":
        params += ["max_depth=6", "growth=symmetric"]
    return answered([BIN, "race", folder, verb, "--threads", threads, *params], threads)


def commit():
    """The commit that is checked out; marked where files differ from it."""
    git = lambda *words: subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout.strip()
    return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def read_results(path):
    """The rows of a file of results, if there is one."""
    if not Path(path).exists():
        return []
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if reader.fieldnames != FIELDS:
        sys.exit(f"{path} has other columns than {', '.join(FIELDS)}")
    return rows


def race(args):
    scratch = Path(args.scratch or tempfile.mkdtemp(prefix="race-"))
    measured_commit = args.commit or commit()
    is_measured = lambda row: re.fullmatch(args.only, row["workload"]) and (
        re.fullmatch(args.systems, row["system"]) or row["workload"] == "quantised" and row["system"] in LIGHTGBM)
    rows = [row for row in read_results(args.results) if not is_measured(row)]
    for workload, (table, _, _, _, peers, *_) in WORKLOADS.items():
        if not re.fullmatch(args.only, workload) or (table in FROM_DATA and not args.data):
            continue
        folder = scratch / (f"{table}-small" if args.small else table)
        write_table(table, folder, args.small, args.data)
        for repeat in range(args.repeats):
            for system in ["automl", *peers]:
                if not re.fullmatch(args.systems, system):
                    continue
                if system == "automl":
                    answer = ours(workload, folder, args.threads)
                else:
                    answer = answered([sys.executable, __file__, "worker", "--workload", workload, "--system", system,
                                       "--folder", folder, "--threads", args.threads], args.threads)
                if isinstance(answer, str):
                    print(f"{workload} {system}: no answer: {answer}", flush=True)
                    continue
                rows.append({"workload": workload, "system": system, "threads": args.threads, "repeat": repeat,
                             "is_small": int(args.small), **{name: answer.get(name, "") for name in FIELDS[5:-1]},
                             "commit": measured_commit})
        if workload == "quantised":
            # LightGBM does what it did above.
            rows += [dict(row, workload=workload) for row in rows if row["workload"] == "higgs" and row["system"] in LIGHTGBM]
        show(rows, workload)
        with open(args.results, "w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)


def medians(rows, workload, field):
    values = {}
    for row in rows:
        if row["workload"] == workload and row[field] not in ("", None):
            values.setdefault(row["system"], []).append(float(row[field]))
    return {system: statistics.median(found) for system, found in values.items()}


def show(rows, workload):
    seconds, cpu = medians(rows, workload, "seconds"), medians(rows, workload, "cpu_seconds")
    peak, loss, aucs = (medians(rows, workload, name) for name in ("peak_mib", "loss", "auc"))
    for system, value in seconds.items():
        ratio = lambda of: f"{of['automl'] / of[system]:5.2f}" if "automl" in of and system in of else "    –"
        print(f"{workload:10} {system:13} {value:12.6f} s  ours/it {ratio(seconds)}  cpu {cpu.get(system, 0):8.3f} s  ours/it {ratio(cpu)}"
              f"  +{peak.get(system, 0):6.0f} MiB  loss {loss.get(system, float('nan')):.5f}  auc {aucs.get(system, float('nan')):.5f}", flush=True)


# ---------------------------------------------------------------- the report

def time_text(seconds):
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def report(args):
    rows = read_results(args.results)
    small = any(row["is_small"] == "1" for row in rows)
    threads = sorted({row["threads"] for row in rows})
    commits = sorted({row["commit"] for row in rows})
    lines = ["## Trees", "",
             f"Machine: {os.cpu_count()} cores, {platform.machine()}. {', '.join(threads)} threads; median of as many processes a system as "
             f"'runs' says, started in turn. Commit {', '.join(commits)}. {'CPU' if args.cpu else 'Wall'} time with binning, without "
             "reading the file. Same rows, rounds, "
             "leaves, learning rate, least rows and Hessian of a leaf and L2; 255 bins, for XGBoost and hessboost 256, which have no least "
             "number of rows of a leaf. Of LightGBM, row-wise, column-wise and its own choice were run and the best counts. Memory is the "
             "peak beyond what the process held once the data were loaded. All tables but adult and KDD are made by the script; the loss of KDD is that of every tenth of its training rows.", "",
             "The limit is what our time in that of the system, or our time itself, may be at most, the aim what it should be; our memory "
             f"may be at most LightGBM's. With quantised gradients our AUC may be {AUC_LIMIT} below LightGBM's. A limit that is not kept is "
             "marked **missed**.", ""]
    if small:
        lines += ["**The large tables were shrunk (`--small`): the figures are a quick look, not the benchmark.**", ""]
    lines += ["| what | system | runs | time | ours / it | limit | aim | memory | loss | AUC |", "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for workload in WORKLOADS:
        of_workload = [row for row in rows if row["workload"] == workload]
        lines += workload_lines(workload, of_workload, "seconds" if workload == "row" or not args.cpu else "cpu_seconds", len(commits) > 1)
    lines += ["", "`lightgbm-two` runs two fits of one thread at a time, as ours does there; `lightgbm-c` is the C function for single "
              "rows, called through ctypes, `lightgbm` beside it the Python method. The loss is the root mean squared error or the log loss: of "
              "test rows for fits, of the training rows that are scored for scoring, and for the folds the mean over folds and configurations. The "
              "AUC is that of test rows.", ""]
    if args.quality:
        lines += quality(args.quality)
    write_part("trees", lines, args.output)


def workload_lines(workload, rows, field, tells_commit):
    """The lines of a workload: ours and its peers, of LightGBM the best alone."""
    *_, title, limits = WORKLOADS[workload]
    times, peak, loss, aucs = (medians(rows, workload, name) for name in (field, "peak_mib", "loss", "auc"))
    if "automl" not in times:
        return [f"| {title} | ours | not measured | | | | | | | |"]
    if tells_commit:
        title += f" (commit {', '.join(sorted({row['commit'] for row in rows if row['system'] == 'automl'}))})"
    best = min((name for name in times if name in LIGHTGBM or name == "lightgbm-two"), key=times.get, default=None)
    missed = lambda is_missed: ", **missed**" if is_missed else ""
    lines = []
    for system, value in times.items():
        if system.startswith("lightgbm") and system not in (best, "lightgbm-c"):
            continue
        is_ours = system == "automl"
        limit, aim = limits.get(system.split("-")[0], (None, None))
        text = time_text if is_ours else str
        ratio = times["automl"] / value
        is_slow = limit is not None and (value if is_ours else ratio) > limit
        cells = {
            "what": title if is_ours else "", "system": "**ours**" if is_ours else system,
            "runs": sum(row["system"] == system and row[field] != "" for row in rows),
            "time": time_text(value) + missed(is_ours and is_slow), "ratio": "" if is_ours else f"{ratio:.2f}" + missed(is_slow),
            "limit": f"≤ {text(limit)}" if limit else "", "aim": f"≤ {text(aim)}" if aim else "",
            "memory": f"{peak[system]:.0f} MiB" if workload != "row" and system in peak else "",
            "loss": f"{loss[system]:.5f}" if system in loss else "", "auc": f"{aucs[system]:.5f}" if system in aucs else "",
        }
        if is_ours and best in peak and cells["memory"]:
            cells["memory"] += missed(peak["automl"] > peak[best])
        if is_ours and workload == "quantised" and best in aucs and cells["auc"]:
            cells["auc"] += missed(aucs[best] - aucs["automl"] > AUC_LIMIT)
        lines.append("| " + " | ".join(str(cell) for cell in cells.values()) + " |")
    return lines


def quality(path):
    """Lines on default parameters, from what quality.py wrote."""
    rows = list(csv.DictReader(open(path)))
    as_good = lambda row, peer: (float(row["automl"]) - float(row[peer])) * (1 if row["metric"] == "auc" else -1) >= 0
    lines = ["### Default parameters", "", "Test scores with default parameters, at most 2,000 rounds, each stopped by its own loss on the same "
             "validation rows (`benches/trees/quality.py`); AUC: higher is better, log loss and RMSE: lower is better. One split and one "
             "seed a table: small differences are noise. Our defaults were chosen by parts of the training rows of these "
             "tables, after a first comparison on the test rows had shown the ones before to be worse: our figures may be slightly optimistic.", "",
             "| table | metric | ours | LightGBM | CatBoost |", "|---|---|---:|---:|---:|"]
    lines += [f"| {row['table']} | {row['metric']} | {row['automl']} | {row['lightgbm']} | {row['catboost']} |" for row in rows]
    wins = {peer: sum(as_good(row, peer) for row in rows) for peer in ("lightgbm", "catboost")}
    return lines + ["", f"At least as good as LightGBM on {wins['lightgbm']} of {len(rows)} tables (aim: 60 %), as CatBoost on "
                    f"{wins['catboost']} (aim: 45 %).", ""]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["race", "report", "worker"])
    parser.add_argument("--results", default="trees.csv")
    parser.add_argument("--data", help="folder that holds adult.csv.gz and kddcup99_10pct_train.csv.gz, for the folds and kdd; else they are left out")
    parser.add_argument("--only", default=".*", help="workloads, a regular expression")
    parser.add_argument("--systems", default=".*", help="systems, a regular expression")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="report CPU time: for a busy machine and one thread")
    parser.add_argument("--commit", help="what the rows are of, where the binary is not of the commit checked out")
    parser.add_argument("--scratch", help="folder for the tables, kept; default a new temporary one")
    parser.add_argument("--output", default=DOCUMENT)
    parser.add_argument("--quality", help="what quality.py wrote, for the report")
    parser.add_argument("--workload")
    parser.add_argument("--system")
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    {"race": race, "report": report, "worker": worker}[arguments.verb](arguments)
