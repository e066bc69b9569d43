#!/usr/bin/env python3
"""Measure `automl` on real tables and write its part of docs/benchmarks.md.

    python benches/tables/run.py tables  --harness automl_bench.py --results results.csv   # every table, 60 s each
    python benches/tables/run.py limits  --data DIR --results limits.csv                   # speed, memory, big table
    python benches/tables/run.py report  --reference reference.csv --results results.csv --limits limits.csv
    python benches/tables/run.py check   --reference reference.csv --results results.csv --limits limits.csv

`limits` also looks whether the columns that give a target away are warned of on two real tables. `tables` calls the comparison harness (same splits for all systems) with the binary named by $AUTOML_BIN, default
target/release/automl. `limits` measures what a budget promises: scoring time of a fast model on adult from CSV to CSV,
and a fit of the 678,013 rows of freMTPL2freq with its peak memory. `report` writes the tables that docs/benchmarks.md
holds, with the peers' rows as the harness measured them; `check` exits with 1 and a list if anything that is promised
does not hold. Needs pandas; `tables` also scikit-learn.
"""
import argparse, csv, gzip, json, os, platform, shutil, statistics, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from document import DOCUMENT, write_part

BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
PEERS = ["lightgbm@0", "flaml@60", "autogluon:medium_quality@60", "autogluon:best_quality@60"]


def tables(args):
    env = dict(os.environ, AUTOML_BIN=str(BIN))
    command = [sys.executable, args.harness, "run", "--system", "automl", "--seconds", str(args.seconds),
               "--results", args.results]
    if args.only:
        command += ["--only", args.only]
    subprocess.run(command, check=True, env=env, stderr=subprocess.DEVNULL)


