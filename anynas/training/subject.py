"""Which network is to be trained in full, and on what: told by a name, a file, or the run of a search."""

import dataclasses
from pathlib import Path

from anynas.architecture import Architecture, load_architecture, named_architectures
from anynas.data import DataSet, Reading, load_data
from anynas.data.suiting import suited
from anynas.designspace.loading import own_regime
from anynas.errors import DataError, RunError, SettingsError, shown
from anynas.layers import Shape
from anynas.regimes import Regime, load_regime
from anynas.store import Run, load_run
from anynas.trials import Fidelity, Recipe


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which network is to be trained, and how unless something else is asked."""

    name: str
    architecture: Architecture
    data: DataSet
    input_shape: Shape
    num_classes: int
    recipe: Recipe
    fidelity: Fidelity
    folder: Path | None = None


def subject_of(
    network: "Architecture | Run | str | Path",
    regime: str | Regime | None,
    data: str | Path | DataSet | None,
    reading: Reading | None,
) -> Subject:
    """Return what is to be trained.

    Args:
        network: An architecture, its name or JSON file; or a search's run or folder: its winner.
        regime: Of an architecture; None: the one of the family's own space, or what suits the data.
        data: None: the run's or the regime's.
        reading: Is told how far decoding of pictures is.

    Raises:
        AnynasError: Something is not as it must be; the message says what, and what to do.
    """
    if isinstance(network, Run):
        return _of_run(network, regime, data, reading)
    if isinstance(network, Architecture):
        return _of_regime(network.family, network, regime, data, reading)
    text = str(network)
    if text.lower() in named_architectures():
        return _of_regime(text.lower(), load_architecture(text), regime, data, reading)
    if not text.endswith(".json") and Path(text).is_dir():
        return _of_run(load_run(text), regime, data, reading)
    architecture = load_architecture(text)
    return _of_regime(architecture.family, architecture, regime, data, reading)


def _of_regime(
    name: str,
    architecture: Architecture,
    regime: str | Regime | None,
    data: str | Path | DataSet | None,
    reading: Reading | None,
) -> Subject:
    asked = load_regime(regime) if isinstance(regime, str) else regime
    suits, loaded = suited(asked or own_regime(architecture), data, is_asked=asked is not None, reading=reading)
    return Subject(
        name=name,
        architecture=architecture,
        data=loaded,
        input_shape=suits.input_shape,
        num_classes=suits.num_classes,
        recipe=suits.recipe,
        fidelity=suits.fidelity,
    )


def _of_run(
    run: Run, regime: str | Regime | None, data: str | Path | DataSet | None, reading: Reading | None
) -> Subject:
    identity = run.identity
    if identity["study"] != "search":
        raise RunError(
            f"{run.path}: must be a search's run, which has a winner; it is the study {identity['study']}'s; name an "
            "architecture's JSON file"
        )
    came = regime.name if isinstance(regime, Regime) else regime
    if came not in (None, identity["regime"]):
        raise SettingsError(f"regime must be the run's own, {identity['regime']}; got {came}")
    winner = Architecture.from_dict(run.result()["architecture"])
    images, fidelity = identity["images"], Fidelity(**identity["fidelity"])
    shape, classes = tuple(images["input_shape"]), images["num_classes"]
    return Subject(
        name=run.path.name,
        architecture=winner,
        data=data if isinstance(data, DataSet) else _data_of(run, data, shape, classes, fidelity, reading),
        input_shape=shape,
        num_classes=classes,
        recipe=Recipe(**identity["recipe"]),
        fidelity=fidelity,
        folder=run.path / "winner",
    )


def _data_of(
    run: Run, data: str | Path | None, shape: Shape, classes: int, fidelity: Fidelity, reading: Reading | None
) -> DataSet:
    """Return the data that are asked for, or those of a run, which must be as they were."""
    if data is None and run.source != run.identity["data"] and not Path(run.source).exists():
        raise DataError(
            f"{run.path}: its data must be where they were, in {shown(run.source)}; there is nothing now; pass --data "
            "with where they are"
        )
    side = None if fidelity.resolution == "regime" else fidelity.resolution
    loaded = load_data(data or run.source, input_shape=shape, num_classes=classes, side=side, reading=reading)
    has, came = run.identity.get("pictures"), loaded.pictures and loaded.pictures.identity
    if data is None and has != came:
        raise DataError(
            f"{run.path}: its pictures must be those that it was begun with, {has}; {shown(run.source)} has {came}; "
            "pass --data to train on others"
        )
    return loaded
