"""Prepared data: normalised by the training pixels, resized, converted at once or by batch alike."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from anynas.architecture import anynet
from anynas.data import DataSet, Split
from anynas.data import images as images_module
from anynas.training import prepared as prepared_module
from anynas.training.loop import train_trial
from anynas.training.prepared import MOST_FLOAT_BYTES, PreparedData, prepare
from anynas.trials import Trial, TrialResult

CPU = torch.device("cpu")
PARTS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def coloured() -> DataSet:
    """Images of three channels, each with a brightness of its own."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        pixels = torch.randint(0, 100, (count, 3, 12, 12), generator=generator, dtype=torch.uint8)
        brightness = torch.tensor([0, 50, 150], dtype=torch.uint8).view(3, 1, 1)
        return Split(pixels + brightness, torch.arange(count) % 5)

    return DataSet(name="coloured", num_classes=5, train=split(60), validation=split(30), test=split(20))


def test_training_images_have_mean_zero_and_deviation_one_in_every_channel(coloured: DataSet) -> None:
    images = prepare(coloured, resolution=12, device=CPU).train.images
    assert images.dtype == torch.float32
    assert images.mean(dim=(0, 2, 3)).numpy() == pytest.approx([0, 0, 0], abs=1e-5)
    assert images.std(dim=(0, 2, 3)).numpy() == pytest.approx([1, 1, 1], abs=1e-3)


@pytest.mark.parametrize("part", PARTS)
def test_every_split_is_normalised_by_the_training_pixels(coloured: DataSet, part: str) -> None:
    pixels = coloured.train.images.numpy().astype(np.float64)
    mean, deviation = (values.reshape(3, 1, 1) for values in (pixels.mean((0, 2, 3)), pixels.std((0, 2, 3))))
    split: Split = getattr(prepare(coloured, resolution=12, device=CPU), part)
    original: Split = getattr(coloured, part)
    assert split.images.numpy() == pytest.approx((original.images.numpy() - mean) / deviation, abs=1e-3)
    assert torch.equal(split.labels, original.labels)


def test_what_is_prepared_says_what_it_is(coloured: DataSet) -> None:
    data = prepare(coloured, resolution=8, device=CPU)
    assert (data.name, data.num_classes, data.image_shape, data.device) == ("coloured", 5, (3, 8, 8), CPU)
    assert [len(getattr(data, part)) for part in PARTS] == [60, 30, 20]
    assert data.train.images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("resolution", [5, 8, 17])
def test_images_are_resized_smoothly_and_rounded_to_bytes(coloured: DataSet, resolution: int) -> None:
    data = prepare(coloured, resolution=resolution, device=CPU)
    side = (resolution, resolution)
    smooth = functional.interpolate(coloured.test.images.float(), size=side, mode="bilinear", antialias=True)
    expected = (smooth.round() - data.mean) / data.deviation
    assert data.test.images.shape == (20, 3, *side)
    assert data.test.images.numpy() == pytest.approx(expected.numpy(), abs=1e-4)


def test_resizing_keeps_the_brightness_and_what_is_black_or_white() -> None:
    black_and_white = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 1, 6, 6)
    split = Split(black_and_white, torch.arange(2))
    data = prepare(DataSet(name="", num_classes=2, train=split, validation=split, test=split), resolution=9, device=CPU)
    pixels = data.train.images * data.deviation + data.mean
    assert pixels[0].numpy() == pytest.approx(np.zeros((1, 9, 9)), abs=1e-3)
    assert pixels[1].numpy() == pytest.approx(np.full((1, 9, 9), 255), abs=1e-3)


def test_resizing_in_batches_is_resizing_at_once(coloured: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prepare(coloured, resolution=7, device=CPU)
    monkeypatch.setattr(images_module, "RESIZE_BATCH", 7)
    in_batches = prepare(coloured, resolution=7, device=CPU)
    for part in PARTS:
        assert torch.equal(getattr(in_batches, part).images, getattr(whole, part).images)


def test_bytes_are_normalised_batch_by_batch_to_the_same_numbers(coloured: DataSet) -> None:
    at_once = prepare(coloured, resolution=12, device=CPU)
    by_batch = dataclasses.replace(at_once, train=coloured.train)  # as on a GPU
    assert by_batch.train.images.dtype == torch.uint8
    batch = torch.tensor([5, 3, 30])
    expected = at_once.batch(at_once.train.images[batch])
    assert torch.equal(expected, at_once.train.images[batch])
    assert by_batch.batch(by_batch.train.images[batch]).numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_the_data_set_is_left_as_it_was(coloured: DataSet) -> None:
    before = coloured.train.images.clone()
    for resolution in (6, 12):
        prepare(coloured, resolution=resolution, device=CPU)
    assert torch.equal(coloured.train.images, before)


def test_prepared_data_are_compared_by_identity(coloured: DataSet) -> None:
    data = prepare(coloured, resolution=12, device=CPU)
    assert data == data
    assert data != prepare(coloured, resolution=12, device=CPU)
    assert isinstance(data, PreparedData)


def test_what_is_normalised_batch_by_batch_trains_to_the_same_bits(
    coloured: DataSet, trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large data stay uint8 on a CPU; all engines take them as they take floats."""
    asked = trial(images=48, epochs=2, batch_size=16, augmentation="crop_flip", test=True)
    wide = dataclasses.replace(asked, architecture=anynet(depths=[1, 1], widths=[192, 192], block="V", stem_width=64))
    results = []
    for most in (MOST_FLOAT_BYTES, 0):
        monkeypatch.setattr(prepared_module, "MOST_FLOAT_BYTES", most)
        data = prepare(coloured, resolution=12, device=CPU)
        assert data.train.images.is_floating_point() == (most > 0)
        outcomes = [train_trial(each, data) for each in (asked, wide)]
        results.append([(one.curve, one.test_error) for one in outcomes if isinstance(one, TrialResult)])
    assert len(results[0]) == 2
    assert results[0] == results[1]
