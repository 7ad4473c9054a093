"""What a study asks: study.toml as frozen data, checked before anything is trained.

    description = "ReLU against sigmoid"
    data = "fashion-mnist-mini"             # the populations' regimes' own if it is left out; or a path, from here
    models = 60                             # networks of each population
    seed = 0
    alpha = 0.05

    [populations.relu]
    space = { extends = "LeNet", parameters.activation.values = ["relu"] }    # a name, a path, or a space written here

    [populations.sigmoid]
    space = { extends = "LeNet", parameters.activation.values = ["sigmoid"] }
    pairs_with = "relu"                     # drawn from the same uniform numbers, trained with the same seeds

    [[claims]]
    name = "relu"
    baseline = "sigmoid"
    candidate = "relu"
    claim = "improves"
    paired = true

Tables [fidelity] and [recipe] change what the populations' regimes say, [populations.NAME.fidelity] that again. A band
is flops, params or activations = [low, high], of the study or a population; the regime's band of flops if there is
none.

A claim compares two populations, or with `population` and `where` two subsets of one: the networks for which the
condition holds, against all others or those of `against`. `within` restricts both.

A check asks whether the trials can be trusted. It needs networks that were trained more than once: in a follower with
another fidelity, or with other seeds in a population with `repeats`.

    [[checks]]
    check = "rank_correlation"
    population = "two_epochs"
    reference = "ten_epochs"                # pairs_with two_epochs, and fidelity.epochs = 10
    at_least = 0.7

    [[checks]]
    check = "seed_noise"
    population = "again"                    # repeats = 3: each of its networks, with so many seeds
    at_most = 0.5                           # sd over seeds / sd between architectures
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anynas.analysis.conditions import condition
from anynas.analysis.samples import check_alpha
from anynas.data import DATA_SETS, DataSet, Reading, is_path, load_data
from anynas.data.suiting import suited
from anynas.designspace import Bounds, DesignSpace, load_space
from anynas.designspace.loading import space_from
from anynas.designspace.pairs import shared_axes
from anynas.errors import AnynasError, SettingsError, did_you_mean
from anynas.settings import check_types, read_toml, require, settings_from, shipped
from anynas.study.stated import CONDITIONS, MEASURES, StatedCheck, StatedClaim
from anynas.trials import Fidelity, Recipe

COUNTED = (*MEASURES, "epochs", "images")  # columns of a table that conditions may use beside a space's parameters


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """So many draws of a space, trained alike."""

    name: str  # also the space's, and in a table the value of column `space`
    space: DesignSpace
    recipe: Recipe
    fidelity: Fidelity  # its resolution in pixels
    bounds: Bounds
    models: int
    repeats: int  # trials of each network, with a seed each
    seed: int  # of its draws
    pairs_with: str | None  # its leader: the same uniform numbers, the same trial seeds

    @property
    def num_trials(self) -> int:
        """In all; trial `number` trains draw number // repeats."""
        return self.models * self.repeats

    @property
    def stream(self) -> str:
        """Whose seeds its trials have: its own, or its leader's."""
        return self.pairs_with or self.name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Populations and claims."""

    name: str
    description: str
    seed: int
    data: str | None  # a name, or a path from the current folder; None: the populations' regimes' own
    alpha: float
    populations: dict[str, Population]
    claims: tuple[StatedClaim, ...]
    checks: tuple[StatedCheck, ...] = ()

    def with_models(self, models: int | None) -> "Study":
        """Return the study with so many networks of each population; None changes nothing.

        Raises:
            SettingsError: Fewer than two.
        """
        if models is None:
            return self
        _check_models(models)
        changed = {name: dataclasses.replace(p, models=models) for name, p in self.populations.items()}
        return dataclasses.replace(self, populations=changed)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """The keys of study.toml that are no tables."""

    description: str = ""
    seed: int = 0
    data: str | None = None
    models: int = 100
    alpha: float = 0.05
    regime: str | None = None
    flops: list[float] | None = None
    params: list[float] | None = None
    activations: list[float] | None = None

    def __post_init__(self) -> None:
        check_types(self)
        require(self.seed >= 0, f"seed must be at least 0; got {self.seed}")
        _check_models(self.models)
        check_alpha(self.alpha)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """The keys of a population that are no tables; None: the study's."""

    seed: int | None = None
    models: int | None = None
    repeats: int = 1
    regime: str | None = None
    pairs_with: str | None = None
    flops: list[float] | None = None
    params: list[float] | None = None
    activations: list[float] | None = None

    def __post_init__(self) -> None:
        check_types(self)
        if self.models is not None:
            _check_models(self.models)
        require(self.repeats >= 1, f"repeats must be at least 1; got {self.repeats}")
        require(self.seed is None or self.seed >= 0, f"seed must be at least 0; got {self.seed}")
        require(
            self.pairs_with is None or self.seed is None,
            "seed is the leader's where pairs_with is given; got one of its own; leave it out",
        )


