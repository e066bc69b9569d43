#!/usr/bin/env python3
"""What rules of stopping save on real learning curves, and what they cost.

    python benches/tuning/curves.py make --curves curves.json [--data DIR]     # trains the networks, once: some minutes
    python benches/tuning/curves.py run  --curves curves.json                  # studies over what was trained

`make` trains small networks (as LCBench does: a learning rate, momentum, layers, width, batch size and weight decay drawn at
random) for 50 epochs on tables, and keeps the validation loss after each. `run` starts `automl serve` (the binary named by
$AUTOML_BIN, default target/release/automl) and lets studies of 100 trials, each a network drawn from those, measure every epoch
and ask whether to go on. Printed for each rule: the share of all epochs that were run, by how much the best finished trial is
worse than the best of all 100 (in spreads of them), and in how many studies the best was stopped.
Needs numpy, pandas and scikit-learn.
"""
import argparse, http.client, json, os, re, subprocess, tempfile, warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("AUTOML_BIN", ROOT / "target/release/automl")).resolve()
EPOCHS, TRIALS, DRAWN = 50, 100, 200
TABLES = {"phoneme": "class", "vehicle": "Class", "credit_g": "class", "car": "class"}
RULES = {
    "none": None,
    "median": {"name": "median", "n_warmup": 5},
    "asha": {"name": "asha"},
    "asha from step 5": {"name": "asha", "min_step": 5},
    "decay curve": {"name": "decay_curve", "max_step": 50},
}


def tables(folder):
    """Features and classes by name, scaled, at most 2,000 rows."""
    import pandas as pd
    from sklearn import datasets, preprocessing

    for name, load in (("digits", datasets.load_digits), ("breast_cancer", datasets.load_breast_cancer), ("wine", datasets.load_wine)):
        data = load()
        yield name, preprocessing.scale(data.data), data.target
    for name, target in TABLES.items() if folder else ():
        (path,) = list(Path(folder).glob(f"{name}.csv*"))
        frame = pd.read_csv(path).sample(frac=1, random_state=0).head(2000)
        column = target if target in frame else frame.columns[-1]
        features = pd.get_dummies(frame.drop(columns=column)).astype(float)
        yield name, preprocessing.scale(features), frame[column].astype("category").cat.codes.to_numpy()


def train(X, y, config, seed):
    """Validation losses, epoch by epoch."""
    import numpy as np
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    order = np.random.default_rng(0).permutation(len(y))
    held, kept = order[: len(y) // 3], order[len(y) // 3 :]
    classes = sorted(set(y))
    model = MLPClassifier([config["width"]] * config["layers"], solver="sgd", learning_rate_init=config["rate"], momentum=config["momentum"],
                          alpha=config["decay"], batch_size=min(config["batch"], len(kept)), random_state=seed)
    losses = []
    for _ in range(EPOCHS):
        try:
            model.partial_fit(X[kept], y[kept], classes=classes)
            loss = log_loss(y[held], model.predict_proba(X[held]), labels=classes)
        except ValueError:
            loss = float("inf")
        losses.append(min(float(loss), 50.0) if loss == loss else 50.0)
    return losses


def make(args):
    import numpy as np

    warnings.filterwarnings("ignore")
    found = {}
    for name, X, y in tables(args.data):
        draws = np.random.default_rng(1)
        curves = []
        for seed in range(DRAWN):
            config = {"rate": 10 ** draws.uniform(-4, -0.5), "momentum": draws.uniform(0.1, 0.99), "layers": int(draws.integers(1, 4)),
                      "width": int(2 ** draws.uniform(3, 7)), "batch": int(2 ** draws.uniform(4, 8)), "decay": 10 ** draws.uniform(-5, -1)}
            curves.append(train(X, y, config, seed))
        found[name] = curves
        print(name, "best", min(curve[-1] for curve in curves), flush=True)
    Path(args.curves).write_text(json.dumps(found))


class Server:
    def __init__(self, folder):
        command = [BIN, "serve", "--port", "0", "--workspace", Path(folder) / "workspace"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.at = http.client.HTTPConnection("127.0.0.1", int(re.search(r"127\.0\.0\.1:(\d+)", self.process.stdout.readline())[1]))

    def post(self, path, body):
        self.at.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = self.at.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        return told


def study(server, name, curves, rule):
    """Epochs that were run, and the trials that were stopped, of one study whose trials run one after another."""
    space = {"parameters": [{"name": "network", "type": "integer", "low": 0, "high": len(curves) - 1}]}
    spec = {"name": name, "space": space, "objectives": [{"name": "loss"}], "algorithm": {"name": "random"}}
    server.post("/api/studies", spec | ({"stopping": rule} if rule else {}))
    n_epochs, stopped = 0, set()
    for number, curve in enumerate(curves):
        (trial,) = server.post(f"/api/studies/{name}/suggest", {})["trials"]
        at = f"/api/studies/{name}/trials/{trial['number']}"
        for epoch, loss in enumerate(curve, 1):
            n_epochs += 1
            told = server.post(f"{at}/measure", {"step": epoch, "value": loss})
            if told["should_stop"] and epoch < len(curve):
                stopped.add(number)
                break
        server.post(f"{at}/tell", {"value": curve[epoch - 1], "state": "pruned" if number in stopped else "complete"})
    return n_epochs, stopped


def run(args):
    import numpy as np

    tables = json.loads(Path(args.curves).read_text())
    rules = {name: RULES[name] for name in args.rules.split(",")} if args.rules else dict(RULES)
    rules |= {text: json.loads(text) for text in args.rule}
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            for rule, settings in rules.items():
                shares, regrets, n_wrong, n_studies = [], [], 0, 0
                for table, curves in tables.items():
                    for seed in range(args.seeds):
                        drawn = [curves[at] for at in np.random.default_rng(seed).permutation(len(curves))[:TRIALS]]
                        n_studies += 1
                        n_epochs, stopped = study(server, f"{table} {seed} {n_studies} {rule}".replace(" ", "-").replace("/", "-").replace('"', "")[:90], drawn, settings)
                        ends = np.array([curve[-1] for curve in drawn])
                        best, spread = int(ends.argmin()), np.subtract(*np.percentile(ends, [75, 25]))
                        finished = [loss for number, loss in enumerate(ends) if number not in stopped]
                        shares.append(n_epochs / (TRIALS * EPOCHS))
                        regrets.append((min(finished) - ends[best]) / spread)
                        n_wrong += best in stopped
                print(f"{rule}: {100 * np.mean(shares):.1f} % of the epochs, regret {np.mean(regrets):.4f} (median {np.median(regrets):.4f}), "
                      f"the best stopped in {n_wrong} of {n_studies} studies ({100 * n_wrong / n_studies:.1f} %)", flush=True)
        finally:
            server.process.terminate()
            server.process.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["make", "run"])
    parser.add_argument("--curves", required=True)
    parser.add_argument("--data", help="folder with phoneme, vehicle, credit_g and car as CSV; without it, scikit-learn's own tables alone")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rules", help="some of: " + ", ".join(RULES))
    parser.add_argument("--rule", action="append", default=[], help="one more, as JSON")
    args = parser.parse_args()
    {"make": make, "run": run}[args.verb](args)


if __name__ == "__main__":
    main()
