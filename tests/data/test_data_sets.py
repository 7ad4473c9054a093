"""Data sets: the bundled subset and its origin, the full set's sources, images made to measure, splits."""

import gzip
import hashlib
import http.client
import io
import urllib.error
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from anynas.data import DATA_SETS, DataSet, Split, fashion_mnist, load_data, make_fashion_mnist_mini
from anynas.data.official import cache_folder
from anynas.data.splits import stratified
from anynas.errors import DataError

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = fashion_mnist.FILES
needs_official = pytest.mark.skipif(
    not (fashion_mnist.DEBIAN / f"{TRAIN_IMAGES}.gz").exists(),
    reason="the official files are not on this machine",
)


@pytest.fixture(scope="module")
def mini() -> DataSet:
    return load_data("fashion-mnist-mini")


@pytest.fixture(scope="module")
def official() -> list[NDArray[np.uint8]]:
    return fashion_mnist.official_arrays()


def class_counts(split: Split) -> list[int]:
    return split.labels.bincount().tolist()


def digests(images: Tensor | NDArray[np.uint8]) -> Counter[str]:
    """Return how often each image comes, whatever the order."""
    return Counter(hashlib.md5(image.tobytes()).hexdigest() for image in np.asarray(images))


# The bundled subset


def test_the_bundled_subset_has_its_sizes_and_every_class_equally_often(mini: DataSet) -> None:
    assert (len(mini.train), len(mini.validation), len(mini.test)) == (10_000, 4_000, 4_000)
    assert class_counts(mini.train) == [1_000] * 10
    assert class_counts(mini.validation) == class_counts(mini.test) == [400] * 10
    assert (mini.name, mini.num_classes, mini.image_shape) == ("fashion-mnist-mini", 10, (1, 28, 28))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_bundled_images_are_bytes_with_labels_beside_them(mini: DataSet, part: str) -> None:
    split: Split = getattr(mini, part)
    assert (split.images.dtype, split.labels.dtype) == (torch.uint8, torch.int64)
    assert split.images.shape == (len(split), 1, 28, 28)
    assert split.labels.shape == (len(split),)
    assert split.images.min() == 0
    assert split.images.max() == 255


def test_the_bundled_file_is_small_and_its_licence_is_beside_it() -> None:
    assert fashion_mnist.MINI.stat().st_size <= 9e6
    licence = fashion_mnist.MINI.with_name("LICENSE-fashion-mnist").read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "Zalando" in licence


def test_the_bundled_classes_come_in_no_order(mini: DataSet) -> None:
    for split in (mini.train, mini.validation, mini.test):
        assert min(class_counts(Split(split.images[:500], split.labels[:500]))) > 25


def test_the_bundled_splits_share_hardly_an_image(mini: DataSet) -> None:
    train, validation, test = (digests(split.images) for split in (mini.train, mini.validation, mini.test))
    assert len(train & validation) <= 3  # the real data hold a few images twice
    assert len(train & test) == len(validation & test) == 0


@needs_official
def test_the_bundled_images_are_official_ones_and_none_is_taken_twice(
    mini: DataSet, official: list[NDArray[np.uint8]]
) -> None:
    images, _, test_images, _ = official
    taken = digests(mini.train.images) + digests(mini.validation.images)
    assert taken <= digests(images)  # counts included: an image taken for both parts would exceed them
    assert digests(mini.test.images) <= digests(test_images)


@needs_official
def test_the_bundled_file_is_what_its_script_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "again.npz"
    monkeypatch.setattr(make_fashion_mnist_mini, "MINI", path)
    make_fashion_mnist_mini.main()
    assert capsys.readouterr().out == f"{path}: {path.stat().st_size / 1e6:.2f} MB\n"
    with np.load(path) as again, np.load(fashion_mnist.MINI) as bundled:
        assert again.files == bundled.files
        for name in bundled.files:
            assert np.array_equal(again[name], bundled[name])
            assert again[name].dtype == bundled[name].dtype == np.uint8


