#!/usr/bin/env python3
"""How good trained networks are on public data, with what is wanted of them beside.

    python benches/neural/quality.py --binary target/release/automl --data DIR [--only mlp] [--out DIR]

DIR holds `california_housing.csv.gz`, `adult.csv.gz`, `text_sst2_train.csv.gz` and `text_sst2_test.csv`, as `datasets/SOURCES.md` of the benchmark's tables names them.
The digits are those of `datasets/`. Split of tables: 80 % to learn from and 20 % to score on, seed 42, stratified for classes; a fifth of the former is held out by
`automl train` to stop in time. Needs pandas and scikit-learn. Scores: RMSE in units of 100,000, and accuracy.
"""
import argparse
import json
import subprocess
import time
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

# What is wanted: a little short of what Gorishniy and others published in 2021 and 2025.
CASES = [
    ("california", "mlp", 0.495, {"model.type": "mlp", "model.width": 384, "model.layers": 3, "model.dropout": 0.1,
                                   "optimizer.learning_rate": 0.001, "trainer.epochs": 150, "trainer.patience": 20,
                                   "schedule.type": "plateau", "schedule.patience": 6, "trainer.ema_decay": 0.99}),
    ("california", "tabm", 0.445, {"model.type": "tabm", "model.width": 192, "model.members": 24, "model.layers": 2,
                                    "features.number_embedding": "piecewise_linear", "features.embedding_size": 16,
                                    "features.pieces": 48, "optimizer.learning_rate": 0.002,
                                    "optimizer.weight_decay": 0.0003, "trainer.epochs": 50, "trainer.patience": 10,
                                    "trainer.ema_decay": 0.99}),
    ("adult", "mlp", 0.855, {"model.type": "mlp", "model.width": 256, "model.layers": 2, "model.dropout": 0.2,
                              "optimizer.learning_rate": 0.0005, "trainer.epochs": 40, "trainer.patience": 8,
                              "metrics": "accuracy, log_loss", "trainer.ema_decay": 0.99}),
    ("adult", "tabm", 0.865, {"model.type": "tabm", "model.width": 128, "model.members": 16, "model.layers": 2,
                               "features.number_embedding": "piecewise_linear", "features.embedding_size": 8,
                               "features.pieces": 32, "optimizer.learning_rate": 0.001, "trainer.epochs": 25,
                               "trainer.patience": 6, "metrics": "accuracy, log_loss", "trainer.ema_decay": 0.99}),
    ("digits", "cnn", 0.985, {"config": "configs/train/cnn.yaml"}),
    ("digits", "resnet18", 0.985, {"config": "configs/train/resnet18.yaml"}),
    ("sst2", "text", 0.80, {"model.type": "text_transformer", "model.blocks": 1, "model.head_size": 16,
                             "texts.column": "sentence", "texts.length": 48, "data.validation_share": 0.05,
                             "metrics": "accuracy, log_loss", "optimizer.learning_rate": 0.002,
                             "optimizer.weight_decay": 0.01, "schedule.type": "cosine", "schedule.warmup_steps": 50,
                             "trainer.epochs": 3, "trainer.shard_rows": 64}),
]
# What is split already.
SPLIT = {
    "digits": ("{datasets}/digits-train-images-idx3-ubyte.gz", "{datasets}/digits-test-images-idx3-ubyte.gz", "label"),
    "sst2": ("{data}/text_sst2_train.csv.gz", "{data}/text_sst2_test.csv", "label"),
}
ROOT = Path(__file__).resolve().parent.parent.parent
TABLES = {
    "california": ("california_housing.csv.gz", "median_house_value"),
    "adult": ("adult.csv.gz", "income"),
}


def prepare(name: str, data: Path, out: Path) -> tuple[Path, Path, str]:
    if name in SPLIT:
        train, test, target = (text.format(data=data, datasets=ROOT / "datasets") for text in SPLIT[name])
        return Path(train), Path(test), target
    file, target = TABLES[name]
    frame = pd.read_csv(data / file, dtype=str, keep_default_na=False, skipinitialspace=True)
    frame.columns = [column.strip() for column in frame.columns]
    if name == "adult":
        frame[target] = frame[target].str.rstrip(".")
        frame = frame.replace({"?": ""})
    frame = frame[frame[target] != ""]
    classes = frame[target] if name == "adult" else None
    train, test = train_test_split(frame, test_size=0.2, random_state=42, stratify=classes)
    paths = out / f"{name}_train.csv", out / f"{name}_test.csv"
    train.to_csv(paths[0], index=False)
    test.to_csv(paths[1], index=False)
    return *paths, target


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/automl")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("neural-quality"))
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{'table':12}{'network':9}{'score':>10}{'wanted':>11}{'epochs':>8}{'seconds':>9}")
    for table, network, wanted, settings in CASES:
        if args.only and args.only not in f"{table}-{network}":
            continue
        train, test, target = prepare(table, args.data, args.out)
        model = args.out / f"{table}-{network}"
        config = args.out / f"{table}-{network}.yaml"
        settings = dict(settings)
        base = settings.pop("config", None)
        config.write_text((ROOT / base).read_text() if base else "")
        sets = {"data.path": train, "data.target": target, **settings}
        command = [args.binary, "train", config, "--output", model, "--overwrite", "--no-record", "--format", "json"]
        for key, value in sets.items():
            command += ["--set", f"{key}={value}"]
        started = time.time()
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seconds = time.time() - started
        told = json.loads(result.stdout)
        scored = subprocess.run([args.binary, "evaluate", model, test, "--no-record", "--format", "json"],
                                check=True, stdout=subprocess.PIPE)
        scores = json.loads(scored.stdout)
        (args.out / f"{table}-{network}.json").write_text(json.dumps({"train": told, "test": scores}))
        flat = scores["metrics"]
        score = flat["rmse"] / 1e5 if table == "california" else flat["accuracy"]
        print(f"{table:12}{network:9}{score:10.4f}{wanted:11.3f}{told['n_epochs']:8}{seconds:9.0f}", flush=True)


if __name__ == "__main__":
    main()
