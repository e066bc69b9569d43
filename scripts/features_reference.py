#!/usr/bin/env python3
"""Writes crates/automl-features/src/tests/reference.json: what scikit-learn gives for small inputs.

Run from the repository root with numpy and scikit-learn installed: python scripts/features_reference.py
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import (
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

TEXTS = [
    "The quick brown fox, the lazy dog!",
    "A quick-witted fox isn't lazy; the fox is quick",
    "Dogs and foxes: 24 dogs, 3 foxes",
    "Ein schöner Tag für einen Übermut",
    "the the the dog dog",
    "",
    "to be or not to be",
    "snake_case words and the dog",
]

SVD_ROWS = [0, 1, 2, 4, 7]


def tfidf(**options):
    vectorizer = TfidfVectorizer(sublinear_tf=True, **options)
    matrix = vectorizer.fit_transform(TEXTS)
    return {"terms": vectorizer.get_feature_names_out().tolist(), "rows": matrix.toarray().tolist()}


def scaled(transformer, values, new):
    transformer.fit(np.array(values)[:, None])
    return transformer.transform(np.array(new)[:, None])[:, 0].tolist()


def main():
    rng = np.random.default_rng(7)
    skewed = np.round(np.exp(rng.normal(1.0, 0.8, 80)), 3).tolist()
    signed = np.round(rng.normal(-0.5, 2.0, 80) ** 3, 3).tolist()
    tied = [float(value) for value in rng.integers(0, 12, 80)]
    new = [-100.0, -1.0, 0.0, 0.5, 2.0, 3.0, 3.7, 5.0, 11.0, 50.0]

    scale = {}
    for name, values in [("skewed", skewed), ("signed", signed), ("tied", tied)]:
        power = PowerTransformer().fit(np.array(values)[:, None])
        scale[name] = {
            "values": values,
            "standard": scaled(StandardScaler(), values, new),
            "robust": scaled(RobustScaler(), values, new),
            "quantile": scaled(QuantileTransformer(n_quantiles=25, output_distribution="normal"), values, new),
            "power": scaled(PowerTransformer(), values, new),
            "lambda": float(power.lambdas_[0]),
        }

    codes = rng.choice(6, 120, p=[0.4, 0.25, 0.2, 0.1, 0.03, 0.02])
    binary = (rng.random(120) < 0.2 + 0.1 * codes).astype(int)
    three = rng.integers(0, 3, 120)
    number = np.round(rng.normal(codes, 1.0), 3)
    column = codes[:, None]
    one_hot = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False).fit(column)
    target = {}
    for name, y, kind in [("binary", binary, "binary"), ("number", number, "continuous"), ("three", three, "multiclass")]:
        encoder = TargetEncoder(smooth=20.0, target_type=kind).fit(column, y)
        target[name] = encoder.transform(np.arange(7)[:, None]).tolist()

    matrix = np.round(rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)), 3)
    # Texts that share words: one that shares none has a singular value of exactly 1, and two such have no order.
    words = TfidfVectorizer(sublinear_tf=True).fit_transform([TEXTS[row] for row in SVD_ROWS])
    reference = {
        "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "texts": TEXTS,
        "tfidf_word": tfidf(ngram_range=(1, 2)),
        "tfidf_char_wb": tfidf(analyzer="char_wb", ngram_range=(3, 5), min_df=2, max_df=0.5),
        "svd": np.abs(TruncatedSVD(3, algorithm="arpack", random_state=0).fit_transform(words)).tolist(),
        "new": new,
        "scale": scale,
        "codes": codes.tolist(),
        "binary": binary.tolist(),
        "three": three.tolist(),
        "number": number.tolist(),
        "one_hot": one_hot.transform(np.arange(7)[:, None]).tolist(),
        "target": target,
        "matrix": matrix.tolist(),
        "pca": np.abs(PCA(3).fit_transform(matrix)).tolist(),
    }
    path = Path("crates/automl-features/src/tests/reference.json")
    path.write_text(json.dumps(reference, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