# The full set, from the machine's own files


@needs_official
def test_the_full_set_is_all_70000_images_in_balanced_splits(
    official: list[NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fashion_mnist, "official_arrays", lambda: official)
    full = load_data("fashion-mnist")
    assert (len(full.train), len(full.validation), len(full.test)) == (50_000, 10_000, 10_000)
    assert class_counts(full.train) == [5_000] * 10
    assert class_counts(full.validation) == class_counts(full.test) == [1_000] * 10
    assert full.image_shape == (1, 28, 28)
    images, _, test_images, _ = official
    assert digests(full.train.images) + digests(full.validation.images) == digests(images)
    assert np.array_equal(full.test.images[:, 0], test_images)


# The full set's sources, with small files in the place of the official ones


def idx(values: NDArray[np.uint8]) -> bytes:
    """Return the content of an IDX file."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


class Source:
    """Four small files, a network that serves them, an empty cache and no Debian package."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        generator = np.random.default_rng(0)
        self.arrays: dict[str, NDArray[np.uint8]] = {
            TRAIN_IMAGES: generator.integers(0, 256, (60, 28, 28), dtype=np.uint8),
            TRAIN_LABELS: (np.arange(60) % 10).astype(np.uint8),
            TEST_IMAGES: generator.integers(0, 256, (20, 28, 28), dtype=np.uint8),
            TEST_LABELS: (np.arange(20) % 10).astype(np.uint8),
        }
        contents = {name: idx(values) for name, values in self.arrays.items()}
        files = {n: (self.arrays[n].shape, hashlib.sha256(c).hexdigest()) for n, c in contents.items()}
        self.served: dict[str, bytes | Callable[[], bytes]] = {
            f"{fashion_mnist.OFFICIAL}{name}.gz": gzip.compress(content) for name, content in contents.items()
        }
        self.asked: list[str] = []
        self.cache, self.debian = folder / "cache" / "fashion-mnist", folder / "debian"
        monkeypatch.setattr(fashion_mnist, "FILES", files)
        monkeypatch.setattr(fashion_mnist, "FULL_VALIDATION", 20)
        monkeypatch.setattr(fashion_mnist, "DEBIAN", self.debian)
        monkeypatch.setenv("ANYNAS_CACHE", str(folder / "cache"))
        monkeypatch.setattr("urllib.request.urlopen", self.urlopen)

    def urlopen(self, url: str, timeout: float) -> io.BytesIO:
        assert 0 < timeout <= 60
        self.asked.append(url)
        answer = self.served.get(url)
        if answer is None:
            raise urllib.error.URLError("no route to host")
        return io.BytesIO(answer) if isinstance(answer, bytes) else Answer(answer)

    def break_network(self) -> None:
        self.served.clear()

    def put(self, folder: Path) -> None:
        """Put the four files into a folder."""
        folder.mkdir(parents=True)
        for url, content in self.served.items():
            assert isinstance(content, bytes)
            (folder / url.rpartition("/")[2]).write_bytes(content)


class Answer(io.BytesIO):
    """An answer whose reading does something else."""

    def __init__(self, reading: Callable[[], bytes]) -> None:
        super().__init__()
        self.reading = reading

    def read(self, size: int | None = -1) -> bytes:
        return self.reading()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return Source(tmp_path, monkeypatch)


def test_a_download_is_kept_and_read_without_a_network_from_then_on(source: Source) -> None:
    downloaded = load_data("fashion-mnist")
    assert source.asked == list(source.served)
    assert sorted(path.name for path in source.cache.iterdir()) == sorted(f"{name}.gz" for name in source.arrays)
    source.break_network()
    cached = load_data("fashion-mnist")
    assert len(source.asked) == 4
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(cached, part).images, getattr(downloaded, part).images)
        assert torch.equal(getattr(cached, part).labels, getattr(downloaded, part).labels)


