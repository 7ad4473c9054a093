"""Which regime suits which data: the space's own, one that anynas knows, or one that follows from the images."""

import dataclasses
from pathlib import Path
from typing import Literal

from anynas.data import DataSet, Reading, check_data, find_data
from anynas.designspace import DesignSpace, load_space
from anynas.errors import DataError
from anynas.regimes import REGIMES, Regime, fitted, load_regime, regime_of_images

DEFAULT = "fashion"  # the regime of spaces that are meant for any images


def regime_for(
    data: str | Path | DataSet,
    *,
    space: DesignSpace | str | Path = "AnyNetA",
    regime: str | Regime | None = None,
    reading: Reading | None = None,
) -> Regime:
    """Return the regime in which a space is searched on a data set; `load_space` takes it as `regime`.

    Data of the shape of the space's regime have that one. For others it follows from the images, if the space is meant
    for any: for `cifar10` it is `cifar`, for a user's own pictures one of their size. A space with a regime of its own,
    or one that is asked for, keeps side, band and recipe, and takes channels and classes from the data.

    Args:
        data: A data set, its name, or the path of a folder of pictures.
        space: A space, a built-in one's name, or the path of a TOML file.
        regime: One that is asked for.
        reading: Is told how far decoding of a user's pictures is.

    Raises:
        AnynasError: There are no such data or no such space, or a regime was asked for that does not suit the data.
    """
    if not isinstance(space, DesignSpace):
        space = load_space(space, regime=regime)
    elif regime is not None:
        space = dataclasses.replace(space, regime=load_regime(regime) if isinstance(regime, str) else regime)
    return suited(space.regime, data, is_asked=regime is not None, reading=reading)[0]


def suited(
    regime: Regime,
    data: str | Path | DataSet | None,
    *,
    is_asked: bool,
    resolution: int | Literal["regime"] = "regime",
    reading: Reading | None = None,
) -> tuple[Regime, DataSet]:
    """Return data, and the regime that suits them.

    Args:
        regime: The space's own, or the one that is asked for.
        data: A data set, its name or its path; None: the regime's own.
        is_asked: Whether the regime is asked for.
        resolution: At which images are trained; a user's pictures are decoded at it.
        reading: Is told how far decoding is.

    Raises:
        DataError: The regime has no data set of its own, or the data do not suit the regime that is asked for.
    """
    if data is None and not regime.data:
        raise DataError(
            f"regime {regime.name} has no data set of its own; pass --data with one of {regime.input_shape[0]} "
            f"channels and {regime.num_classes} classes (synthetic has any)"
        )
    keeps = is_asked or regime.name != DEFAULT
    found = data if isinstance(data, DataSet) else _found(data or regime.data, regime, keeps, resolution, reading)
    channels, classes = found.image_shape[0], found.num_classes
    if found.pictures is None and (channels, classes) == (regime.input_shape[0], regime.num_classes):
        return regime, found
    if found.pictures is None and is_asked:
        check_data(found, channels=regime.input_shape[0], num_classes=regime.num_classes)
    if keeps:
        return fitted(regime, channels=channels, num_classes=classes, num_images=len(found.train)), found
    for known in REGIMES.values():
        if found.pictures is None and (known.input_shape, known.num_classes) == (found.image_shape, classes):
            return known, found
    side = found.image_shape[1]
    name = f"{found.name}-{side}"
    shape = (channels, side, side)
    return regime_of_images(name, shape, num_classes=classes, num_images=len(found.train)), found


def _found(
    data: str | Path, regime: Regime, keeps: bool, resolution: int | Literal["regime"], reading: Reading | None
) -> DataSet:
    side = resolution if resolution != "regime" else regime.input_shape[1] if keeps else None
    return find_data(data, made_for=(regime.input_shape, regime.num_classes), side=side, reading=reading)
