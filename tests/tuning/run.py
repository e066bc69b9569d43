#!/usr/bin/env python3
"""Runs the suite: makes an environment for each client once, then calls pytest in it."""
import argparse, os, shutil, subprocess, sys, venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMMON = ["grpcio==1.85.3", "protobuf==7.36.2", "pytest==9.0.2"]
WANTED = {
    "optuna": ["optuna==5.0.0", *COMMON],
    "vizier": ["google-vizier==0.1.24", "absl-py==2.5.1", "attrs==26.1.0", "googleapis-common-protos==1.76.0", "numpy==2.2.6", *COMMON],
    "json": ["pytest==9.0.2"],
}


def environment(client):
    """The Python of an environment with what is wanted; made anew when the list changes."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / f"{client}-client"
    python, mark = target / "bin/python", target / "wanted.txt"
    if not mark.exists() or mark.read_text() != "\n".join(WANTED[client]):
        shutil.rmtree(target, ignore_errors=True)
        venv.create(target, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED[client]], check=True)
        mark.write_text("\n".join(WANTED[client]))
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--client", choices=list(WANTED), help="one client alone")
    args, rest = parser.parse_known_args()
    env = dict(os.environ, AUTOML_TUNING_ONLY=args.only or "", PYTHONDONTWRITEBYTECODE="1")
    failed = 0
    for client in [args.client] if args.client else WANTED:
        command = [environment(client), "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / f"test_{client}.py", *rest]
        failed |= subprocess.run([str(part) for part in command], env=env).returncode
    sys.exit(failed)


if __name__ == "__main__":
    main()