def test_what_was_downloaded_is_what_the_files_hold(source: Source) -> None:
    data = load_data("fashion-mnist")
    assert (len(data.train), len(data.validation), len(data.test)) == (40, 20, 20)
    assert np.array_equal(data.test.images[:, 0], source.arrays[TEST_IMAGES])
    assert np.array_equal(data.test.labels, source.arrays[TEST_LABELS])
    label_of = {image.tobytes(): label for image, label in zip(*list(source.arrays.values())[:2], strict=True)}
    for split in (data.train, data.validation):
        for image, label in zip(split.images.numpy(), split.labels.tolist(), strict=True):
            assert label_of[image.tobytes()] == label


def test_debians_files_are_read_without_a_network_and_are_not_copied(source: Source) -> None:
    source.put(source.debian)
    source.break_network()
    assert len(load_data("fashion-mnist").train) == 40
    assert source.asked == []
    assert not source.cache.exists()


def test_the_cache_comes_before_debians_files(source: Source) -> None:
    source.put(source.cache)
    source.debian.mkdir()
    for name in source.arrays:
        (source.debian / f"{name}.gz").write_bytes(b"damaged")
    assert len(load_data("fashion-mnist").train) == 40
    assert source.asked == []


def test_without_files_or_network_the_error_says_where_they_might_be(source: Source) -> None:
    source.break_network()
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist")
    assert str(caught.value) == (
        f'data set "fashion-mnist" must be in {source.cache} or {source.debian}, or the network reachable; '
        "train-images-idx3-ubyte.gz is in neither and its download failed (no route to host); "
        "install Debian's package dataset-fashion-mnist, or use --data fashion-mnist-mini"
    )
    assert not source.cache.exists()


def incomplete() -> bytes:
    raise http.client.IncompleteRead(b"half", 4)


def slow() -> bytes:
    raise TimeoutError("timed out")


def missing() -> bytes:
    raise urllib.error.HTTPError("address", 404, "Not Found", http.client.HTTPMessage(), None)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (incomplete, "IncompleteRead(4 bytes read, 4 more expected)"),
        (slow, "timed out"),
        (missing, "Not Found"),
    ],
)
def test_a_download_that_breaks_off_is_an_error_of_one_line_and_leaves_nothing(
    source: Source, answer: Callable[[], bytes], reason: str
) -> None:
    source.served[f"{fashion_mnist.OFFICIAL}{TRAIN_LABELS}.gz"] = answer
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist")
    assert str(caught.value) == (
        f'data set "fashion-mnist" must be in {source.cache} or {source.debian}, or the network reachable; '
        f"train-labels-idx1-ubyte.gz is in neither and its download failed ({reason}); "
        "install Debian's package dataset-fashion-mnist, or use --data fashion-mnist-mini"
    )
    assert [path.name for path in source.cache.iterdir()] == [f"{TRAIN_IMAGES}.gz"]


def damages(content: bytes) -> dict[str, bytes]:
    """Return what a file may have become."""
    other = bytes([content[-1] ^ 1])
    return {
        "another content": gzip.compress(gzip.decompress(content)[:-1] + other),
        "torn": content[:-20],
        "no gzip": b"<html>moved</html>",
        "scrambled": content[:10] + b"\xff" * 10 + content[20:],
        "empty": b"",
    }


@pytest.mark.parametrize("damage", damages(gzip.compress(bytes(range(256)))))
def test_a_damaged_file_is_refused_by_its_path_and_not_used(source: Source, damage: str) -> None:
    source.put(source.cache)
    path = source.cache / f"{TEST_IMAGES}.gz"
    path.write_bytes(damages(path.read_bytes())[damage])
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist")
    assert str(caught.value) == (
        f"{path}: must hold the official Fashion-MNIST file; its sha256 differs; delete it and try again"
    )
    path.unlink()
    assert len(load_data("fashion-mnist").test) == 20


