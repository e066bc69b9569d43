"""Writes scikit-learn's digits as IDX files, the format of MNIST: four fifths to learn from, a fifth to score on.

    python scripts/make_digits.py [DIR]

Needs scikit-learn (made with 1.9.1), which brings the 1,797 images of 8 × 8 pixels of the Optical Recognition of
Handwritten Digits data of the UCI repository (E. Alpaydin and C. Kaynak, 1998). Their 17 levels of grey become 0 to 255.
The split is stratified, with seed 0. Writes into datasets/ unless DIR is said, and prints the SHA-256 of each file.
"""

import gzip
import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def idx(values):
    head = bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape)
    return head + values.astype(np.uint8).tobytes()


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "datasets"
    digits = load_digits()
    images = np.round(digits.images * 255 / 16)
    parts = train_test_split(images, digits.target, test_size=0.2, random_state=0, stratify=digits.target)
    for name, values in zip(["train-images-idx3", "test-images-idx3", "train-labels-idx1", "test-labels-idx1"], parts):
        path = folder / f"digits-{name}-ubyte.gz"
        # Without a time, so that the bytes are the same each time.
        path.write_bytes(gzip.compress(idx(values), mtime=0))
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}  {len(values)}")


if __name__ == "__main__":
    main()
