#!/usr/bin/env bash
# Write one small model of every learner, with what it predicts, to tests/golden/<format>.
#
#     scripts/make_golden_models.sh target/release/automl tests/golden/format-1
#
# Run it once for a new format of the model directory, with the version that brings that format, and never again: these
# files show that models written then still load and still predict the same.
set -euo pipefail
automl=$(realpath "$1")
out=$2
[ ! -e "$out" ] || { echo "$out is there; golden models are never written anew" >&2; exit 1; }
root=$(realpath "$(dirname "$0")/..")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
out=$(realpath "$out")
cd "$scratch"

# Name of the table, its target, and the learners.
golden() {
    local table=$1 target=$2
    shift 2
    head -61 "$root/datasets/$table.csv" > "$table.csv"
    { head -1 "$table.csv"; tail -15 "$root/datasets/$table.csv"; } > "$out/$table.csv"
    for learner in "$@"; do
        "$automl" fit "$table.csv" --target "$target" --include "$learner" --quality fast --max-trials 2 --holdout 0.3 \
            --output "$out/$learner" > /dev/null 2>&1
        "$automl" predict "$out/$learner" "$out/$table.csv" --output "$out/$learner.csv" 2> /dev/null
    done
}

golden churn churned baseline naive_bayes logistic_regression nearest_neighbours svm gradient_boosting extra_trees random_forest mlp
golden rents rent_eur elastic_net tabm