def test_a_damaged_download_is_refused_by_its_address_and_not_kept(source: Source) -> None:
    url = f"{fashion_mnist.OFFICIAL}{TRAIN_IMAGES}.gz"
    source.served[url] = b"<html>log in first</html>"
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist")
    assert str(caught.value) == (
        f"{url}: must hold the official Fashion-MNIST file; its sha256 differs; "
        "try again, or use --data fashion-mnist-mini"
    )
    assert not source.cache.exists()


def test_a_file_that_was_compressed_anew_is_the_same_file(source: Source) -> None:
    url = f"{fashion_mnist.OFFICIAL}{TEST_LABELS}.gz"
    content = source.served[url]
    assert isinstance(content, bytes)
    source.served[url] = gzip.compress(gzip.decompress(content), compresslevel=1, mtime=7)
    assert source.served[url] != content
    assert len(load_data("fashion-mnist").test) == 20


def test_a_cache_that_cannot_be_written_is_refused_by_its_path(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ANYNAS_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist")
    assert str(caught.value) == (
        f"{tmp_path / 'file' / 'fashion-mnist'}: must be a folder that can be written; Not a directory; "
        "set ANYNAS_CACHE to another"
    )


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"ANYNAS_CACHE": "/one", "XDG_CACHE_HOME": "/two", "HOME": "/home/me"}, "/one"),
        ({"XDG_CACHE_HOME": "/two", "HOME": "/home/me"}, "/two/anynas"),
        ({"ANYNAS_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/home/me"}, "/home/me/.cache/anynas"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str
) -> None:
    for name in ("ANYNAS_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)


# Images made to measure


@pytest.fixture(scope="module")
def synthetic() -> DataSet:
    return load_data("synthetic", input_shape=(2, 12, 20), num_classes=4)


def test_synthetic_images_have_the_shape_and_the_classes_asked_for(synthetic: DataSet) -> None:
    assert (synthetic.image_shape, synthetic.num_classes) == ((2, 12, 20), 4)
    assert (len(synthetic.train), len(synthetic.validation), len(synthetic.test)) == (10_000, 4_000, 4_000)
    assert class_counts(synthetic.train) == [2_500] * 4
    assert synthetic.train.images.dtype == torch.uint8
    assert synthetic.train.labels.dtype == torch.int64


def test_synthetic_images_are_the_same_every_time_and_differ_from_split_to_split(synthetic: DataSet) -> None:
    again = load_data("synthetic", input_shape=(2, 12, 20), num_classes=4)
    for part in ("train", "validation", "test"):
        assert torch.equal(getattr(again, part).images, getattr(synthetic, part).images)
        assert torch.equal(getattr(again, part).labels, getattr(synthetic, part).labels)
    images = [split.images[:4_000] for split in (synthetic.train, synthetic.validation, synthetic.test)]
    assert sum((digests(part) for part in images), Counter()).most_common(1)[0][1] == 1


def test_there_is_an_image_of_every_class_however_many_there_are() -> None:
    data = load_data("synthetic", input_shape=(1, 2, 2), num_classes=4_500)
    assert data.validation.labels.unique().tolist() == list(range(4_500))


def nearest_mean_error(data: DataSet, features: Callable[[Tensor], Tensor]) -> float:
    """Return the validation error, in percent, of the class whose mean features are nearest."""
    train, validation = (features(s.images[:3_000].float()).flatten(1) for s in (data.train, data.validation))
    labels = data.train.labels[:3_000]
    means = torch.stack([train[labels == label].mean(dim=0) for label in range(data.num_classes)])
    wrong = torch.cdist(validation, means).argmin(dim=1) != data.validation.labels[:3_000]
    return 100 * wrong.double().mean().item()


def test_synthetic_images_can_be_learnt_but_not_pixel_by_pixel() -> None:
    data = load_data("synthetic")
    frequencies = nearest_mean_error(data, lambda images: torch.fft.rfft2(images - images.mean((2, 3), True)).abs())
    pixels = nearest_mean_error(data, lambda images: images)
    assert frequencies < 10
    assert 40 < pixels < 90  # of guessing: 90


# Data sets in general


def test_statistics_are_the_training_pixels_own(mini: DataSet, synthetic: DataSet) -> None:
    for data in (mini, synthetic):
        mean, deviation = data.statistics()
        pixels = data.train.images.numpy().astype(np.float64)
        assert mean.numpy() == pytest.approx(pixels.mean(axis=(0, 2, 3)), rel=1e-6)
        assert deviation.numpy() == pytest.approx(pixels.std(axis=(0, 2, 3)), rel=1e-5)
        assert mean.shape == deviation.shape == data.image_shape[:1]


def test_images_without_contrast_have_a_deviation_to_divide_by() -> None:
    flat = Split(torch.full((4, 1, 2, 2), 7, dtype=torch.uint8), torch.arange(4))
    data = DataSet(name="flat", num_classes=4, train=flat, validation=flat, test=flat)
    assert data.statistics()[1].tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "fashion-mnist-min",
            'unknown data set "fashion-mnist-min"; did you mean "fashion-mnist-mini" or "fashion-mnist"?',
        ),
        ("zzz", f'unknown data set "zzz"; known: {", ".join(sorted(DATA_SETS))}'),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_ones(name: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load_data(name)
    assert str(caught.value) == f"{message}; or pass the path of a folder of pictures"


@pytest.mark.parametrize(("channels", "num_classes"), [(3, 10), (1, 100), (3, 1000)])
def test_data_of_other_channels_or_classes_are_refused(channels: int, num_classes: int) -> None:
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist-mini", input_shape=(channels, 28, 28), num_classes=num_classes)
    assert str(caught.value) == (
        f'data set "fashion-mnist-mini" must have {channels} channels and {num_classes} classes '
        "for these networks; it has 1 and 10; choose another --data or --regime"
    )


def test_images_of_another_size_are_no_fault_since_they_are_resized() -> None:
    assert load_data("fashion-mnist-mini", input_shape=(1, 16, 16)).image_shape == (1, 28, 28)


# Splits


@given(st.integers(1, 6), st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 3), st.randoms())
def test_stratified_parts_are_disjoint_and_balanced(
    num_classes: int, per_class: list[int], spare: int, random: Any
) -> None:
    members = [label for label in range(num_classes) for _ in range(sum(per_class) + spare + label)]
    random.shuffle(members)
    labels = np.array(members, dtype=np.uint8)
    parts = stratified(labels, [count * num_classes for count in per_class], seed=1)
    taken = np.concatenate(parts)
    assert len(set(taken.tolist())) == len(taken)
    for part, count in zip(parts, per_class, strict=True):
        assert sorted(Counter(labels[part].tolist()).values()) == [count] * (num_classes if count else 0)


def test_a_stratified_draw_is_its_seeds_and_in_no_order() -> None:
    labels = np.repeat(np.arange(5), 100)
    first, again, other = (stratified(labels, [250, 100], seed=seed) for seed in (1, 1, 2))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])
    assert np.unique(labels[first[0][:50]]).tolist() == [0, 1, 2, 3, 4]
    assert (np.diff(first[0]) < 0).any()


def test_a_data_set_is_handed_on_as_arrays_without_a_copy() -> None:
    data = load_data("fashion-mnist-mini")
    arrays = data.to_arrays()
    for array in arrays.values():
        array.flags.writeable = False  # as an object store has them
    again = DataSet.from_arrays(data.name, data.num_classes, arrays)
    for name in ("train", "validation", "test"):
        before, after = getattr(data, name), getattr(again, name)
        assert after.images.data_ptr() == before.images.data_ptr()
        assert after.labels.data_ptr() == before.labels.data_ptr()
        assert torch.equal(after.images, before.images)
        assert torch.equal(after.labels, before.labels)
    assert (again.name, again.num_classes, again.image_shape) == (data.name, data.num_classes, data.image_shape)
    assert all(torch.equal(*pair) for pair in zip(again.statistics(), data.statistics(), strict=True))
