"""What scripts/cuda_check.sh runs: losses on a GPU beside the CPU's, rates beside PyTorch's.

Every network is trained by three: ours on the CPU, ours on the GPU, PyTorch's on the GPU with the same layers and
batches. Nothing is held out and nothing dropped, so an epoch is its steps alone; the median epoch after the first counts.
PyTorch has its data on the GPU from the start, and runs without compilation: in float32 and allowed TF32, or with autocast
to the type of `--precision`. The CPU computes in float32 whatever is compared with it.
"""
import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benches/neural"))
from step_time import N_COLUMNS, TabM, mlp

BEGIN, END = "<!-- gpu: written by scripts/cuda_check.sh, do not edit -->", "<!-- end of gpu -->"
N_CLASSES = 10
SIDE = 32
# Low, so that a difference in rounding does not grow to one of the path that is taken.
LEARNING_RATE = 1e-4
# Sums are taken in another order on a GPU; small differences grow with every step. Fewer bits differ more.
LOSS_TOLERANCE = {"float32": 0.02, "bfloat16": 0.05, "float16": 0.05}


class Block(nn.Module):
    """A residual block with norms over groups of channels, as ours has."""

    def __init__(self, n_inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(n_inputs, channels, 3, stride, 1, bias=False), nn.GroupNorm(32, channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.GroupNorm(32, channels))
        self.beside = nn.Identity()
        if stride != 1 or n_inputs != channels:
            self.beside = nn.Sequential(nn.Conv2d(n_inputs, channels, 1, stride, bias=False), nn.GroupNorm(32, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.inner(x) + self.beside(x))


def resnet18() -> nn.Module:
    layers = [nn.Conv2d(1, 64, 3, 1, 1, bias=False), nn.GroupNorm(32, 64), nn.ReLU()]
    n_inputs = 64
    for stage in range(4):
        for block in range(2):
            channels = 64 << stage
            layers.append(Block(n_inputs, channels, 2 if block == 0 and stage > 0 else 1))
            n_inputs = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, N_CLASSES))


def torch_rate(case: dict, epochs: int, precision: str) -> float:
    """Rows a second in `float32`, `tf32`, `bfloat16` or `float16`."""
    x, y, batch = case["x"], case["y"], case["batch"]
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    scaler = torch.amp.GradScaler("cuda", enabled=dtype == torch.float16)
    network = case["network"]().cuda()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    x, y = torch.from_numpy(x).cuda(), torch.from_numpy(y).cuda()
    is_regression = y.dtype == torch.float32
    seconds = []
    for _ in range(epochs):
        order = torch.randperm(len(x), device="cuda")
        torch.cuda.synchronize()
        started = time.perf_counter()
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype or torch.bfloat16, enabled=dtype is not None):
                found = network(x[rows])
                if is_regression:
                    loss = ((found - y[rows, None, None]) ** 2).mean()
                else:
                    loss = nn.functional.cross_entropy(found, y[rows])
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return len(x) / statistics.median(seconds[1:])


