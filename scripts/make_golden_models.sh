#!/usr/bin/env bash
# Write one small model of every learner, one of several targets and an imported graph, with what they predict, to tests/golden/<format>.
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
            --output "$learner" > /dev/null 2>&1
        mv "$learner" "$out"
        "$automl" predict "$out/$learner" "$out/$table.csv" --output "$out/$learner.csv" 2> /dev/null
    done
}

# A model of several targets, and a graph of another program.
others() {
    "$automl" fit churn.csv --target churned,plan,usage_hours --include gradient_boosting --quality fast --max-trials 2 --holdout 0.3 \
        --output several_targets > /dev/null 2>&1
    mv several_targets "$out"
    "$automl" predict "$out/several_targets" "$out/churn.csv" --output "$out/several_targets.csv" 2> /dev/null
    cp "$root/crates/automl-onnx/src/import/reference/forest.onnx" .
    "$automl" models import forest.onnx --output onnx_graph > /dev/null
    mv onnx_graph "$out"
    awk 'BEGIN { print "X_0,X_1,X_2"; for (i = 1; i <= 15; i++) print sin(i) "," sin(2 * i) "," sin(3 * i) }' > "$out/numbers.csv"
    "$automl" predict "$out/onnx_graph" "$out/numbers.csv" --output "$out/onnx_graph.csv" 2> /dev/null
}

golden churn churned baseline naive_bayes logistic_regression nearest_neighbours svm gradient_boosting extra_trees random_forest mlp
golden rents rent_eur elastic_net tabm
others
