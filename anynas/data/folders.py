"""A folder of pictures as a list of files: one folder a class, or train, validation and test with one a class each.

Every file is listed that is not hidden and not one of those that systems leave in folders; whether it is a picture is
seen when it is decoded. Names are taken as they are, whatever is in them.
"""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from anynas.errors import DataError, shown

LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")
PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".rar", ".7z")


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One file, and what its folders say of it."""

    path: Path  # absolute
    label: int
    part: str  # "train", "validation" or "test" where the folder says so, else empty
    size: int  # bytes
    changed: int  # nanoseconds


@dataclasses.dataclass(frozen=True)
class Listing:
    """All files of a folder."""

    folder: Path  # absolute
    class_names: tuple[str, ...]  # of the folders, sorted
    parts: tuple[str, ...]  # of "train", "validation" and "test" those that the folder has; none where it has classes
    files: tuple[File, ...]

    @functools.cached_property
    def digest(self) -> str:
        """Identity of the listing: another one as soon as a file comes, goes or changes."""
        told = hashlib.sha256(b"\0".join(map(os.fsencode, self.class_names)))
        for file in self.files:
            told.update(f"\0{file.label} {file.part} {file.size} {file.changed} ".encode() + os.fsencode(file.path))
        return told.hexdigest()


def list_pictures(folder: Path) -> Listing:
    """Return what a folder holds.

    Raises:
        DataError: There is no such folder, or it has not two classes.
    """
    top = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - without following links
    if not top.is_dir():
        _refuse(top)
    try:
        parts = _parts(top)
        classes = {part: _folders(path) for part, path in parts.items()}
        names = sorted(set().union(*classes.values()))
        _check_classes(top, names, classes)
        labels = {name: label for label, name in enumerate(names)}
        files = [
            File(Path(entry.path), labels[name], part, (about := entry.stat()).st_size, about.st_mtime_ns)
            for part, found in classes.items()
            for name in sorted(found)
            for entry in _files(found[name])
        ]
    except OSError as error:
        where = shown(error.filename or top)
        raise DataError(f"{where}: must be a folder that can be read; {error.strerror}; change its rights") from None
    return Listing(top, tuple(names), tuple(part for part in parts if part), tuple(files))


def _parts(top: Path) -> dict[str, Path]:
    """Return the folders with one folder a class, by what they are for."""
    inside = _folders(top)
    named = {name: PARTS[name.lower()] for name in inside if name.lower() in PARTS}
    train = [name for name, part in named.items() if part == "train"]
    if not train or not _folders(inside[train[0]]) or (len(named) == 1 and len(inside) > 1):
        return {"": top}
    for name in inside:
        if name not in named:
            raise DataError(
                f"{shown(top)}: must hold train, validation and test alone, or one folder a class; it holds "
                f"{shown(name)} beside train; move it elsewhere"
            )
    if len(set(named.values())) < len(named):
        raise DataError(
            f"{shown(top)}: must hold one folder each of training, validation and test pictures; it holds "
            f"{', '.join(map(shown, sorted(named)))}; join those that mean the same"
        )
    return {part: inside[name] for name, part in sorted(named.items(), key=lambda item: list(PARTS).index(item[1]))}


def _check_classes(top: Path, names: list[str], classes: dict[str, dict[str, Path]]) -> None:
    if len(names) < 2:
        has = f"it has {shown(names[0])} alone" if names else "it has none"
        where = shown(top / "train" if "train" in classes else top)
        raise DataError(f"{where}: must have at least two folders, one a class with its pictures; {has}")
    for part, found in classes.items():
        unknown = [name for name in sorted(found) if name not in classes.get("train", found)]
        if unknown:
            raise DataError(
                f"{shown(top)}: classes of {part} must be classes of train; {shown(unknown[0])} is not; add training "
                "pictures of it, or move it elsewhere"
            )
    if len(set(map(shown, names))) < len(names):
        raise DataError(f"{shown(top)}: classes must have different names when they are shown; rename their folders")


def _folders(path: Path) -> dict[str, Path]:
    """Return the folders in a folder by their names; links to folders are folders."""
    with os.scandir(path) as entries:
        return {entry.name: Path(entry.path) for entry in entries if not _is_ignored(entry.name) and entry.is_dir()}


def _files(path: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield the files in a class's folder and in all folders within, in the order of their names."""
    with os.scandir(path) as entries:
        found = sorted((entry for entry in entries if not _is_ignored(entry.name)), key=lambda entry: entry.name)
    for entry in found:
        if entry.is_file():  # no pipes or devices, which may keep who opens them waiting
            yield entry
        elif entry.is_dir(follow_symlinks=False):  # links might lead in circles
            yield from _files(Path(entry.path))


def _is_ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in LEFT_BY_SYSTEMS


def _refuse(path: Path) -> None:
    """Raise DataError for what is no folder."""
    if path.name.lower().endswith(ARCHIVES) and path.is_file():
        came = "it is an archive; unpack it and name its folder"
    elif path.exists():
        came = "it is a file; name its folder"
    else:
        came = "there is none"
    raise DataError(f"{shown(path)}: must be a folder of pictures, with one folder a class; {came}")
