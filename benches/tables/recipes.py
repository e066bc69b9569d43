#!/usr/bin/env python3
"""Measure what each recipe of trees is worth: the same boosting by cross-validation, seen through one recipe after the other.

    python benches/tables/recipes.py --tables DIR --datasets datasets.csv --only adult,jungle_chess --report

DIR holds a folder a table with `train.csv`, as the comparison harness makes them; test rows are not looked at. `--report` writes the
part of docs/benchmarks.md. The binary is the one named by $AUTOML_BIN, default target/release/automl. Standard library only (--report
wants Python 3.12).
"""
import argparse, csv, json, os, statistics, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
RECIPES = ["trees", "trees_target", "trees_pairs", "trees_crosses"]
PARAMS = {"max_leaves": 31, "learning_rate": 0.08}
METRICS = {"auc": "roc_auc", "logloss": "log_loss", "rmse": "rmse"}


def losses(spec, args, scratch):
    """The loss of each recipe that makes anything of this table; a recipe that does not is the plain one, which is tried once."""
    portfolio = scratch / "recipes.json"
    portfolio.write_text(json.dumps([{"learner": "gradient_boosting", "recipe": recipe, "params": PARAMS} for recipe in RECIPES]))
    model = scratch / spec["name"]
    command = [BIN, "fit", Path(args.tables) / spec["name"] / "train.csv", "--target", spec["target"], "--metric", METRICS[spec["metric"]],
               "--portfolio", portfolio, "--max-trials", 1 + len(RECIPES), "--folds", 4, "--without", "tuning", "--output", model,
               "--no-record", "--no-journal"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    told = json.loads((model / "leaderboard.json").read_text())
    rows = [row for row in told["rows"] if row["learner"] == "gradient_boosting"]
    return {row["recipe"]: 1 - row["score"] if told["higher_is_better"] else row["score"] for row in rows}


def main(args):
    others = RECIPES[1:]
    lines = ["### What recipes are worth", "",
             "The same boosting (31 leaves, learning rate 0.08, early stopping) by 4-fold cross-validation of the training rows, through each recipe of trees. "
             "The figures say how much greater the loss (1 - AUC, log loss, RMSE) is than with the plain recipe: what is negative was gained. Where there is "
             "nothing for a recipe to work on, there is no figure.", "",
             "| table | " + " | ".join(others) + " |", "|---|" + "---:|" * len(others)]
    changes = {recipe: [] for recipe in others}
    with tempfile.TemporaryDirectory() as scratch:
        for spec in csv.DictReader(open(args.datasets)):
            if args.only and spec["name"] not in args.only.split(","):
                continue
            of = losses(spec, args, Path(scratch))
            cells = []
            for recipe in others:
                if recipe not in of:
                    cells.append("")
                    continue
                changes[recipe].append(of[recipe] / of["trees"] - 1)
                cells.append(f"{100 * changes[recipe][-1]:+.1f}%")
            lines.append(f"| {spec['name']} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    lines.append("| **better, of** | " + " | ".join(f"{sum(change < 0 for change in all)} of {len(all)}" for all in changes.values()) + " |")
    lines.append("| **median** | " + " | ".join(f"{100 * statistics.median(all):+.1f}%" if all else "" for all in changes.values()) + " |")
    print("\n".join(lines[-2:]))
    if args.report:
        sys.path.insert(0, str(ROOT / "benches"))
        from document import write_part
        write_part("recipes", [*lines, ""], script="tables/recipes.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--datasets", required=True)
    parser.add_argument("--only")
    parser.add_argument("--report", action="store_true", help="write the part of docs/benchmarks.md")
    main(parser.parse_args())
