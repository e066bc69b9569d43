#!/usr/bin/env python3
"""Seconds of a training step, beside PyTorch's on the same machine and threads.

    python benches/neural/step_time.py --binary target/release/automl [--threads 2]

A table of random numbers is trained on for a few epochs by both, with AdamW, the same layers and batches; the median
epoch counts, after the first. Needs torch. Nothing is held out, so an epoch is its steps alone.
"""
import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

N_ROWS, N_COLUMNS, EPOCHS = 8192, 64, 6


class TabM(nn.Module):
    """Members that share matrices: the full variant of the paper, one output each."""

    def __init__(self, members: int, width: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.members = members
        sizes = [(N_COLUMNS, width), (width, width)]
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(a, b) / a**0.5) for a, b in sizes])
        self.r = nn.ParameterList([nn.Parameter(torch.ones(members, a)) for a, _ in sizes])
        self.s = nn.ParameterList([nn.Parameter(torch.ones(members, b)) for _, b in sizes])
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(members, b)) for _, b in sizes])
        self.head = nn.Parameter(torch.randn(members, width, 1) / width**0.5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[:, None].expand(-1, self.members, -1)
        for weight, r, s, bias in zip(self.weights, self.r, self.s, self.bias):
            x = self.dropout(torch.relu(((x * r) @ weight) * s + bias))
        return torch.einsum("bkh,kho->bko", x, self.head)


def mlp(width: int, dropout: float = 0.1) -> nn.Module:
    layers = []
    n_inputs = N_COLUMNS
    for _ in range(3):
        layers += [nn.Linear(n_inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        n_inputs = width
    return nn.Sequential(*layers, nn.Linear(width, 1), nn.Unflatten(1, (1, 1)))


def torch_seconds(network: nn.Module, batch: int, x: np.ndarray, y: np.ndarray) -> float:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    epochs = []
    for _ in range(EPOCHS):
        order = torch.randperm(N_ROWS)
        started = time.perf_counter()
        for start in range(0, N_ROWS, batch):
            rows = order[start : start + batch]
            optimizer.zero_grad()
            loss = ((network(x[rows]) - y[rows, None, None]) ** 2).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        epochs.append(time.perf_counter() - started)
    return statistics.median(epochs[1:]) / (N_ROWS / batch)


def automl_seconds(binary: str, threads: int, batch: int, model: dict, table: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "empty.yaml"
        config.write_text("")
        sets = {"data.path": table, "data.target": "y", "data.validation_share": 0, "features.numbers": "none",
                "trainer.epochs": EPOCHS, "trainer.batch_size": batch, "trainer.patience": 0, **model}
        command = [binary, "train", config, "--output", Path(folder) / "model", "--no-record", "--format", "json",
                   "--threads", str(threads)]
        for key, value in sets.items():
            command += ["--set", f"{key}={value}"]
        result = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    events = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    at = [event["at_seconds"] for event in events if event.get("event") == "epoch-finished"]
    return statistics.median(b - a for a, b in zip(at, at[1:])) / (N_ROWS / batch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/automl")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    random = np.random.default_rng(0)
    x = random.normal(size=(N_ROWS, N_COLUMNS)).astype(np.float32)
    y = (x[:, 0] + np.sin(x[:, 1])).astype(np.float32)
    print(f"torch {torch.__version__}, {args.threads} threads, {N_ROWS} rows, {N_COLUMNS} columns")
    print(f"{'network':22}{'batch':>6}{'torch ms':>10}{'automl ms':>11}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.csv"
        names = [f"x{column}" for column in range(N_COLUMNS)]
        np.savetxt(table, np.column_stack([x, y]), delimiter=",", header=",".join([*names, "y"]), comments="", fmt="%.7g")
        cases = [
            ("mlp 3x256", 256, lambda: mlp(256), {"model.type": "mlp", "model.width": 256}),
            ("mlp 3x512", 256, lambda: mlp(512), {"model.type": "mlp", "model.width": 512}),
            ("tabm 32 members 2x256", 256, lambda: TabM(32, 256),
             {"model.type": "tabm", "model.width": 256, "model.members": 32}),
        ]
        for name, batch, network, model in cases:
            theirs = torch_seconds(network(), batch, x, y)
            ours = automl_seconds(args.binary, args.threads, batch, model, table)
            print(f"{name:22}{batch:6}{theirs * 1e3:10.2f}{ours * 1e3:11.2f}{ours / theirs:8.2f}", flush=True)


if __name__ == "__main__":
    main()
