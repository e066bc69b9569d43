#!/usr/bin/env python3
"""Runs the suite: makes an environment for each client once, then calls pytest in it."""
import argparse, os, shutil, subprocess, sys, venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Apart, for they want different versions of protobuf.
WANTED = {
    "triton": ["tritonclient[http,grpc]==2.73.0", "pytest==9.0.2"],
    "sagemaker": ["boto3==1.44.5", "pytest==9.0.2"],
    "mlflow": ["mlflow==3.17.2", "pytest==9.0.2"],
}


def environment(client):
    """The Python of an environment with what is wanted; made anew when the list changes."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / f"serving-{client}-client"
    python, mark = target / "bin/python", target / "wanted.txt"
    if not mark.exists() or mark.read_text() != "\n".join(WANTED[client]):
        shutil.rmtree(target, ignore_errors=True)
        venv.create(target, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED[client]], check=True)
        mark.write_text("\n".join(WANTED[client]))
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", choices=list(WANTED), help="one client alone")
    parser.add_argument("--python", help="an environment that has the client already")
    args, rest = parser.parse_known_args()
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", MLFLOW_DISABLE_TELEMETRY="true")
    failed = 0
    for client in [args.client] if args.client else WANTED:
        python = args.python or environment(client)
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / f"test_{client}.py", *rest]
        failed |= subprocess.run([str(part) for part in command], env=env).returncode
    sys.exit(failed)


if __name__ == "__main__":
    main()
