"""Pictures decoded in threads, and written as an entry of the cache: `pictures` says what that is.

An entry is written under another name and then renamed, so that it is whole or not there. Two processes may write the
same one at the same time: the first keeps the place.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from anynas.data.folders import File, Listing
from anynas.data.images import Pixels, decode, resized
from anynas.data.official import unwritable
from anynas.data.pictures import (
    ABOUT,
    FORMAT,
    LABELS,
    PIXELS,
    SKIPPED,
    SPLIT_SEED,
    Reading,
    no_pictures,
    read_entry,
)
from anynas.data.splits import divide, shuffled
from anynas.errors import DataError, shown
from anynas.notebook import reading_of

THREADS = 8  # at most: a photograph takes some 200 MB while it is resized
TOGETHER = 256  # files between two writes
SHARES = {"validation": 0.15, "test": 0.15}  # of a class's pictures, where the folder has no such part
ABANDONED_SECONDS = 86_400.0  # after which what a killed process was writing is deleted
FIRST = 5  # skipped files that are told at once

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, slots=True)
class _Decoded:
    """A picture as it is written."""

    file: File
    planes: NDArray[np.uint8]  # (C, side, side)
    digest: bytes  # of all its pixels, before they were resized


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """A picture in the file of all, in the order in which they were decoded."""

    file: File
    digest: bytes
    offset: int
    channels: int


def decode_pictures(listing: Listing, side: int, entry: Path, reading: Reading | None) -> None:
    """Write an entry of the cache with all pictures of a listing, as squares of this side.

    Raises:
        DataError: There are too few pictures, or the entry cannot be written.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{entry.name}-", dir=entry.parent))
        try:
            _write(listing, side, partial, reading_of(reading))
            _publish(partial, entry)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise unwritable(entry.parent, error) from None
    _tidy(entry)


