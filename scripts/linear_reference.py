"""Reference values of scikit-learn for the learners of automl-linear.

Writes crates/automl-linear/src/reference.json: a small made-up table, and what scikit-learn fits on it.
Run from the repository root: python scripts/linear_reference.py
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, TweedieRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR

rng = np.random.default_rng(7)
n = 60
x = rng.normal(size=(n, 4))
x[:, 1] = 0.6 * x[:, 0] + 0.8 * x[:, 1]
x[:, 2] = 30.0 + 12.0 * x[:, 2]
x[:, 3] = (x[:, 3] > 0.3).astype(float)
x = np.round(x, 4)
y = np.round(3.0 + 2.0 * x[:, 0] - 0.05 * x[:, 2] + 1.5 * x[:, 3] + rng.normal(scale=0.7, size=n), 4)
weight = np.round(rng.uniform(0.2, 2.0, size=n), 3)
score = x[:, 0] - x[:, 3] + rng.logistic(size=n)
binary = (score > 0).astype(int)
classes = np.digitize(score, [-0.8, 0.9])
new = np.round(rng.normal(size=(8, 4)) * [1, 1, 12, 1] + [0, 0, 30, 0], 4)

out = {
    "made_with": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
    "x": x.tolist(), "y": y.tolist(), "weight": weight.tolist(),
    "binary": binary.tolist(), "classes": classes.tolist(), "new": new.tolist(),
}

ridge = []
for alpha, intercept, weighted in [(0.5, True, False), (20.0, True, True), (3.0, False, False)]:
    model = Ridge(alpha=alpha, fit_intercept=intercept, tol=1e-14).fit(x, y, weight if weighted else None)
    total = weight.sum() if weighted else n
    ridge.append({"alpha": alpha / total, "intercept": intercept, "weighted": weighted,
                  "coef": model.coef_.tolist(), "constant": float(model.intercept_)})
out["ridge"] = ridge

net = []
for alpha, ratio, intercept, weighted in [
    (0.1, 0.5, True, False), (0.4, 1.0, True, False), (0.2, 0.3, True, True), (0.1, 0.9, False, False),
]:
    model = ElasticNet(alpha=alpha, l1_ratio=ratio, fit_intercept=intercept, tol=1e-14, max_iter=100_000)
    model.fit(x, y, weight if weighted else None)
    net.append({"alpha": alpha, "l1_ratio": ratio, "intercept": intercept, "weighted": weighted,
                "coef": model.coef_.tolist(), "constant": float(model.intercept_)})
out["elastic_net"] = net

deviance = []
for objective, power, alpha, intercept, weighted in [
    ("poisson", 1.0, 0.0, True, False), ("poisson", 1.0, 0.2, True, True), ("tweedie", 1.5, 0.05, True, False),
    ("tweedie", 1.2, 0.1, False, True), ("gamma", 2.0, 0.01, True, True),
]:
    target = np.maximum(y, 0.1) if objective == "gamma" else np.round(np.maximum(y, 0))
    model = TweedieRegressor(power=power, alpha=alpha, link="log", fit_intercept=intercept, solver="newton-cholesky", tol=1e-14,
                             max_iter=100_000)
    model.fit(x, target, weight if weighted else None)
    deviance.append({"objective": objective, "tweedie_power": power if objective == "tweedie" else 1.5, "alpha": alpha, "intercept": intercept,
                     "weighted": weighted, "target": target.tolist(), "coef": model.coef_.tolist(),
                     "constant": float(model.intercept_), "values": model.predict(new).tolist()})
out["deviance"] = deviance

logistic = []
for c, target, weighted in [(1.0, "binary", False), (0.05, "binary", True), (1.0, "classes", False), (50.0, "classes", True)]:
    model = LogisticRegression(C=c, tol=1e-12, max_iter=100_000, solver="newton-cg" if target == "classes" else "newton-cholesky")
    model.fit(x, out[target], weight if weighted else None)
    logistic.append({"c": c, "target": target, "weighted": weighted, "coef": model.coef_.tolist(),
                     "constant": model.intercept_.tolist(), "probabilities": model.predict_proba(new).tolist()})
out["logistic"] = logistic

bayes = []
for smoothing, target, weighted in [(1e-9, "binary", False), (0.01, "classes", True)]:
    # scikit-learn smooths by the unweighted variance whatever the weights are; ours counts rows by their weight.
    ours = np.average((x - np.average(x, axis=0, weights=weight)) ** 2, axis=0, weights=weight).max()
    ratio = ours / x.var(axis=0).max() if weighted else 1.0
    model = GaussianNB(var_smoothing=smoothing * ratio).fit(x, out[target], weight if weighted else None)
    bayes.append({"var_smoothing": smoothing, "target": target, "weighted": weighted,
                  "probabilities": model.predict_proba(new).tolist()})
out["naive_bayes"] = bayes

neighbours = []
for k, weights, p in [(1, "uniform", 2), (5, "uniform", 2), (5, "distance", 2), (7, "distance", 1), (60, "uniform", 1)]:
    options = {"n_neighbors": k, "weights": weights, "p": p}
    neighbours.append({
        "k": k, "weights": weights, "p": p,
        "numbers": KNeighborsRegressor(**options).fit(x, y).predict(new).tolist(),
        "probabilities": KNeighborsClassifier(**options).fit(x, classes).predict_proba(new).tolist(),
    })
out["neighbours"] = neighbours

# Of unscaled features only some matter; ours is told its width as a share of this one.
gamma = 1.0 / x.var(axis=0).sum()
machines = []
for c, times, target, weighted in [(1.0, 1.0, "binary", False), (20.0, 3.0, "binary", True), (5.0, 0.3, "numbers", False), (0.5, 2.0, "numbers", True)]:
    weights = weight / weight.mean() if weighted else None
    case = {"c": c, "gamma": times, "target": target, "weighted": weighted}
    if target == "numbers":
        centre = np.average(y, weights=weights)
        spread = np.sqrt(np.average((y - centre) ** 2, weights=weights))
        model = SVR(C=c, gamma=gamma * times, epsilon=0.1, tol=1e-10).fit(x, (y - centre) / spread, weights)
        case["values"] = (centre + spread * model.predict(new)).tolist()
    else:
        model = SVC(C=c, gamma=gamma * times, tol=1e-10).fit(x, binary, weights)
        # scikit-learn's decision is for its second class.
        case["values"] = (-model.decision_function(new)).tolist()
    machines.append(case)
out["svm"] = machines

path = pathlib.Path("crates/automl-linear/src/reference.json")
path.write_text(json.dumps(out) + "\n")