def automl(binary: str, device: str, sets: dict, epochs: int, n_rows: int) -> tuple[list[float], float, float]:
    """Losses of epochs, rows a second, and seconds until the first epoch was done."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "empty.yaml"
        config.write_text("")
        command = [binary, "train", config, "--output", Path(folder) / "model", "--no-record", "--format", "json",
                   "--device", device]
        for key, value in {**sets, "trainer.epochs": epochs}.items():
            command += ["--set", f"{key}={value}"]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{command}\n{result.stderr[-3000:]}")
    events = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    events = [event for event in events if event.get("event") == "epoch-finished"]
    at = [event["at_seconds"] for event in events]
    seconds = [b - a for a, b in zip(at, at[1:])]
    rate = n_rows / statistics.median(seconds[1:] or seconds) if seconds else float("nan")
    return [event["loss"] for event in events], rate, at[0]


def write_table(folder: Path, n_rows: int) -> tuple[Path, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.normal(size=(n_rows, N_COLUMNS)).astype(np.float32)
    y = (x[:, 0] + np.sin(x[:, 1])).astype(np.float32)
    path = folder / f"table_{n_rows}.csv"
    names = ",".join([f"x{column}" for column in range(N_COLUMNS)] + ["y"])
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header=names, comments="", fmt="%.7g")
    return path, x, y


def table_cases(folder: Path) -> list[dict]:
    large, x, y = write_table(folder, 65_536)
    small, _, _ = write_table(folder, 4096)
    common = {"data.target": "y", "data.validation_share": 0, "features.numbers": "none", "trainer.patience": 0,
              "model.dropout": 0, "optimizer.learning_rate": LEARNING_RATE}
    cases = []
    for name, batch, network, sets in [
        ("MLP 3 × 512", 2048, lambda: mlp(512, dropout=0), {"model.type": "mlp", "model.width": 512, "model.layers": 3}),
        ("TabM 32 members 2 × 256", 1024, lambda: TabM(32, 256, dropout=0),
         {"model.type": "tabm", "model.width": 256, "model.members": 32, "model.layers": 2}),
    ]:
        cases.append({
            "name": name, "key": sets["model.type"], "x": x, "y": y, "batch": batch, "network": network,
            "large": {**common, **sets, "data.path": large, "trainer.batch_size": batch},
            "small": {**common, **sets, "data.path": small, "trainer.batch_size": 256}, "n_small": 4096,
        })
    return cases


def write_idx(folder: Path, n_rows: int) -> tuple[Path, np.ndarray, np.ndarray]:
    """Noise with a bright bar whose place is the class."""
    random = np.random.default_rng(0)
    labels = (np.arange(n_rows) % N_CLASSES).astype(np.uint8)
    images = random.integers(0, 128, size=(n_rows, SIDE, SIDE), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[3 * label : 3 * label + 3] += 96
    path = folder / f"n{n_rows}-images-idx3-ubyte"
    path.write_bytes(bytes([0, 0, 8, 3]) + np.array(images.shape, dtype=">i4").tobytes() + images.tobytes())
    label_path = folder / f"n{n_rows}-labels-idx1-ubyte"
    label_path.write_bytes(bytes([0, 0, 8, 1]) + np.array(labels.shape, dtype=">i4").tobytes() + labels.tobytes())
    return path, images[:, None].astype(np.float32) / 255, labels.astype(np.int64)


def image_case(folder: Path) -> dict:
    large, x, y = write_idx(folder, 8192)
    small, _, _ = write_idx(folder, 256)
    common = {"data.validation_share": 0, "trainer.patience": 0, "model.type": "resnet18", "images.shift": 0,
              "optimizer.learning_rate": LEARNING_RATE}
    return {
        "name": "ResNet-18, 32 × 32 images", "key": "resnet18", "x": x, "y": y, "batch": 128, "network": resnet18,
        "large": {**common, "data.path": large, "trainer.batch_size": 128},
        "small": {**common, "data.path": small, "trainer.batch_size": 64}, "n_small": 256,
    }


def run(case: dict, args: argparse.Namespace) -> dict:
    sets = {} if args.precision == "float32" else {"trainer.precision": args.precision}
    cpu, _, _ = automl(args.binary, "cpu", case["small"], 3, case["n_small"])
    gpu, _, _ = automl(args.binary, args.device, {**case["small"], **sets}, 3, case["n_small"])
    difference = max(abs(a - b) / abs(a) for a, b in zip(cpu, gpu))
    _, rate, first = automl(args.binary, args.device, {**case["large"], **sets}, args.epochs, len(case["x"]))
    theirs = torch_rate(case, args.epochs, args.precision)
    fast = torch_rate(case, args.epochs, "tf32") if args.precision == "float32" else None
    row = {"name": case["name"], "precision": args.precision, "batch": case["batch"], "cpu_loss": cpu[-1],
           "cpu_fall": cpu[0] - cpu[-1], "gpu_loss": gpu[-1], "difference": difference, "rate": rate, "torch": theirs,
           "torch_tf32": fast, "first_epoch_s": first}
    print(json.dumps(row), flush=True)
    return row


def markdown(rows: list[dict], args: argparse.Namespace) -> str:
    gpu = torch.cuda.get_device_name()
    version = subprocess.run([args.binary, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    lines = [
        BEGIN,
        "## GPU",
        "",
        f"One {gpu}, {version}, PyTorch {torch.__version__}, measured on {datetime.date.today()}. AdamW, random "
        "data, nothing dropped. Losses are those of the third epoch from the same start on 4,096 rows or 256 images; rates are rows "
        f"learned from in a second, median of {args.epochs - 1} epochs after the first. PyTorch runs eagerly with its data "
        "on the GPU, in float32 plain and with TF32 allowed, else with autocast; the CPU's losses are those of float32.",
        "",
        "| network | precision | batch | loss, CPU | loss, GPU | greatest difference | rows / s | PyTorch | PyTorch, TF32 | "
        "ours / PyTorch | first epoch |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        fast = f"{row['torch_tf32']:,.0f}" if row["torch_tf32"] else ""
        lines.append(
            f"| {row['name']} | {row['precision']} | {row['batch']} | {row['cpu_loss']:.5f} | {row['gpu_loss']:.5f} "
            f"| {row['difference']:.1e} | {row['rate']:,.0f} | {row['torch']:,.0f} | {fast} "
            f"| {row['rate'] / row['torch']:.2f} | {row['first_epoch_s']:.1f} s |")
    return "\n".join([*lines, "", END])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--only", help="one network: mlp, tabm or resnet18")
    parser.add_argument("--precision", choices=list(LOSS_TOLERANCE), default="float32")
    parser.add_argument("--rows", type=Path, help="a file of rows of earlier runs, which stay in the table")
    parser.add_argument("--docs", type=Path, help="write the table into this file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = [*table_cases(Path(folder)), image_case(Path(folder))]
        rows = [run(case, args) for case in cases if args.only in (None, case["key"])]
    if args.rows:
        kept = args.rows.read_text().splitlines() if args.rows.exists() else []
        key = lambda row: (row["name"], row["precision"])
        kept = {key(row): row for row in map(json.loads, kept)} | {key(row): row for row in rows}
        rows = list(kept.values())
        args.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))
    block = markdown(rows, args)
    print(block)
    if args.docs:
        text = args.docs.read_text()
        if BEGIN in text:
            text = text[: text.index(BEGIN)] + block + text[text.index(END) + len(END) :]
        else:
            text = text.rstrip() + "\n\n" + block + "\n"
        args.docs.write_text(text)
    for row in rows:
        if row["cpu_fall"] < 10 * abs(row["cpu_loss"] - row["gpu_loss"]):
            sys.exit(f"{row['name']}: the losses differ by more than a tenth of what was learned")
    for row in rows:
        if row["difference"] > LOSS_TOLERANCE[row["precision"]]:
            sys.exit(f"{row['name']}, {row['precision']}: the losses differ by {row['difference']:.1e}")


if __name__ == "__main__":
    main()
