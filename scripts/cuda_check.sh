#!/usr/bin/env bash
# Trains networks on an NVIDIA GPU: their losses beside those of the CPU, their rate beside PyTorch's on the same GPU.
#
#     scripts/cuda_check.sh [--docs docs/benchmarks.md] [--only mlp]
#
# Builds the program with CUDA unless AUTOML_BIN names one. Needs a driver, CUDA's run-time compiler and headers, and a
# python3 with torch. Fails when a loss is not the CPU's.
set -euo pipefail
cd "$(dirname "$0")/.."
binary="${AUTOML_BIN:-}"
if [ -z "$binary" ]; then
    cargo build --release -p automl --features cuda
    binary="${CARGO_TARGET_DIR:-target}/release/automl"
fi
exec python3 scripts/cuda_check.py --binary "$binary" "$@"
