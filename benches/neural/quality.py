#!/usr/bin/env python3
"""How good trained networks are on public data, with what is wanted of them beside.

    python benches/neural/quality.py --binary target/release/automl --data DIR [--only mlp] [--out DIR]

DIR holds `california_housing.csv.gz`, `adult.csv.gz`, `text_sst2_train.csv.gz`, `text_sst2_test.csv` and `ts_ETTh1.csv.gz`, as `datasets/SOURCES.md` of the benchmark's tables names them.
The digits are those of `datasets/`. Split of tables: 80 % to learn from and 20 % to score on, seed 42, stratified for classes; a fifth of the former is held out by
`automl train` to stop in time. Needs pandas and scikit-learn for these. Scores: RMSE in units of 100,000, accuracy,
and of time series the mean squared error of scaled values.
"""
import argparse
import json
import subprocess
import time
from pathlib import Path

ETT = {"data.time": "date", "series.lookback": 336, "series.horizon": 96, "series.train_rows": 8640,
       "series.validation_rows": 2880, "series.test_rows": 2880}
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
    # The settings of RealMLP's paper, untouched; no figure is wanted of it.
    ("california", "realmlp", None, {"model.type": "realmlp"}),
    ("adult", "realmlp", None, {"model.type": "realmlp", "metrics": "accuracy, log_loss"}),
    ("digits", "cnn", 0.985, {"config": "configs/train/cnn.yaml"}),
    ("digits", "resnet18", 0.985, {"config": "configs/train/resnet18.yaml"}),
    ("sst2", "text", 0.80, {"model.type": "text_transformer", "model.blocks": 1, "model.head_size": 16,
                             "texts.column": "sentence", "texts.length": 48, "data.validation_share": 0.05,
                             "metrics": "accuracy, log_loss", "optimizer.learning_rate": 0.002,
                             "optimizer.weight_decay": 0.01, "schedule.type": "cosine", "schedule.warmup_steps": 50,
                             "trainer.epochs": 3, "trainer.shard_rows": 64}),
    # Horizon 96; the papers' parts of 12, 4 and 4 months, and about what they publish for ETTh1.
    ("ett", "dlinear", 0.39, {"model.type": "dlinear", **ETT, "optimizer.learning_rate": 0.001,
                               "trainer.batch_size": 32, "trainer.shard_rows": 16, "trainer.epochs": 20,
                               "trainer.patience": 4, "schedule.type": "plateau", "schedule.patience": 1}),
    ("ett", "nbeats", 0.42, {"model.type": "nbeats", **ETT, "model.blocks": 3, "model.width": 128, "model.dropout": 0.2,
                              "optimizer.learning_rate": 0.0005, "trainer.batch_size": 32, "trainer.shard_rows": 16,
                              "trainer.epochs": 8, "trainer.patience": 2}),
    ("ett", "patchtst", 0.39, {"model.type": "patchtst", **ETT, "optimizer.learning_rate": 0.0005,
                                "trainer.batch_size": 64, "trainer.shard_rows": 16, "trainer.epochs": 12,
                                "trainer.patience": 3, "trainer.ema_decay": 0.99}),
]
# What is split already; of time series `automl train` takes the parts itself.
SPLIT = {
    "ett": ("{data}/ts_ETTh1.csv.gz", "{data}/ts_ETTh1.csv.gz", ""),
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
    import pandas as pd
    from sklearn.model_selection import train_test_split

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


def rate(binary: str, table: str, model_and_test: tuple[Path, Path], told: dict) -> tuple[float, dict]:
    if told.get("forecasts"):
        scores = told["forecasts"]["test"]
        return scores["mse"], scores
    command = [binary, "evaluate", *model_and_test, "--no-record", "--format", "json"]
    scores = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    flat = scores["metrics"]
    return flat["rmse"] / 1e5 if table == "california" else flat["accuracy"], scores


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
        score, scores = rate(args.binary, table, (model, test), told)
        (args.out / f"{table}-{network}.json").write_text(json.dumps({"train": told, "test": scores}))
        aim = f"{wanted:11.3f}" if wanted is not None else f"{'-':>11}"
        print(f"{table:12}{network:9}{score:10.4f}{aim}{told['n_epochs']:8}{seconds:9.0f}", flush=True)


if __name__ == "__main__":
    main()
