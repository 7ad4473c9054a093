"""A user's own pictures: which files count, how they are decoded, split, cached; one line for what is wrong."""

import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from own_pictures import folder, pixels, save
from PIL import Image, ImageDraw

from anynas.data import DataSet, decoding, load_data
from anynas.data.folders import list_pictures
from anynas.data.images import decode, read_image, resized
from anynas.data.pictures import ABOUT, LABELS, PIXELS, load_pictures
from anynas.data.splits import divide
from anynas.data.suiting import regime_for
from anynas.designspace import load_space
from anynas.driver.search import plan_search
from anynas.errors import DataError, shown
from anynas.study.running import plan_study
from anynas.training.worker import Worker, Workplace
from anynas.trials import Fidelity


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where these tests' pictures are kept."""
    monkeypatch.setenv("ANYNAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_data(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


# What a picture looks like


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    array = np.zeros((2, 2, 4), np.uint8)
    array[0, 0] = (10, 20, 30, 255)
    array[0, 1] = (0, 0, 0, 128)
    seen = decode(save(tmp_path / "a.png", array))
    assert seen[0, 0].tolist() == [10, 20, 30]
    assert seen[0, 1].tolist() == [127, 127, 127]
    assert (seen[1] == 255).all()
    palette = Image.new("P", (2, 1), 1)
    palette.putpalette([0, 0, 0, 200, 30, 30])
    palette.putpixel((0, 0), 0)
    palette.save(tmp_path / "p.png", transparency=0)
    assert decode(tmp_path / "p.png").tolist() == [[[255, 255, 255], [200, 30, 30]]]


@pytest.mark.parametrize(
    ("values", "ending", "seen"),
    [
        (np.array([[0, 256, 65535]], np.uint16), "png", [0, 1, 255]),
        (np.array([[0, 512, 65535]], np.int32), "tif", [0, 2, 255]),
        (np.array([[-100, 0, 100]], np.int32), "tif", [0, 128, 255]),
        (np.array([[0, 10**6, 2 * 10**6]], np.int32), "tif", [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), "tif", [0, 128, 255]),
        (np.array([[0, 100, 200]], np.float32), "tif", [0, 100, 200]),
        (np.array([[-1, 0, 1]], np.float32), "tif", [0, 128, 255]),
        (np.array([[np.nan, np.inf, 1]], np.float32), "tif", [0, 0, 255]),
        (np.array([[-7, -7, -7]], np.float32), "tif", [0, 0, 0]),
    ],
)
def test_deep_values_are_scaled_and_never_clipped(
    tmp_path: Path, values: np.ndarray, ending: str, seen: list[int]
) -> None:
    Image.fromarray(values).save(tmp_path / f"deep.{ending}")
    assert decode(tmp_path / f"deep.{ending}").tolist() == [[[value] for value in seen]]


def test_colours_of_print_and_palettes_are_colours(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (200, 20, 20))
    red.convert("CMYK").save(tmp_path / "print.tif")
    red.quantize(4).save(tmp_path / "few.gif")
    for name in ("print.tif", "few.gif"):
        assert abs(decode(tmp_path / name).astype(int) - [200, 20, 20]).max() <= 2


def test_three_equal_channels_are_grey(tmp_path: Path) -> None:
    grey = pixels(0, 0, channels=1)
    assert (decode(save(tmp_path / "rgb.png", np.repeat(grey, 3, axis=2))) == grey).all()
    assert decode(save(tmp_path / "colour.png", pixels(0, 0))).shape == (32, 32, 3)


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(DataError) as caught:
        decode(tmp_path / "bomb.png")
    assert str(caught.value) == (
        f"{tmp_path}/bomb.png: must be an image file; it has too many pixels, as files have that are made to fill a "
        "memory"
    )


def test_postscript_is_no_picture_for_reading_it_would_start_a_program(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "page.eps")
    with pytest.raises(DataError, match="it is none, or damaged"):
        decode(tmp_path / "page.eps")


# Which files count


def test_hidden_files_and_those_that_systems_leave_are_no_pictures_and_nested_folders_are_read(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=4)
    for name in (".hidden.png", "Thumbs.db", "desktop.ini", "__MACOSX/9.png", ".cache/8.png"):
        (own / "bird" / name).parent.mkdir(exist_ok=True)
        (own / "bird" / name).write_bytes(b"no picture")
    (own / "__MACOSX" / "bird").mkdir(parents=True)
    (own / ".git").mkdir()
    (own / "readme.txt").write_text("beside the classes")
    save(own / "bird" / "2024" / "may" / "7.png", pixels(0, 77))
    os.mkfifo(own / "bird" / "pipe.png")  # opening it would never end
    listing = list_pictures(own)
    assert listing.class_names == ("bird", "cat")
    assert [file.path.relative_to(own).as_posix() for file in listing.files if file.label == 0] == [
        *("bird/0.png", "bird/1.png", "bird/2.png", "bird/2024/may/7.png", "bird/3.png"),
    ]


def test_each_class_is_split_in_shares_and_a_picture_is_in_one_split(tmp_path: Path) -> None:
    data = load_data(folder(tmp_path / "own", ("ant", "bee", "cat"), 20))
    assert (data.name, data.num_classes, data.class_names) == ("pictures", 3, ("ant", "bee", "cat"))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [42, 9, 9]
    for split, count in ((data.train, 14), (data.validation, 3), (data.test, 3)):
        assert split.labels.bincount().tolist() == [count] * 3
    every = {image.numpy().tobytes() for split in (data.train, data.validation, data.test) for image in split.images}
    assert len(every) == 60
    assert len(set(data.train.labels[:14].tolist())) == 3  # the first images of an epoch are of all classes


def test_a_pixel_is_what_predicting_sees_of_the_file(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=6)
    data = load_data(own)
    assert data.image_shape == (3, 28, 28)
    seen = {image.numpy().tobytes() for split in (data.train, data.validation, data.test) for image in split.images}
    for path in own.glob("*/*.png"):
        assert resized(read_image(path, 3), 28)[0].numpy().tobytes() in seen


def test_splits_are_slices_of_one_map_of_a_file(tmp_path: Path) -> None:
    data = load_data(folder(tmp_path / "own"))
    start, stride = data.train.images.data_ptr(), data.train.images[0].numel()
    assert data.validation.images.data_ptr() == start + len(data.train) * stride
    assert data.test.images.data_ptr() == start + (len(data.train) + len(data.validation)) * stride
    pictures, images, _ = load_pictures(tmp_path / "own")
    assert isinstance(images, np.memmap)
    assert Path(str(images.filename)) == pictures.entry / PIXELS


def test_grey_pictures_have_one_channel_unless_one_among_them_has_colours(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=5, channels=1)
    grey = load_data(own)
    assert grey.image_shape == (1, 28, 28)
    save(own / "cat" / "colour.png", pixels(0, 99))
    mixed = load_data(own)
    assert mixed.image_shape == (3, 28, 28)
    every = torch.cat([mixed.train.images, mixed.validation.images, mixed.test.images])
    assert sum(bool((image == image[:1]).all()) for image in every) == 10


def test_a_picture_added_leaves_almost_all_others_where_they_are(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=40)
    before, after = load_data(own), load_data(folder(own, each=4, first=40))
    stays = {image.numpy().tobytes() for image in before.test.images}
    now = {image.numpy().tobytes() for image in after.test.images}
    assert len(stays & now) >= len(stays) - 2


def test_names_play_no_part_in_splits_and_copies_are_on_one_side(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=10)
    first = load_data(own)
    for path in sorted(own.glob("*/*.png")):
        path.rename(path.with_name(f"renamed {path.stem}.png"))
    again = load_data(own)
    assert again.pictures is not None
    assert first.pictures is not None
    assert again.pictures.sha256 == first.pictures.sha256
    assert torch.equal(again.train.images, first.train.images)
    digests = [bytes([number // 4]) for number in range(40)]
    for part in divide(digests, shares=[0.15, 0.15], seed=0):
        assert all(part.count(index) == 1 for index in part)
        for digest in {digests[index] for index in part}:
            assert sum(digests[index] == digest for index in part) == 4


def test_splits_that_a_folder_has_are_respected_and_a_missing_one_is_taken_from_training_pictures(
    tmp_path: Path,
) -> None:
    own = tmp_path / "own"
    folder(own / "Train", each=20)
    folder(own / "test", each=3, first=100)
    data = load_data(own)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [34, 6, 6]
    given = {resized(read_image(path, 3), 28)[0].numpy().tobytes() for path in (own / "test").glob("*/*")}
    assert {image.numpy().tobytes() for image in data.test.images} == given
    folder(own / "valid", each=2, first=200)
    data = load_data(own)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [40, 4, 6]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert load_data(folder(tmp_path / "own", ("car", "train"), 5)).class_names == ("car", "train")


# What is wrong


def broken(tmp_path: Path, make: Callable[[Path], object]) -> tuple[Path, str]:
    own = tmp_path / "own"
    make(own)
    return own, refusal(own)


def _archive(own: Path) -> None:
    own.with_suffix(".zip").write_bytes(b"PK")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda own: None, "must be a folder of pictures, with one folder a class; there is none"),
        (lambda own: own.mkdir(), "must have at least two folders, one a class with its pictures; it has none"),
        (
            lambda own: folder(own, ("bird",), 3),
            "must have at least two folders, one a class with its pictures; it has bird alone",
        ),
        (
            lambda own: (folder(own, each=5), folder(own, ("dog",), 2)),
            "each class must have at least 3 different pictures for training and validation and test; dog has 2; add "
            "some, or move its folder elsewhere",
        ),
        (
            lambda own: (
                [(own / name).mkdir(parents=True) for name in "ab"]
                + [(own / "a" / "note.txt").write_text("no picture")]
            ),
            "its classes must have pictures that can be read; none of 1 files can",
        ),
        (
            lambda own: (folder(own / "train", each=5), folder(own / "test", ("bird", "dog"), 2, first=50)),
            "classes of test must be classes of train; dog is not; add training pictures of it, or move it elsewhere",
        ),
        (
            lambda own: (folder(own / "train"), folder(own / "test"), (own / "annotations").mkdir()),
            "must hold train, validation and test alone, or one folder a class; it holds annotations beside train; "
            "move it elsewhere",
        ),
        (
            lambda own: [folder(own / name) for name in ("train", "val", "valid")],
            "must hold one folder each of training, validation and test pictures; it holds train, val, valid; join "
            "those that mean the same",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_gets_one_line(
    tmp_path: Path, make: Callable[[Path], object], message: str, cache: Path
) -> None:
    own, said = broken(tmp_path, make)
    assert said == f"{own}: {message}"
    assert not cache.exists() or entries(cache) == []


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "own.zip").write_bytes(b"PK")
    assert refusal(tmp_path / "own.zip") == (
        f"{tmp_path}/own.zip: must be a folder of pictures, with one folder a class; it is an archive; unpack it and "
        "name its folder"
    )


def test_names_are_shown_without_commands_to_a_terminal(tmp_path: Path) -> None:
    name = "evil\x1b[2J\n\u202e"
    own = folder(tmp_path / "own", (name, "a"), 4)
    assert load_data(own).class_names == ("a", "evil\ufffd[2J\ufffd\ufffd")
    assert shown("Ka\u0308fer") == "K\xe4fer"


# The cache


def test_files_that_are_no_pictures_are_counted_and_told_with_their_reasons_when_the_cache_is_used_too(
    tmp_path: Path,
) -> None:
    own = folder(tmp_path / "own", each=5)
    (own / "bird" / "note.txt").write_text("mine")
    whole = (own / "cat" / "0.png").read_bytes()
    (own / "cat" / "torn.png").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        pictures = load_data(own).pictures
        assert pictures is not None
        assert pictures.skipped == 2
        assert pictures.skipped_list.read_text(encoding="utf-8").splitlines() == list(pictures.first_skipped)
        assert pictures.first_skipped == (
            "bird/note.txt: must be an image file; it is none, or damaged",
            "cat/torn.png: must be an image file; it is none, or damaged",
        )


def test_pictures_are_decoded_once_and_again_when_a_file_has_changed(tmp_path: Path, cache: Path) -> None:
    own, told = folder(tmp_path / "own", each=5), []

    def load() -> DataSet:
        told.clear()
        return load_data(own, reading=lambda done, total: told.append((done, total)))

    first = load()
    assert told == [(done, 10) for done in range(1, 11)]
    assert torch.equal(load().train.images, first.train.images)
    assert told == []
    (own / "bird" / "0.png").touch()
    assert torch.equal(load().train.images, first.train.images)
    assert told[-1] == (10, 10)
    assert len(entries(cache)) == 1  # the earlier one is of no more use
    assert load_data(own, side=12).image_shape == (3, 12, 12)
    assert len(entries(cache)) == 2


@pytest.mark.parametrize("name", [ABOUT, PIXELS, LABELS])
def test_an_entry_that_is_damaged_is_made_anew(tmp_path: Path, name: str) -> None:
    own = folder(tmp_path / "own", each=5)
    first = load_data(own)
    assert first.pictures is not None
    before = first.train.images.clone()
    content = (first.pictures.entry / name).read_bytes()
    (first.pictures.entry / name).unlink()
    (first.pictures.entry / name).write_bytes(content[: len(content) // 2])
    assert torch.equal(load_data(own).train.images, before)


def test_two_that_decode_at_the_same_time_have_the_same(tmp_path: Path, cache: Path) -> None:
    own, found = folder(tmp_path / "own", each=5), []
    both = threading.Barrier(2)

    def load() -> None:
        met = False

        def wait(done: int, total: int) -> None:
            nonlocal met
            if not met:
                met = True
                both.wait(timeout=60)

        found.append(load_data(own, side=16, reading=wait))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(found[0].train.images, found[1].train.images)
    assert len(entries(cache)) == 1
    assert not [path for path in cache.iterdir() if path.name.startswith(".")]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = folder(tmp_path / "own", each=5)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(decoding, "_write_pixels", full)
    with pytest.raises(DataError) as caught:
        load_data(own, side=16)
    assert str(caught.value) == (
        f"{cache}: must be a folder that can be written; No space left on device; set ANYNAS_CACHE to another"
    )
    assert list(cache.iterdir()) == []


def test_a_worker_reads_the_map_and_needs_the_folder_no_more(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=5)
    data = load_data(own)
    own.rename(tmp_path / "moved")
    place = Workplace(data=data.place, input_shape=(3, 28, 28), num_classes=2, device="cpu")
    assert torch.equal(Worker(place).data.test.images, data.test.images)
    again = DataSet.from_arrays(data.name, data.num_classes, data.to_arrays())
    assert torch.equal(again.train.images, data.train.images)


def test_what_identifies_pictures_is_what_they_show_at_any_side_and_place(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=5)
    first = load_data(own, side=16).pictures
    own.rename(tmp_path / "elsewhere")
    second = load_data(tmp_path / "elsewhere", side=20).pictures
    assert first is not None
    assert second is not None
    assert first.identity == second.identity
    assert first.identity.startswith("10 in 2 classes, sha256 ")
    with Image.open(tmp_path / "elsewhere" / "cat" / "1.png") as image:
        ImageDraw.Draw(image).point((0, 0), "red")
        image.save(tmp_path / "elsewhere" / "cat" / "1.png")
    third = load_data(tmp_path / "elsewhere", side=16).pictures
    assert third is not None
    assert third.sha256 != first.sha256
    assert json.loads((third.entry / ABOUT).read_text(encoding="utf-8"))["folder"] == str(tmp_path / "elsewhere")


def test_the_regime_follows_from_the_pictures_and_a_space_with_one_of_its_own_keeps_it(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", each=20)
    regime = regime_for(own)
    assert (regime.name, regime.input_shape, regime.num_classes) == ("pictures-28", (3, 28, 28), 2)
    assert regime.recipe.batch_size == 8
    space = load_space("AnyNetE", regime=regime)
    assert space.regime is regime
    assert regime_for(own, space=space) == regime
    for name, input_shape in (("LeNet", (3, 28, 28)), ("VGG", (3, 32, 32))):
        fitted = regime_for(own, space=name)
        assert (fitted.input_shape, fitted.num_classes) == (input_shape, 2)
        assert fitted.flops == load_space(name).regime.flops
    asked = regime_for(own, regime="imagenet")
    assert (asked.name, asked.input_shape) == ("imagenet-3x224x224", (3, 224, 224))
    plan = plan_search("AnyNetD", data=own, fidelity=Fidelity(epochs=1, resolution=32), executor="inline")
    assert plan.setting.space.regime.name == "pictures-32"
    assert plan.data.image_shape == (3, 32, 32)


def test_a_studys_pictures_lie_beside_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "there" / "own", each=10)
    text = 'data = "own"\nmodels = 2\n[populations.LeNet]\n[populations.AnyNetE]\n'
    (tmp_path / "there" / "mine.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    plan = plan_study("there/mine.toml", executor="inline")
    assert plan.data.path == str(tmp_path / "there" / "own")
    regimes = {name: population.space.regime for name, population in plan.study.populations.items()}
    assert {name: regime.name for name, regime in regimes.items()} == {
        "LeNet": "LeNet-3x28x28",
        "AnyNetE": "pictures-28",
    }
    assert plan.identity["pictures"] == plan.data.pictures.identity  # type: ignore[union-attr]
    assert plan.kept["data"] == {"source": plan.data.path, "class_names": ["bird", "cat"]}
    assert list(plan.kept["regimes"]) == ["LeNet-3x28x28", "pictures-28"]
