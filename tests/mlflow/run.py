#!/usr/bin/env python3
"""Runs the suite: makes an environment with the client once, then calls pytest in it."""
import argparse, os, shutil, subprocess, sys, venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WANTED = ["mlflow==3.17.2", "scikit-learn==1.9.1", "pytest==9.0.2", "psutil", "Flask-WTF==1.3.0", "tensorboard==2.21.0", "moto[server,s3]==5.2.5", "openapi-spec-validator==0.9.0"]


def environment():
    """The Python of an environment with what is wanted; made anew when the list changes."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "mlflow-client"
    python, mark = target / "bin/python", target / "wanted.txt"
    if not mark.exists() or mark.read_text() != "\n".join(WANTED):
        shutil.rmtree(target, ignore_errors=True)
        venv.create(target, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WANTED], check=True)
        mark.write_text("\n".join(WANTED))
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--python", help="an environment that has the client already")
    args, rest = parser.parse_known_args()
    env = dict(os.environ, AUTOML_MLFLOW_ONLY=args.only or "", PYTHONDONTWRITEBYTECODE="1", MLFLOW_DISABLE_TELEMETRY="true")
    command = [args.python or environment(), "-m", "pytest", "-q", "-p", "no:cacheprovider", *(rest or [HERE])]
    sys.exit(subprocess.run([str(part) for part in command], env=env).returncode)


if __name__ == "__main__":
    main()
