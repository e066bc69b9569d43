#!/usr/bin/env python3
"""Run `automl`, AutoGluon and FLAML beside one another on the same tables and write what came of it to docs/benchmarks.md.

    python benches/tables/peers.py run --harness automl_bench.py --tables DIR --peers PYTHON --seconds 300 --results peers.csv
    python benches/tables/peers.py report --results peers.csv

DIR holds a folder a table, as `automl_bench.py prepare` makes them; PYTHON is one that has autogluon.tabular, flaml, scikit-learn and
pandas. Each fit has as many cores of its own as --threads says, and as many run at once as the machine has cores for; what is there in
the results is not run again, but for what failed; a fit that takes three times its limit and half an hour has failed. Settings are the peers' own but for metric, preset, time and threads. The times are
those of the fit call, for `automl` those of the whole command. The binary is the one named by $AUTOML_BIN, default target/release/automl.
"""
import argparse, csv, importlib.util, os, shutil, signal, subprocess, sys, tempfile, threading, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benches"), str(Path(__file__).resolve().parent)]
from document import DOCUMENT, write_part
from slots import each

BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
TABLES = "adult,phoneme,vehicle,connect_4,house_prices,california_housing"
SYSTEMS = ["automl", "flaml", "autogluon:medium_quality", "autogluon:best_quality"]
FIELDS = "dataset,system,seconds,threads,metric,score,fit_s,predict_s,error".split(",")
# A fit that takes so many times its limit, and half an hour, has failed.
TIMES_LATE, LATE_S = 3, 1800
METRICS = {"auc": "roc_auc", "logloss": "log_loss", "rmse": "rmse"}


def by_automl(harness, spec, place, args, _):
    return harness.run_automl(spec, place, args.seconds, ["--threads", str(args.threads)])


def by_autogluon(harness, spec, place, args, preset):
    from autogluon.tabular import TabularPredictor
    metric = {**METRICS, "rmse": "root_mean_squared_error"}[spec["metric"]]
    train, test = harness.read(place, "train.csv", spec), harness.read(place, "test_features.csv", spec)
    start = time.time()
    predictor = TabularPredictor(label=spec["target"], problem_type=spec["task"], eval_metric=metric, path=str(place / "ag"), verbosity=0)
    predictor.fit(train, time_limit=args.seconds, presets=preset, num_cpus=args.threads)
    fitted = time.time()
    if spec["task"] == "regression":
        return fitted - start, time.time() - fitted, predictor.predict(test), None, []
    shares = predictor.predict_proba(test)
    return fitted - start, time.time() - fitted, shares.idxmax(axis=1), shares.to_numpy(), list(shares.columns)


def by_flaml(harness, spec, place, args, _):
    from flaml import AutoML
    train, test = harness.read(place, "train.csv", spec), harness.read(place, "test_features.csv", spec)
    start = time.time()
    search = AutoML()
    search.fit(train.drop(columns=[spec["target"]]), train[spec["target"]], task=spec["task"], metric=METRICS[spec["metric"]],
               time_budget=args.seconds, n_jobs=args.threads, seed=1, verbose=0)
    fitted = time.time()
    predicted = search.predict(test)
    if spec["task"] == "regression":
        return fitted - start, time.time() - fitted, predicted, None, []
    return fitted - start, time.time() - fitted, predicted, search.predict_proba(test), list(search.classes_)


def one(args):
    """Fits one system on one table, in the place where this process may write, and prints its row."""
    import pandas as pd
    source = importlib.util.spec_from_file_location("harness", args.harness)
    harness = importlib.util.module_from_spec(source)
    source.loader.exec_module(harness)
    name, _, preset = args.system.partition(":")
    place = Path(args.place)
    spec = next(spec for spec in harness.load_specs(harness.HERE / "datasets.csv") if spec["name"] == args.table)
    truth = pd.read_csv(place / "test.csv", dtype=str, keep_default_na=False)[spec["target"]]
    row = [args.table, args.system, args.seconds, args.threads, spec["metric"]]
    try:
        fit_s, predict_s, predicted, shares, classes = globals()[f"by_{name}"](harness, spec, place, args, preset)
        row += [f"{harness.score(spec, truth, predicted, shares, classes):.6f}", f"{fit_s:.1f}", f"{predict_s:.2f}", ""]
    except Exception as error:  # a system that fails is a result
        row += ["", "", "", repr(error)[:200]]
    csv.writer(open(args.results, "w", newline="")).writerow(row)


