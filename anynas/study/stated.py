"""Claims and checks as a study states them, before anything is trained.

A claim speaks of networks: one population is better than another. A check speaks of the instrument: whether trials at
this fidelity put networks in the order of longer ones, and whether the seed matters little beside the architecture.
"""

import dataclasses
from typing import Any, Literal

from anynas.analysis.claims import Claim, ClaimKind
from anynas.analysis.conditions import condition
from anynas.analysis.controls import Control, Method
from anynas.analysis.estimands import Statistic
from anynas.designspace import Bounds
from anynas.settings import check_types, require

MEASURES = ("flops", "params", "activations")
CONDITIONS = ("where", "against", "within")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatedClaim:
    """A claim as study.toml has it.

    Raises:
        SettingsError: Something in it does not go together.
    """

    claim: ClaimKind
    name: str = ""
    says: str = ""  # in words, for readers
    baseline: str = ""
    candidate: str = ""
    population: str = ""  # instead of both: subsets of one
    where: str = ""  # the candidate's networks
    against: str = ""  # the baseline's; all others if empty
    within: str = ""  # of both
    margin: float | None = None
    statistic: Statistic = "trimmed_mean"
    control: Control = "none"
    method: Method = "weights"
    paired: bool = False
    flops: list[float] | None = None  # [low, high]
    params: list[float] | None = None
    activations: list[float] | None = None

    def __post_init__(self) -> None:
        check_types(self)
        _ = Claim(kind=self.claim, margin=self.margin)
        _ = Bounds(**self.bands)
        both = bool(self.baseline) and bool(self.candidate)
        require(
            both != bool(self.population) and (both or not (self.baseline or self.candidate)),
            "must name either baseline and candidate, or population with where; got "
            + (", ".join(key for key in ("baseline", "candidate", "population") if getattr(self, key)) or "none"),
        )
        require(
            bool(self.population) == bool(self.where),
            "population and where belong together, for subsets of one population; got one of them"
            + ("; between two populations use within" if self.where else ""),
        )
        require(bool(self.where) or not self.against, "against needs where; got it alone")
        require(
            not both or self.baseline != self.candidate,
            f"baseline and candidate must differ; got {self.baseline} twice",
        )
        require(not self.paired or both, "paired needs a baseline and a candidate, not subsets of one population")
        require(
            not self.paired or self.control == "none",
            f'pairs hold all but one thing fixed; got control "{self.control}" too; leave one of them out',
        )
        for text in (getattr(self, key) for key in CONDITIONS):
            if text:
                _ = condition(text)
        if not self.name:
            words = f"{self.candidate} against {self.baseline}" if both else f"{self.population} where {self.where}"
            object.__setattr__(self, "name", words)

    @property
    def populations(self) -> tuple[str, ...]:
        """The populations that it speaks of."""
        return (self.population,) if self.population else (self.baseline, self.candidate)

    @property
    def bands(self) -> dict[str, tuple[float, float]]:
        """Bands that networks must lie in to be compared."""
        given = {name: getattr(self, name) for name in MEASURES}
        return {name: tuple(band) for name, band in given.items() if band is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return what was stated, without defaults, as JSON has it."""
        return _without_defaults(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatedCheck:
    """A check as study.toml has it.

    Raises:
        SettingsError: Something in it does not go together.
    """

    check: Literal["rank_correlation", "seed_noise"]
    population: str
    name: str = ""
    says: str = ""  # in words, for readers
    reference: str = ""  # rank_correlation: the same networks, trained for longer
    at_least: float | None = None  # rank_correlation: Spearman's
    at_most: float | None = None  # seed_noise: sd over seeds / sd between architectures

    def __post_init__(self) -> None:
        check_types(self)
        required = {"rank_correlation": ("reference", "at_least"), "seed_noise": ("at_most",)}[self.check]
        for name in ("reference", "at_least", "at_most"):
            given, needed = getattr(self, name) not in ("", None), name in required
            require(given == needed, f"{self.check} {'needs' if needed else 'has no'} {name}")
        require(
            self.at_least is None or -1 < self.at_least < 1, f"at_least must lie between -1 and 1; got {self.at_least}"
        )
        require(self.at_most is None or self.at_most > 0, f"at_most must be above 0; got {self.at_most}")
        require(self.population != self.reference, f"reference must be another population; got {self.population} twice")
        if not self.name:
            against = f" against {self.reference}" if self.reference else ""
            object.__setattr__(self, "name", f"{self.check} of {self.population}{against}")

    @property
    def populations(self) -> tuple[str, ...]:
        """The populations that it speaks of."""
        return (self.population, self.reference) if self.reference else (self.population,)

    def to_dict(self) -> dict[str, Any]:
        """Return what was stated, without defaults, as JSON has it."""
        return _without_defaults(self)


def _without_defaults(stated: StatedClaim | StatedCheck) -> dict[str, Any]:
    defaults = {field.name: field.default for field in dataclasses.fields(stated)}
    return {name: value for name, value in dataclasses.asdict(stated).items() if value != defaults[name]}