def in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[list[Result]]:
    """Yield what becomes of items, in their order, some hundred at a time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    pool = ThreadPoolExecutor(min(cores, THREADS), thread_name_prefix="pictures")
    try:
        for start in range(0, len(items), TOGETHER):
            yield list(pool.map(work, items[start : start + TOGETHER]))
    finally:
        pool.shutdown(cancel_futures=True)


def _write(listing: Listing, side: int, folder: Path, reading: Reading | None) -> None:
    places, skipped = [], []
    with tempfile.TemporaryFile(dir=folder) as raw:
        for done, outcome in _outcomes(listing, side):
            if isinstance(outcome, str):
                skipped.append(outcome)
            else:
                places.append(_Place(outcome.file, outcome.digest, raw.tell(), len(outcome.planes)))
                raw.write(outcome.planes.tobytes())
            if reading is not None:
                reading(done, len(listing.files))
        if not places:
            raise no_pictures(listing)
        splits = _splits(listing, places)
        ordered = [place for split in splits for place in split]
        channels = max(place.channels for place in ordered)
        _write_pixels(folder / PIXELS, raw, ordered, (channels, side, side))
    labels = np.array([place.file.label for place in ordered], dtype=np.int64)
    np.save(folder / LABELS, labels)
    (folder / SKIPPED).write_text("".join(f"{line}\n" for line in skipped), encoding="utf-8")
    about = {
        "format": FORMAT,
        "folder": str(listing.folder),
        "class_names": list(map(shown, listing.class_names)),
        "splits": list(map(len, splits)),
        "channels": channels,
        "side": side,
        "sha256": _sha256(listing, splits),
        "labels_sha256": hashlib.sha256(labels.tobytes()).hexdigest(),
        "skipped": len(skipped),
        "first_skipped": skipped[:FIRST],
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def _outcomes(listing: Listing, side: int) -> Iterator[tuple[int, _Decoded | str]]:
    """Yield for each file how many are done, and the picture, or why it is skipped."""

    def outcome(file: File) -> _Decoded | str:
        try:
            pixels = decode(file.path)
        except DataError as error:
            return str(error).removeprefix(f"{shown(listing.folder)}{os.sep}")
        planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        return _Decoded(file, resized(planes.unsqueeze(0), side)[0].numpy(), _digest(pixels))

    done = 0
    for part in in_threads(outcome, listing.files):
        for one in part:
            done += 1
            yield done, one


def _digest(pixels: Pixels) -> bytes:
    told = hashlib.sha256(repr(pixels.shape).encode())
    told.update(np.ascontiguousarray(pixels).tobytes())
    return told.digest()


def _splits(listing: Listing, places: list[_Place]) -> list[list[_Place]]:
    """Return training, validation and test pictures, each in random order."""
    missing = {part: share for part, share in SHARES.items() if part not in listing.parts}
    parts: dict[str, list[_Place]] = {"train": [], "validation": [], "test": []}
    for label, name in enumerate(listing.class_names):
        own = [place for place in places if place.file.label == label]
        whole = [place for place in own if place.file.part in ("", "train")]
        *drawn, rest = divide([place.digest for place in whole], shares=list(missing.values()), seed=SPLIT_SEED)
        if not rest or not all(drawn):
            different = len({place.digest for place in whole})
            raise DataError(
                f"{shown(listing.folder)}: each class must have at least {len(missing) + 1} different pictures "
                f"{_purposes(missing)}; {shown(name)} has {different}; add some, or move its folder elsewhere"
            )
        for part, indices in zip(("train", *missing), (rest, *drawn), strict=True):
            parts[part] += [whole[index] for index in indices]
        for place in own:
            if place.file.part in ("validation", "test"):
                parts[place.file.part].append(place)
    for part, found in parts.items():
        if not found:
            raise DataError(f"{shown(listing.folder)}: {part} must have pictures that can be read; it has none")
    return [[found[i] for i in shuffled([p.digest for p in found], seed=SPLIT_SEED)] for found in parts.values()]


def _purposes(missing: dict[str, float]) -> str:
    return f"for {' and '.join(['training', *missing])}" if missing else "for training"


def _write_pixels(path: Path, raw: "BinaryIO", places: list[_Place], shape: tuple[int, int, int]) -> None:
    """Write all pictures as one array; grey ones among coloured ones have three equal channels."""
    channels, side, _ = shape
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(places), *shape)}
        np.lib.format.write_array_header_1_0(file, header)
        for place in places:
            raw.seek(place.offset)
            planes = raw.read(place.channels * side * side)
            file.write(planes * (channels // place.channels))


def _sha256(listing: Listing, splits: list[list[_Place]]) -> str:
    told = hashlib.sha256(json.dumps(list(map(shown, listing.class_names))).encode())
    for split in splits:
        told.update(f"{len(split)}".encode())
        for place in split:
            told.update(place.digest + place.file.label.to_bytes(4, "big"))
    return told.hexdigest()


def _publish(partial: Path, entry: Path) -> None:
    """Give an entry its name; where another process was quicker, its entry stays."""
    for _ in range(3):
        try:
            partial.rename(entry)
        except OSError:
            if not entry.is_dir():
                raise
        else:
            return
        if read_entry(entry) is not None:
            return
        with contextlib.suppress(OSError):  # damaged: out of the way with it, unless another process does the same
            entry.rename(Path(tempfile.mkdtemp(prefix=".damaged-", dir=entry.parent)) / entry.name)


def _tidy(entry: Path) -> None:
    """Delete what is of no more use: earlier entries of the same folder and side, and what killed processes left."""
    with contextlib.suppress(OSError):
        start = entry.name.rpartition("-")[0]
        for other in entry.parent.iterdir():
            abandoned = other.name.startswith(".") and time.time() - other.stat().st_mtime > ABANDONED_SECONDS
            damaged = other.name.startswith(".damaged-")
            if abandoned or damaged or (other != entry and other.name.rpartition("-")[0] == start):
                shutil.rmtree(other, ignore_errors=True)
