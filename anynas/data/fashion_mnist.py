"""Fashion-MNIST: 70,000 grey images of clothes, 28x28, ten classes (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; MIT
licence).

The mini set comes with the package: 10,000 training and 4,000 validation images out of the official training images,
4,000 test images out of the official test images, every class equally often. `make_fashion_mnist_mini.py` makes it
anew.

The full set splits the official training images into 50,000 for training and 10,000 for validation. Its four files
are looked for in the cache, then where Debian's package `dataset-fashion-mnist` puts them, then at the official
address; their content is checked by sha256.
"""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from anynas.data.official import cache_folder, download, keep
from anynas.data.splits import Split, stratified
from anynas.errors import DataError

MINI = Path(__file__).with_name("fashion_mnist_mini.npz")
MINI_SIZES = {"train": 10_000, "validation": 4_000, "test": 4_000}
FULL_VALIDATION = 10_000
CLASSES = (*("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),)
SPLIT_SEED = 2003_13678

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
OFFICIAL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FILES = {  # name: (shape, sha256 of the uncompressed content: packagers compress anew)
    "train-images-idx3-ubyte": (
        (60_000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        (60_000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        (10_000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": ((10_000,), "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}


def load_mini() -> tuple[Split, Split, Split]:
    """Return train, validation and test of the bundled subset."""
    with np.load(MINI, allow_pickle=False) as arrays:
        parts = [_split(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in MINI_SIZES]
    return parts[0], parts[1], parts[2]


def load_full() -> tuple[Split, Split, Split]:
    """Return train (50,000), validation (10,000) and test (10,000).

    Raises:
        DataError: A file is nowhere to be had, or its content is not the official one.
    """
    images, labels, test_images, test_labels = official_arrays()
    sizes = [len(labels) - FULL_VALIDATION, FULL_VALIDATION]
    train, validation = stratified(labels, sizes, seed=SPLIT_SEED)
    return (
        _split(images[train], labels[train]),
        _split(images[validation], labels[validation]),
        _split(test_images, test_labels),
    )


def official_arrays() -> list[NDArray[np.uint8]]:
    """Return the official training images (60000, 28, 28) and labels (60000,), test images and labels.

    Raises:
        DataError: A file is nowhere to be had, or its content is not the official one.
    """
    return [_array(name) for name in FILES]


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels.astype(np.int64)))


def _array(name: str) -> NDArray[np.uint8]:
    shape, digest = FILES[name]
    cached = cache_folder() / "fashion-mnist" / f"{name}.gz"
    for folder in (cached.parent, DEBIAN):
        path = folder / cached.name
        if path.exists():
            content = _content(path.read_bytes(), digest, path, "delete it and try again")
            break
    else:
        compressed = _download(cached.name)
        content = _content(compressed, digest, OFFICIAL + cached.name, "try again, or use --data fashion-mnist-mini")
        keep(compressed, cached)
    flat = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * len(shape))
    return flat.reshape(shape).copy()  # torch wants memory that can be written


def _download(name: str) -> bytes:
    return download(
        OFFICIAL + name,
        missing=f'data set "fashion-mnist" must be in {cache_folder() / "fashion-mnist"} or {DEBIAN}, or the network '
        f"reachable; {name} is in neither",
        advice="install Debian's package dataset-fashion-mnist, or use --data fashion-mnist-mini",
    )


def _content(compressed: bytes, digest: str, source: object, advice: str) -> bytes:
    try:
        content = gzip.decompress(compressed)
    except (OSError, EOFError, zlib.error):
        content = b""
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{source}: must hold the official Fashion-MNIST file; its sha256 differs; {advice}")
    return content
