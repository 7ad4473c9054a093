"""Augmentation: mirrored and shifted images and nothing else, drawn from the trial's own generator."""

import pytest
import torch
from torch import Generator, Tensor

from anynas.training.augmentation import augmented

KINDS = ("none", "flip", "crop_flip")


def generator(seed: int = 3) -> Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int, height: int = 16, width: int = 24, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, height, width, generator=generator(0)) + 1  # no zero of their own


def shifted(image: Tensor, rows: int, columns: int) -> Tensor:
    """Return an image (C, H, W) moved down and to the right, zeros coming in."""
    moved = torch.zeros_like(image)
    _, height, width = image.shape
    target = (slice(max(rows, 0), height + min(rows, 0)), slice(max(columns, 0), width + min(columns, 0)))
    origin = (slice(max(-rows, 0), height + min(-rows, 0)), slice(max(-columns, 0), width + min(-columns, 0)))
    moved[:, target[0], target[1]] = image[:, origin[0], origin[1]]
    return moved


def test_without_augmentation_images_are_left_alone() -> None:
    given = images(5)
    assert torch.equal(augmented(given, "none", generator()), given)


def test_a_flip_mirrors_about_half_of_the_images_from_left_to_right() -> None:
    given = images(2_000, 4, 6)
    out = augmented(given, "flip", generator())
    kept = (out == given).flatten(1).all(dim=1)
    mirrored = (out == given.flip(3)).flatten(1).all(dim=1)
    assert (kept ^ mirrored).all()
    assert 900 < mirrored.sum() < 1_100


@pytest.mark.parametrize(("height", "width", "reach"), [(16, 24, (2, 3)), (28, 28, (3, 3)), (4, 7, (1, 1))])
def test_a_crop_shifts_each_image_by_up_to_an_eighth_and_mirrors_half(
    height: int, width: int, reach: tuple[int, int]
) -> None:
    given = images(300, height, width, channels=2)
    out = augmented(given, "crop_flip", generator())
    assert out.shape == given.shape
    found = []
    for image, result in zip(given, out, strict=True):
        matches = [
            (rows, columns, mirror)
            for rows in range(-reach[0], reach[0] + 1)
            for columns in range(-reach[1], reach[1] + 1)
            for mirror in (False, True)
            if torch.equal(shifted(image.flip(2) if mirror else image, rows, columns), result)
        ]
        assert len(matches) == 1
        found += matches
    rows, columns, mirrors = (torch.tensor(values) for values in zip(*found, strict=True))
    assert sorted(set(rows.tolist())) == list(range(-reach[0], reach[0] + 1))
    assert sorted(set(columns.tolist())) == list(range(-reach[1], reach[1] + 1))
    assert abs(rows.float().mean()) < 0.35
    assert abs(columns.float().mean()) < 0.35
    assert 110 < mirrors.sum() < 190
    assert abs(torch.corrcoef(torch.stack([rows.float(), columns.float()]))[0, 1]) < 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_comes_from_the_generator_alone(kind: str) -> None:
    given = images(64)
    before = torch.random.get_rng_state()
    first = augmented(given, kind, generator())
    torch.rand(10)
    again = augmented(given, kind, generator())
    assert torch.equal(first, again)
    torch.random.set_rng_state(before)
    augmented(given, kind, generator())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["flip", "crop_flip"])
def test_two_calls_draw_anew(kind: str) -> None:
    given, one = images(64), generator()
    assert not torch.equal(augmented(given, kind, one), augmented(given, kind, one))


@pytest.mark.parametrize("kind", KINDS)
def test_the_images_given_are_not_changed(kind: str) -> None:
    given = images(32)
    augmented(given, kind, generator())
    assert torch.equal(given, images(32))