def builtin_studies() -> list[str]:
    """Return the names of the studies that come with anynas."""
    return sorted(path.parent.name for path in shipped("studies").glob("*/study.toml"))


def load_study(name_or_path: str | Path, *, reading: Reading | None = None) -> Study:
    """Return a study by its name, or from a user's study.toml or the folder that holds one.

    Args:
        name_or_path: Which.
        reading: Is told how far decoding of a user's pictures is, whose size a regime may follow from.

    Raises:
        SettingsError: No such study, or its file has an unknown key, an invalid value, a claim about an unknown
            population or parameter.
        SpaceError: A population's space is not valid, or its pairs are not.
    """
    path = _locate(str(name_or_path))
    content = read_toml(path)
    name = path.absolute().parent.name if path.name == "study.toml" else path.stem
    where = f"{name}/{path.name}" if path.name == "study.toml" else path.name
    tables = {key: content.pop(key, {}) for key in ("populations", "recipe", "fidelity")}
    stated = {key: content.pop(key, []) for key in ("claims", "checks")}
    for key, table in tables.items():
        require(isinstance(table, dict), f"{where}: {key} must be a table; got {table!r}")
    for key, listed in stated.items():
        require(isinstance(listed, list) and all(isinstance(one, dict) for one in listed), f"{where}: write [[{key}]]")
    head = settings_from(_Head, content, where=where)
    require(bool(tables["populations"]), f"{where}: must have at least one table [populations.NAME]; it has none")
    data = str(path.parent / Path(head.data).expanduser()) if head.data and _is_beside(head.data, path) else head.data
    loaded = load_data(data, reading=reading) if data and _has_own_shape(data) else None
    populations = {
        key: _population(key, table, head, tables, loaded, beside=path.parent, where=f"{where}: populations.{key}")
        for key, table in tables["populations"].items()
    }
    for population in populations.values():
        _check_draws(population, populations, where)
    claims = tuple(_claim(t, populations, f"{where}: claims {number}") for number, t in enumerate(stated["claims"], 1))
    checks = tuple(_check(t, populations, f"{where}: checks {number}") for number, t in enumerate(stated["checks"], 1))
    names = [claim.name for claim in claims] + [check.name for check in checks]
    for each in names:
        again = names.count(each)
        require(again == 1, f'{where}: each claim and check must have a name of its own; "{each}" comes {again} times')
    return Study(
        name=name,
        description=head.description,
        seed=head.seed,
        data=data,
        alpha=head.alpha,
        populations=populations,
        claims=claims,
        checks=checks,
    )


def _locate(name: str) -> Path:
    path = Path(name)
    if name.endswith(".toml"):
        return path
    if (path / "study.toml").is_file():
        return path / "study.toml"
    known = builtin_studies()
    if name not in known:
        raise SettingsError(f'unknown study "{name}"{did_you_mean(name, known)}; or pass the path of a study.toml')
    return shipped("studies") / name / "study.toml"


def _population(
    name: str,
    table: Any,
    head: _Head,
    shared: Mapping[str, Any],
    data: DataSet | None,
    *,
    beside: Path,
    where: str,
) -> Population:
    require(isinstance(table, dict), f"{where} must be a table; got {table!r}")
    given = dict(table)
    space = _space(given.pop("space", name), name, given.get("regime", head.regime), beside=beside, where=where)
    if data is not None:
        is_asked = given.get("regime", head.regime) is not None
        space = dataclasses.replace(space, regime=suited(space.regime, data, is_asked=is_asked)[0])
    parts: dict[str, Any] = {}
    for part, cls in (("recipe", Recipe), ("fidelity", Fidelity)):
        own = given.pop(part, {})
        require(isinstance(own, dict), f"{where}: {part} must be a table; got {own!r}")
        base = dataclasses.asdict(getattr(space.regime, part))
        parts[part] = settings_from(cls, {**base, **shared[part], **own}, where=f"{where}: {part}")
    if parts["fidelity"].resolution == "regime":  # so that one worker serves populations of several regimes
        parts["fidelity"] = dataclasses.replace(parts["fidelity"], resolution=space.regime.input_shape[1])
    body = settings_from(_Body, given, where=where)
    bands = next((b for b in (_bands(body), _bands(head)) if b), {"flops": space.regime.flops})
    bounds = settings_from(Bounds, bands, where=where)
    return Population(
        name=name,
        space=space,
        bounds=bounds,
        models=body.models if body.models is not None else head.models,
        repeats=body.repeats,
        seed=body.seed if body.seed is not None else head.seed,
        pairs_with=body.pairs_with,
        **parts,
    )


