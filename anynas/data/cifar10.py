"""CIFAR-10: 60,000 small photographs, 32x32, ten classes (Krizhevsky 2009, "Learning multiple layers of features from
tiny images").

Its official training images are split into 45,000 for training and 5,000 for validation. The *binary* archive is read:
from the cache, or else the official address, or a path that was given, the archive's or that of a folder with its files
extracted; everything is checked by sha256. The archive for Python is a pickle, and never read.
"""

import gzip
import hashlib
import io
import posixpath
import tarfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from anynas.data.official import cache_folder, download, keep
from anynas.data.splits import Split, stratified
from anynas.errors import DataError

NAME = "cifar-10-binary.tar.gz"
PYTHON = "cifar-10-python.tar.gz"
OFFICIAL = "https://www.cs.toronto.edu/~kriz/"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"  # of the archive
FILES = {  # in it, or extracted: name -> sha256; the last one has the test images
    "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
}
CLASSES = (*("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),)
IMAGE = (3, 32, 32)
VALIDATION = 5_000
SPLIT_SEED = 2003_13678


def load(path: Path | None = None) -> tuple[Split, Split, Split]:
    """Return train (45,000), validation (5,000) and test (10,000).

    Args:
        path: Of the archive, or of a folder with its files; None: the cache, or else the official address.

    Raises:
        DataError: The data are nowhere to be had, not the official ones, or an archive that must not be read.
    """
    *batches, test = _contents(path)
    images, labels = _arrays(b"".join(batches))
    sizes = [len(labels) - VALIDATION, VALIDATION]
    train, validation = stratified(labels, sizes, seed=SPLIT_SEED)
    return (
        _split(images[train], labels[train]),
        _split(images[validation], labels[validation]),
        _split(*_arrays(test)),
    )


def is_cifar10(path: Path) -> bool:
    """Return whether a path is meant for this data set: by the name of an archive, or the files in a folder."""
    if path.is_dir():
        return any((path / name).is_file() for name in FILES)
    return path.name.lower().startswith("cifar-10-")


def _contents(path: Path | None) -> list[bytes]:
    """Return the content of the six files."""
    cached = cache_folder() / "cifar10" / NAME
    if path is not None and path.is_dir():
        return [_extracted(path / name, digest) for name, digest in FILES.items()]
    if path is not None and path.name.lower() == PYTHON:
        raise DataError(f"{path}: must be {NAME}; this one is for Python and holds pickles, which are never read")
    source = cached if path is None else path
    if source.exists() or path is not None:
        return _unpacked(_read(source), source, "delete it and try again" if path is None else f"download {NAME} anew")
    compressed = download(
        OFFICIAL + NAME,
        missing=f'data set "cifar10" must be in {cached.parent}, or the network reachable; {NAME} is not there',
        advice="put the file there, or pass its path as --data",
    )
    contents = _unpacked(compressed, OFFICIAL + NAME, "try again")
    keep(compressed, cached)
    return contents


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: must be {NAME}; {error.strerror or error}") from None


def _extracted(path: Path, digest: str) -> bytes:
    content = _read(path) if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != digest:
        what = "its sha256 differs" if content else "it is missing"
        raise DataError(f"{path}: must be the official CIFAR-10 file; {what}; extract {NAME} anew, or pass it instead")
    return content


def _unpacked(compressed: bytes, source: object, advice: str) -> list[bytes]:
    """Return the six files of an archive, in memory; nothing is written."""
    _check_members(compressed, source)
    if hashlib.sha256(compressed).hexdigest() != SHA256:
        raise DataError(f"{source}: must be the official {NAME}; its sha256 differs; {advice}")
    with tarfile.open(fileobj=io.BytesIO(compressed)) as archive:
        named = {posixpath.basename(member.name): member for member in archive if member.isfile()}
        files = (archive.extractfile(named[name]) for name in FILES)
        return [file.read() for file in files if file is not None]


def _check_members(compressed: bytes, source: object) -> None:
    """Raise DataError if a member of an archive leads out of its folder; a look at names, nothing is read."""
    try:
        with tarfile.open(fileobj=io.BytesIO(compressed)) as archive:
            for member in archive:
                if leads_out(member):
                    raise DataError(
                        f"{source}: an archive's files must stay in its folder; {member.name!r} leads out of it; such "
                        f"an archive is not read; get {NAME} from {OFFICIAL}"
                    )
    except (tarfile.TarError, EOFError, OSError, gzip.BadGzipFile, ValueError):
        return  # no archive, or torn: its sha256 differs


def leads_out(member: tarfile.TarInfo) -> bool:
    """Return whether a member's name, or what it is a link to, lies outside the folder that it would be extracted to;
    or it is no file, folder or link.
    """
    names = [member.name]
    if member.issym():
        names.append(posixpath.join(posixpath.dirname(member.name), member.linkname))
    elif member.islnk():
        names.append(member.linkname)
    elif not (member.isfile() or member.isdir()):
        return True
    return any(_is_outside(name) for name in names) or member.linkname.startswith("/")


def _is_outside(name: str) -> bool:
    plain = posixpath.normpath(name.replace("\\", "/"))
    return plain.startswith(("/", "../")) or plain == ".." or plain[1:2] == ":"


def _arrays(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images (N, 3, 32, 32) and labels (N,) of records: a label, then red, green and blue, row by row."""
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + int(np.prod(IMAGE)))
    return records[:, 1:].reshape(-1, *IMAGE).copy(), records[:, 0].copy()


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))
