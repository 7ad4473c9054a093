"""A user's own pictures: a folder with one folder a class, decoded once into a map of a file.

    <cache>/pictures/shoes-3f2a91c0-64-5d0e77a1b2c3d4e5/      the folder's name, its path, the side, its listing
      pixels.npy    uint8 (N, C, side, side): training pictures, then validation, then test: splits are slices of it
      labels.npy    int64 (N,)
      pictures.json which folder, its classes, how many pictures of each split, a sha256 of what they show
      skipped.txt   files that are no pictures or damaged, each with its reason

The cache belongs to the user: it can be deleted at any time and is made again. So is an entry that is damaged, or whose
folder has changed, by names, sizes or times of its files.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anynas.data.folders import Listing, list_pictures
from anynas.data.images import size_of
from anynas.data.official import cache_folder, keep
from anynas.errors import DataError, shown
from anynas.regimes import side_for

FORMAT = 1  # of an entry, and of how pictures are decoded and split: another one makes all entries anew
SPLIT_SEED = 2003_13678  # so that runs with other seeds see the same splits
ABOUT, PIXELS, LABELS, SKIPPED = "pictures.json", "pixels.npy", "labels.npy", "skipped.txt"

Reading: TypeAlias = Callable[[int, int], None]  # is told how many files of how many are decoded


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What is known of a folder's pictures beside the pixels."""

    folder: str  # absolute path
    entry: Path  # where they are kept, decoded
    class_names: tuple[str, ...]
    splits: tuple[int, int, int]  # pictures for training, validation, test
    sha256: str  # of what they show, and as which class, in which split; whatever the side
    skipped: int  # files that are no pictures, or damaged
    first_skipped: tuple[str, ...]  # a few of them, with the reason

    @property
    def skipped_list(self) -> Path:
        """The file with all that were skipped."""
        return self.entry / SKIPPED

    @property
    def identity(self) -> str:
        """What a run that was begun with them belongs to, one line."""
        return f"{sum(self.splits)} in {len(self.class_names)} classes, sha256 {self.sha256}"


Arrays: TypeAlias = tuple[Pictures, NDArray[np.uint8], NDArray[np.int64]]  # and all pixels, all labels


def load_pictures(folder: str | Path, *, side: int | None = None, reading: Reading | None = None) -> Arrays:
    """Return a folder's pictures as squares, from the cache if they are there.

    Args:
        folder: With one folder a class, or train, validation and test with such folders each.
        side: In pixels; None: as `side_for` says of the median shorter side of the pictures.
        reading: Is told how far decoding is.

    Raises:
        DataError: There is no such folder, it has too few classes or pictures, or the cache cannot be written to.
    """
    listing = list_pictures(Path(folder))
    start = _prefix(listing)
    side = side or side_for(_median_side(listing, start))
    entry = start.with_name(f"{start.name}-{side}-{_key(listing)}")
    found = read_entry(entry)
    if found is not None:
        return found
    from anynas.data.decoding import decode_pictures

    decode_pictures(listing, side, entry, reading)
    made = read_entry(entry)
    if made is None:
        raise DataError(f"{entry}: must be as it was just written; it is not; see what else writes there")
    return made


def is_entry(path: Path) -> bool:
    """Return whether a folder is an entry of the cache."""
    return (path / ABOUT).is_file() and (path / PIXELS).is_file()


def read_entry(entry: Path) -> Arrays | None:
    """Return what an entry of the cache holds, its pixels as a map of the file; None if it is missing or damaged."""
    try:
        about = json.loads((entry / ABOUT).read_text(encoding="utf-8"))
        labels = np.load(entry / LABELS, allow_pickle=False)
        pixels = np.load(entry / PIXELS, mmap_mode="r", allow_pickle=False)
        pictures = Pictures(
            folder=about["folder"],
            entry=entry,
            class_names=tuple(about["class_names"]),
            splits=tuple(about["splits"]),
            sha256=about["sha256"],
            skipped=about["skipped"],
            first_skipped=tuple(about["first_skipped"]),
        )
        whole = (
            about["format"] == FORMAT
            and pixels.shape == (sum(pictures.splits), about["channels"], about["side"], about["side"])
            and pixels.dtype == np.uint8
            and labels.shape == pixels.shape[:1]
            and hashlib.sha256(labels.tobytes()).hexdigest() == about["labels_sha256"]
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return (pictures, pixels, labels) if whole else None


def _prefix(listing: Listing) -> Path:
    """Return how the names of all entries of a folder begin."""
    name = re.sub(r"[^0-9A-Za-z]+", "-", listing.folder.name).strip("-")[:40] or "pictures"
    path = hashlib.sha256(os.fsencode(listing.folder)).hexdigest()[:8]
    return cache_folder() / "pictures" / f"{name}-{path}"


def _key(listing: Listing) -> str:
    return hashlib.sha256(f"{FORMAT} {SPLIT_SEED} {listing.digest}".encode()).hexdigest()[:16]


def _median_side(listing: Listing, start: Path) -> float:
    """Return the median of the pictures' shorter sides, as their headers tell them; it is kept beside the entries."""
    kept, key = start.with_name(f"{start.name}-sides.json"), _key(listing)
    try:
        known: Any = json.loads(kept.read_text(encoding="utf-8"))
        if known["key"] == key:
            return float(known["median"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    from anynas.data.decoding import in_threads

    sizes = [size for part in in_threads(size_of, [file.path for file in listing.files]) for size in part if size]
    if not sizes:
        raise no_pictures(listing)
    median = float(np.median([min(size) for size in sizes]))
    keep(json.dumps({"key": key, "median": median}).encode(), kept)
    return median


def no_pictures(listing: Listing) -> DataError:
    """Return the error of a folder without a picture."""
    return DataError(
        f"{shown(listing.folder)}: its classes must have pictures that can be read; none of "
        f"{len(listing.files)} files can"
    )