def run(args):
    results = Path(args.results)
    rows = list(csv.DictReader(open(results))) if results.exists() else []
    if rows and list(rows[0]) != FIELDS:
        raise SystemExit(f"{results} has other columns than {','.join(FIELDS)}: give --results another file")
    done = {(row["dataset"], row["system"], row["seconds"], row["threads"]) for row in rows if not row["error"]}
    if not results.exists():
        results.write_text(",".join(FIELDS) + "\n")
    jobs = [(table, system) for table in args.only.split(",") for system in args.systems.split(",")]
    writing = threading.Lock()

    def work(job, cores):
        table, system = job
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / table
            place.mkdir()
            for name in ("train.csv", "test.csv", "test_features.csv"):
                shutil.copy(Path(args.tables) / table / name, place)
            command = [args.peers, __file__, "one", "--harness", args.harness, "--table", table, "--system", system, "--place", place,
                       "--seconds", args.seconds, "--threads", args.threads, "--results", Path(scratch) / "row.csv"]
            row, problem = fitted(command, cores, args)
            row = row or ",".join([table, system, str(args.seconds), str(args.threads), *[""] * 4, problem]) + "\n"
        with writing:
            with open(results, "a") as file:
                file.write(row)
            print(row.strip(), flush=True)

    waiting = [job for job in jobs if (*job, str(args.seconds), str(args.threads)) not in done]
    each(waiting, max(1, os.cpu_count() // args.threads), work, cores_each=args.threads)


def fitted(command, cores, args):
    """The row that a fit in a process of its own wrote, if it did, and why not. What it said of its end is told."""
    cores = cores or set(range(args.threads))
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(part) for part in command], preexec_fn=lambda: os.sched_setaffinity(0, cores), stdout=subprocess.DEVNULL, stderr=errors,
            env=dict(os.environ, AUTOML_BIN=str(BIN), OMP_NUM_THREADS=str(args.threads)), start_new_session=True)
        problem, limit = "it ended without a result", TIMES_LATE * args.seconds + LATE_S
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            problem = f"it took longer than {limit} s"
        row = Path(command[-1])
        if process.returncode or not row.exists():
            errors.seek(0)
            print(errors.read()[-2000:], file=sys.stderr)
        return row.read_text() if row.exists() else "", problem


def report(args):
    import pandas as pd
    results = pd.read_csv(args.results)
    if args.threads not in set(results["threads"]):
        raise SystemExit(f"the results have no fit of {args.threads} threads, but of {sorted(set(results['threads']))}: say which by --threads")
    results = results[results["threads"] == args.threads]
    seconds = int(results["seconds"].max())
    results["column"] = results["system"] + "@" + results["seconds"].astype(str)
    columns = [column for column in [f"automl@{args.short}"] + [f"{system}@{seconds}" for system in SYSTEMS] if column in set(results["column"])]
    scores = results.pivot_table(index=["dataset", "metric"], columns="column", values="score", aggfunc="last").reindex(columns=columns)
    higher = scores.index.get_level_values("metric") == "auc"
    losses = scores.mul([-1 if up else 1 for up in higher], axis=0)
    ranked = losses[[column for column in columns if column.endswith(f"@{seconds}")]]
    ranks = ranked.rank(axis=1, na_option="bottom")
    longest = results.groupby("column")["fit_s"].max()
    lines = ["## The peers beside us", "",
             f"{seconds} s a fit, {args.threads} threads and as many cores of its own each, on a machine of {os.cpu_count()} cores (`benches/tables/peers.py`); the same "
             f"splits as above, and the same caution: these tables are among those from which `automl` learned what to try first, and scores on these splits "
             f"were looked at while it was made; the peers had no such advantage. The best of those with {seconds} s is bold. {args.versions}", "",
             "| table | metric | " + " | ".join(columns) + " |", "|---|---|" + "---:|" * len(columns)]
    for key, row in scores.iterrows():
        cells = [f"**{row[c]:.6g}**" if c in ranks and ranks.loc[key, c] == ranks.loc[key].min() else f"{row[c]:.6g}" for c in columns]
        lines.append(f"| {key[0]} | {key[1]} | {' | '.join(cells)} |")
    lines.append("| **mean rank** | | " + " | ".join(f"{ranks[c].mean():.2f}" if c in ranks else "" for c in columns) + " |")
    lines.append("| **longest fit** | | " + " | ".join(f"{longest[c]:.0f} s" for c in columns) + " |")
    ours = f"automl@{seconds}"
    wins = [f"{(losses[ours] < losses[c]).sum()} of {len(losses)} against {c}" for c in ranks if c != ours]
    best = losses[[c for c in ranks if c != ours]].min(axis=1)
    lines += ["", f"Better in {', '.join(wins)}, in {(losses[ours] < best).sum()} than the best of them."]
    short = f"automl@{args.short}"
    if short in columns:
        lines[-1] += "".join(f" In {args.short} s as good as {c} in {(losses[short] <= losses[c]).sum()}." for c in ranks if c.startswith("autogluon"))
    write_part("peers", [*lines, ""], args.output, script="tables/peers.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["run", "one", "report"])
    parser.add_argument("--harness", help="automl_bench.py")
    parser.add_argument("--tables", help="where it has put its tables")
    parser.add_argument("--peers", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--results", required=True)
    parser.add_argument("--only", default=TABLES)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--short", type=int, default=60, help="a shorter limit of ours among the results, to be told too")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of a fit, and its cores")
    parser.add_argument("--versions", default="", help="a sentence for the report on what was compared")
    parser.add_argument("--output", default=DOCUMENT)
    parser.add_argument("--table", help=argparse.SUPPRESS)
    parser.add_argument("--system", help=argparse.SUPPRESS)
    parser.add_argument("--place", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    {"run": run, "one": one, "report": report}[arguments.verb](arguments)