def version():
    done = subprocess.run([str(BIN), "--version"], capture_output=True, check=True, text=True)
    head = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%h", "--", ":(glob)crates/*/src/**", "Cargo.lock"], capture_output=True, text=True)
    return f"{done.stdout.strip()}, code of commit {head.stdout.strip() or 'unknown'}"


def timed(command):
    """Wall seconds and peak resident MiB of one command."""
    start = time.time()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    return time.time() - start, usage.ru_maxrss / 1024


def plain(source, folder):
    target = folder / Path(source).name.removesuffix(".gz")
    with gzip.open(source) as packed, open(target, "wb") as out:
        shutil.copyfileobj(packed, out)
    return target


def silent_about(data, folder, target, leaks):
    """Which of `profile` and `fit` do not warn that `leaks` give `target` away: none, one or both."""
    commands = {"profile": ["profile", data, "--target", target],
                "fit": ["fit", data, "--target", target, "--max-trials", "1", "--holdout", "0.2", "--output", folder / f"leaks-{target}"]}
    silent = []
    for verb, command in commands.items():
        done = subprocess.run([str(part) for part in [BIN, *command, "--format", "json"]], capture_output=True, check=True, text=True)
        warned = [set(warning.get("columns", [])) for warning in json.loads(done.stdout)["warnings"] if warning["kind"] == "target-leak"]
        if not any(set(leaks) <= columns for columns in warned):
            silent.append(verb)
    return silent


def limits(args):
    data = Path(args.data)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        adult = plain(data / "adult.csv.gz", scratch)
        # Half of the file ends its labels with a full stop.
        adult.write_text(adult.read_text().replace("50K.", "50K"))
        model = scratch / "adult-model"
        seconds, _ = timed([BIN, "fit", adult, "--target", "income", "--quality", "fast", "--time-limit", "60s", "--output", model])
        rows.append(("adult: fit --quality fast --time-limit 60s", f"{seconds:.1f}", "s", 65))
        runs = [timed([BIN, "predict", model, adult, "--output", scratch / "p.csv"]) for _ in range(5)]
        median = statistics.median(seconds for seconds, _ in runs)
        rows.append(("adult: predict 48,842 rows with it, CSV to CSV, median of 5", f"{median:.2f}", "s", 1))
        claims = data / "freMTPL2freq.csv.gz"
        seconds, mib = timed([BIN, "fit", claims, "--target", "ClaimNb", "--task", "regression", "--time-limit", "120s",
                              "--memory-limit", "4GiB", "--output", scratch / "claims-model"])
        rows.append(("freMTPL2freq: fit 678,013 rows, --time-limit 120s --memory-limit 4GiB", f"{seconds:.1f}", "s", 128))
        rows.append(("the same, peak resident memory", f"{mib:.0f}", "MiB", 4096))
        for table, target, leaks in [("titanic_leaky.csv", "survived", ["alive"]),
                                     ("bike_sharing_hour.csv", "cnt", ["casual", "registered"])]:
            source = next(path for path in (data / table, data / f"{table}.gz") if path.exists())
            silent = silent_about(source, scratch, target, leaks)
            rows.append((f"{table}: verbs of profile and fit that do not warn that {' + '.join(leaks)} gives {target} away", len(silent), "verbs", 0))
    with open(args.results, "w", newline="") as file:
        csv.writer(file).writerows([("what", "measured", "unit", "at most"), *rows])
    for row in rows:
        print(*row, sep=" | ")


def check(args):
    import pandas as pd
    results, reference = pd.read_csv(args.results), pd.read_csv(args.reference)
    ours = results[(results["system"] == "automl") & (results["seconds"] == args.seconds)].groupby("dataset").last()
    problems = [f"no result for {name}" for name in sorted(set(reference["dataset"]) - set(ours.index))]
    problems += [f"{name} failed: {row['error']}" for name, row in ours.iterrows() if pd.isna(row["score"])]
    most = args.seconds * 1.05 + 2
    problems += [f"{name}: fit took {row['fit_s']} s, {most} s are allowed" for name, row in ours.iterrows() if row["fit_s"] > most]
    scores = pd.DataFrame({"automl": ours["score"], **{
        system: reference[reference["system"] == system].set_index("dataset")["score"] for system in ("lightgbm", "flaml")}})
    scores[ours["metric"].reindex(scores.index) == "auc"] *= -1
    ranks = scores.rank(axis=1).mean()
    problems += [f"mean rank {ranks['automl']:.2f} is not better than {system}'s {ranks[system]:.2f}"
                 for system in ("lightgbm", "flaml") if not ranks["automl"] < ranks[system]]
    if ours["score"].get("adult", 0) < 0.925:
        problems.append("adult: ROC AUC is below 0.925")
    if ours["score"].get("diamonds", 1e9) > 550:
        problems.append("diamonds: RMSE is above 550")
    for row in list(csv.reader(open(args.limits)))[1:]:
        if float(row[1]) > float(row[3]):
            problems.append(f"{row[0]}: {row[1]} {row[2]}, at most {row[3]} are promised")
    print("\n".join(problems) or f"all holds: {len(ours)} tables, mean ranks {ranks.round(2).to_dict()}")
    raise SystemExit(1 if problems else 0)


def report(args):
    import pandas as pd
    results = pd.concat([pd.read_csv(args.reference), pd.read_csv(args.results)])
    results["column"] = results["system"] + "@" + results["seconds"].astype(str)
    ours = f"automl@{args.seconds}"
    columns = [ours] + [peer for peer in PEERS if peer in set(results["column"])]
    scores = results.pivot_table(index=["dataset", "metric"], columns="column", values="score", aggfunc="last")[columns]
    higher = scores.index.get_level_values("metric") == "auc"
    losses = scores.copy()
    losses[higher] = -losses[higher]
    ranks = losses.rank(axis=1)
    own = results[results["column"] == ours].groupby("dataset").last()
    lines = ["## Tables", "",
             f"Machine: {os.cpu_count()} cores, {platform.machine()}. One fixed 80/20 split a table, {args.seconds} s to fit, 2 threads; "
             "AUC: higher is better, log loss and RMSE: lower is better. The best of a row is bold. `lightgbm` is one "
             "model with 300 trees; times of `automl` include start, reading and writing.", "",
             f"Measured on {time.strftime('%Y-%m-%d')} with {version()}.", "",
             "How to read it: the peers' rows were measured earlier with the same harness and splits, not in the same run. While "
             "`automl` was developed, scores on these very test splits were looked at, and some defaults (the recipes of linear "
             "models, the fixed configurations tried first, the smoothing of forests) were chosen with them in view; the peers had no "
             "such advantage, so our figures are optimistic. One split and one seed a table: small differences are noise.", ""]
    lines.append("| table | metric | " + " | ".join(columns) + " | fit s | predict s |")
    lines.append("|---|---|" + "---:|" * (len(columns) + 2))
    for key, row in scores.iterrows():
        best = ranks.loc[key].min()
        cells = [f"**{row[c]:.6g}**" if ranks.loc[key, c] == best else f"{row[c]:.6g}" for c in columns]
        lines.append(f"| {key[0]} | {key[1]} | {' | '.join(cells)} | {own.loc[key[0], 'fit_s']:.1f} | {own.loc[key[0], 'predict_s']:.2f} |")
    lines.append("| **mean rank** | | " + " | ".join(f"{ranks[c].mean():.2f}" for c in columns) + " | | |")
    peers = [column for column in columns if column.endswith("@60") and column != ours]
    wins = [f"{column} on {(losses[ours] < losses[column]).sum()}" for column in peers]
    n_best = (losses[ours] < losses[peers].min(axis=1)).sum()
    lines += ["", f"Better than {', '.join(wins)}, and than the best of these on {n_best} of {len(losses)} tables. Longest fit: {own['fit_s'].max():.1f} s.", ""]
    write_part("tables", lines, args.output)
    if args.limits and Path(args.limits).exists():
        lines = ["### Limits", "", f"Measured on {time.strftime('%Y-%m-%d')} with {version()}.", ""]
        lines += ["| what | measured | unit | at most |", "|---|---:|---|---:|"]
        lines += ["| " + " | ".join(row) + " |" for row in list(csv.reader(open(args.limits)))[1:]]
        write_part("limits", [*lines, ""], args.output, script="tables/run.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["tables", "limits", "report", "check"])
    parser.add_argument("--harness")
    parser.add_argument("--data")
    parser.add_argument("--reference")
    parser.add_argument("--results", required=True)
    parser.add_argument("--limits")
    parser.add_argument("--only")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--output", default=DOCUMENT)
    arguments = parser.parse_args()
    {"tables": tables, "limits": limits, "report": report, "check": check}[arguments.verb](arguments)
