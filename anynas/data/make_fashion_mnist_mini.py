"""Make the bundled subset from the real data: `python -m anynas.data.make_fashion_mnist_mini`.

The same file content every time.
"""

import numpy as np

from anynas.data.fashion_mnist import MINI, MINI_SIZES, SPLIT_SEED, official_arrays
from anynas.data.splits import stratified


def main() -> None:
    """Write fashion_mnist_mini.npz beside this module."""
    images, labels, test_images, test_labels = official_arrays()
    train, validation = stratified(labels, [MINI_SIZES["train"], MINI_SIZES["validation"]], seed=SPLIT_SEED)
    (test,) = stratified(test_labels, [MINI_SIZES["test"]], seed=SPLIT_SEED)
    np.savez_compressed(
        MINI,
        train_images=images[train],
        train_labels=labels[train],
        validation_images=images[validation],
        validation_labels=labels[validation],
        test_images=test_images[test],
        test_labels=test_labels[test],
    )
    print(f"{MINI}: {MINI.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