def _is_beside(data: str, path: Path) -> bool:
    """Return whether a study's data are meant by a path, which starts at the study's file."""
    return is_path(data) or (data not in DATA_SETS and (path.parent / data).exists())


def _has_own_shape(data: str) -> bool:
    """Return whether a regime may follow from the data; all others suit the default one, or are made to measure."""
    return is_path(data) or data == "cifar10"


def _space(given: Any, name: str, regime: str | None, *, beside: Path, where: str) -> DesignSpace:
    """Return a population's space, under the population's name."""
    if isinstance(given, dict):
        return space_from(given, name=name, beside=beside, where=f"{where}: space", regime=regime)
    require(isinstance(given, str), f"{where}: space must be a name, a path or a table; got {given!r}")
    path = beside / given
    try:
        space = load_space(path if given.endswith(".toml") else given, regime=regime)
    except AnynasError as error:
        raise type(error)(f"{where}: {error}") from None
    return dataclasses.replace(space, name=name)


def _bands(settings: _Head | _Body) -> dict[str, Any]:
    return {name: band for name in MEASURES if (band := getattr(settings, name)) is not None}


def _check_models(models: int) -> None:
    require(models >= 2, f"models must be at least 2, one network is no population; got {models}")


def _check_draws(population: Population, populations: Mapping[str, Population], where: str) -> None:
    """Raise an error unless the population's draws are its own or those of a leader that suits it."""
    name, leader = population.name, population.pairs_with
    if leader is not None:
        if leader not in populations or leader == name:
            others = [other for other in populations if other != name]
            raise SettingsError(
                f'{where}: populations.{name}: pairs_with must name another population; got "{leader}"'
                f"{did_you_mean(leader, others)}"
            )
        first = populations[leader]
        require(
            first.pairs_with is None,
            f"{where}: populations.{name}: pairs_with must name a leader; {leader} follows {first.pairs_with} itself",
        )
        for key in ("models", "repeats"):
            own, its = getattr(population, key), getattr(first, key)
            require(
                own == its,
                f"{where}: populations.{name}: {key} must be as many as its leader's; got {own}, {leader} has {its}",
            )
        _ = shared_axes(first.space, population.space)
        return
    for other in populations.values():
        same = (other.space.digest, other.seed) == (population.space.digest, population.seed)
        require(
            other is population or other.pairs_with is not None or not same,
            f"{where}: populations.{name} and {other.name} must not be the same draws; give one of them another seed, "
            "or pairs_with",
        )


def _claim(table: dict[str, Any], populations: Mapping[str, Population], where: str) -> StatedClaim:
    claim = settings_from(StatedClaim, table, where=where)
    where = f'{where}, "{claim.name}"'
    for population in _spoken_of(claim, populations, where):
        require(
            population.repeats == 1,
            f"{where}: a claim's networks must be trained once each, or they would count several times; "
            f"{population.name} has repeats = {population.repeats}",
        )
    for key in CONDITIONS:
        for space in (populations[name].space for name in claim.populations):
            _check_condition(getattr(claim, key), space, f"{where}: {key}: {space.name}")
    first, second = (populations[name] for name in (claim.populations * 2)[:2])
    require(
        not claim.paired or first.stream == second.stream,
        f"{where}: paired populations must be drawn in pairs; {first.name} and {second.name} are not; let one "
        "have pairs_with",
    )
    return claim


def _check(table: dict[str, Any], populations: Mapping[str, Population], where: str) -> StatedCheck:
    check = settings_from(StatedCheck, table, where=where)
    where = f'{where}, "{check.name}"'
    first, *others = _spoken_of(check, populations, where)
    if check.check == "seed_noise":
        require(first.repeats > 1, f"{where}: seed_noise needs repeats of at least 2; {first.name} has none")
    for other in others:
        require(
            first.stream == other.stream and first.space.digest == other.space.digest,
            f"{where}: population and reference must be the same networks; let one pair with the other, in one space",
        )
        require(first.repeats == 1, f"{where}: population and reference must have no repeats; got {first.repeats}")
    return check


def _spoken_of(
    stated: StatedClaim | StatedCheck, populations: Mapping[str, Population], where: str
) -> list[Population]:
    for name in stated.populations:
        if name not in populations:
            raise SettingsError(f'{where}: unknown population "{name}"{did_you_mean(name, populations)}')
    return [populations[name] for name in stated.populations]


def _check_condition(text: str, space: DesignSpace, where: str) -> None:
    """Raise SettingsError unless a condition is about what a population's table will have."""
    if text:
        columns = [column for parameter in space.all_parameters for column in parameter.columns]
        try:
            condition(text).check([*columns, *COUNTED])
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from None
