"""A data set and trials that take milliseconds."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch

from anynas.architecture import Architecture, anynet
from anynas.data import DataSet, Split, load_data
from anynas.training.prepared import PreparedData, prepare
from anynas.trials import Fidelity, Recipe, Trial

TINY = anynet(depths=[1, 1], widths=[8, 16], block="V", stem_width=8, stem_stride=2)


@pytest.fixture(scope="session")
def tiny() -> Architecture:
    """Two plain blocks: the cheapest network that learns anything."""
    return TINY


@pytest.fixture(scope="session")
def data() -> DataSet:
    """512 training, 256 validation and 200 test images of ten classes, 28x28."""
    whole = load_data("synthetic")

    def first(split: Split, count: int) -> Split:
        return Split(split.images[:count].clone(), split.labels[:count].clone())

    return dataclasses.replace(
        whole,
        train=first(whole.train, 512),
        validation=first(whole.validation, 256),
        test=first(whole.test, 200),
    )


@pytest.fixture(scope="session")
def prepared(data: DataSet) -> PreparedData:
    """The same at half the resolution, on the CPU."""
    return prepare(data, resolution=14, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def trial() -> Callable[..., Trial]:
    """Make a trial of one epoch over 256 images; keywords go to the recipe, the fidelity or the trial."""

    def made(**changes: Any) -> Trial:
        fields: dict[str, dict[str, Any]] = {
            "recipe": {},
            "fidelity": {"epochs": 1, "images": 256},
            "trial": {},
        }
        for name, value in changes.items():
            owners = {"recipe": Recipe, "fidelity": Fidelity, "trial": Trial}
            (owner,) = [key for key, cls in owners.items() if name in {f.name for f in dataclasses.fields(cls)}]
            fields[owner][name] = value
        return Trial(
            **{
                "number": 0,
                "architecture": TINY,
                "recipe": Recipe(**fields["recipe"]),
                "fidelity": Fidelity(**fields["fidelity"]),
                "seed": 1,
                **fields["trial"],
            }
        )

    return made
