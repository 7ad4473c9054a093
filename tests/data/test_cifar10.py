"""CIFAR-10: a tiny archive of the right format in the place of the official one; what climbs out is refused."""

import hashlib
import io
import tarfile
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch

from anynas.data import cifar10, load_data
from anynas.data.suiting import regime_for
from anynas.errors import DataError
from anynas.regimes import load_regime

RECORDS = {name: 40 if name.startswith("data") else 20 for name in cifar10.FILES}


def contents() -> dict[str, bytes]:
    """Return six small files: a label, then 3,072 values of pixels, a record."""
    generator = np.random.default_rng(0)
    found = {}
    for name, count in RECORDS.items():
        records = generator.integers(0, 256, (count, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(count) % 10
        found[name] = records.tobytes()
    return found


def archive(members: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """Return a .tar.gz with these files, and members without content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in more:
            tar.addfile(member)
    return file.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def inside(found: dict[str, bytes]) -> dict[str, bytes]:
    return {f"cifar-10-batches-bin/{name}": content for name, content in found.items()}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the small archive the official one; return where it is kept."""
    monkeypatch.setattr(cifar10, "SHA256", hashlib.sha256(archive(inside(contents()))).hexdigest())
    monkeypatch.setattr(
        cifar10, "FILES", {name: hashlib.sha256(content).hexdigest() for name, content in contents().items()}
    )
    monkeypatch.setattr(cifar10, "VALIDATION", 50)
    monkeypatch.setenv("ANYNAS_CACHE", str(tmp_path / "cache"))

    def unreachable(url: str, timeout: float) -> io.BytesIO:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    return tmp_path / "cache" / "cifar10" / cifar10.NAME


def refusal(path: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        load_data(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_records_are_labels_and_channels_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / cifar10.NAME
    path.write_bytes(archive(inside(contents())))
    data = load_data(path)
    assert (data.name, data.num_classes, data.image_shape) == ("cifar10", 10, (3, 32, 32))
    assert data.class_names[:3] == ("airplane", "automobile", "bird")
    assert [len(split) for split in (data.train, data.validation, data.test)] == [150, 50, 20]
    assert data.validation.labels.bincount().tolist() == [5] * 10
    first = np.frombuffer(contents()["test_batch.bin"][1:3073], np.uint8).reshape(3, 32, 32)
    assert np.array_equal(data.test.images[0].numpy(), first)
    assert data.source == str(path)


def test_a_download_is_kept_and_a_folder_of_its_files_is_as_good(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def official(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(archive(inside(contents())))

    monkeypatch.setattr("urllib.request.urlopen", official)
    downloaded = load_data("cifar10")
    assert asked == ["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"]
    assert cache.is_file()
    kept = load_data("cifar10")
    assert len(asked) == 1
    for name, content in contents().items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_bytes(content)
    extracted = load_data(tmp_path / "bin")
    for data in (kept, extracted):
        assert torch.equal(data.train.images, downloaded.train.images)
        assert torch.equal(data.train.labels, downloaded.train.labels)
    assert (downloaded.source, extracted.source) == ("cifar10", str(tmp_path / "bin"))
    (tmp_path / "bin" / "test_batch.bin").write_bytes(b"another")
    assert refusal(tmp_path / "bin") == (
        f"{tmp_path}/bin/test_batch.bin: must be the official CIFAR-10 file; its sha256 differs; extract "
        "cifar-10-binary.tar.gz anew, or pass it instead"
    )


def test_without_file_or_network_the_error_says_where_it_might_be(cache: Path) -> None:
    assert refusal("cifar10") == (
        f'data set "cifar10" must be in {cache.parent}, or the network reachable; cifar-10-binary.tar.gz is not there '
        "and its download failed (no route to host); put the file there, or pass its path as --data"
    )


@pytest.mark.parametrize(
    "climber",
    [
        member("../evil"),
        member("cifar-10-batches-bin/../../evil"),
        member("/etc/evil"),
        member("..\\evil"),
        member("C:/evil"),
        member("cifar-10-batches-bin/link", tarfile.SYMTYPE, "../../etc"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "../evil"),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda info: info.name,
)
def test_an_archive_that_climbs_out_of_its_folder_is_refused_before_it_is_read(
    tmp_path: Path, climber: tarfile.TarInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = archive(inside(contents()), climber)
    monkeypatch.setattr(cifar10, "SHA256", hashlib.sha256(content).hexdigest())  # even if it were the official one
    path = tmp_path / cifar10.NAME
    path.write_bytes(content)
    assert refusal(path) == (
        f"{path}: an archive's files must stay in its folder; {climber.name!r} leads out of it; such an archive is not "
        "read; get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/"
    )
    assert sorted(tmp_path.iterdir()) == [path]


def test_links_that_stay_inside_lead_nowhere_else() -> None:
    assert not cifar10.leads_out(member("a/b/link", tarfile.SYMTYPE, "../c"))
    assert not cifar10.leads_out(member("a", tarfile.DIRTYPE))


@pytest.mark.parametrize("content", [b"", b"<html>log in first</html>", archive(inside(contents()))[:-500]])
def test_another_content_is_refused_by_its_path(cache: Path, content: bytes) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(content)
    assert refusal("cifar10") == (
        f"{cache}: must be the official cifar-10-binary.tar.gz; its sha256 differs; delete it and try again"
    )


def test_the_archive_for_python_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(b"pickles")
    assert refusal(path) == (
        f"{path}: must be cifar-10-binary.tar.gz; this one is for Python and holds pickles, which are never read"
    )


def test_its_regime_is_cifar_where_a_space_is_meant_for_any_images(tmp_path: Path) -> None:
    path = tmp_path / cifar10.NAME
    path.write_bytes(archive(inside(contents())))
    assert regime_for(path) is load_regime("cifar")
    own = regime_for(path, space="LeNet")
    assert (own.name, own.input_shape, own.num_classes) == ("LeNet-3x28x28", (3, 28, 28), 10)
