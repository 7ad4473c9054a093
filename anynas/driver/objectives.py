"""What a search minimises: the validation error, and one quantity of complexity beside it if two are asked for."""

from collections.abc import Sequence

from anynas.counting import QUANTITIES
from anynas.errors import SettingsError, did_you_mean
from anynas.settings import require

OBJECTIVES = ("error", *QUANTITIES)
ERROR_ALONE = ("error",)


def check_objectives(objectives: Sequence[str], *, has_rungs: bool = False) -> tuple[str, ...]:
    """Return the objectives with "error" in front, in whatever order they came.

    Args:
        objectives: One or two of OBJECTIVES.
        has_rungs: Whether trials pause on rungs.

    Raises:
        SettingsError: One is unknown or named twice, "error" is not among them, there are too many, or there are two
            where trials pause on rungs.
    """
    if isinstance(objectives, str):
        raise SettingsError(f'objectives must be a list of names; got the text "{objectives}"; write ("{objectives}",)')
    names = tuple(objectives)
    for name in names:
        if name not in OBJECTIVES:
            raise SettingsError(f'unknown objective "{name}"{did_you_mean(str(name), OBJECTIVES)}')
    came = ", ".join(names) or "none"
    require(len(set(names)) == len(names), f"objectives must differ from each other; got {came}")
    require("error" in names, f"objectives must have error among them; got {came}")
    require(len(names) <= 2, f"objectives must be error, or error and one other; got {came}")
    require(
        len(names) == 1 or not has_rungs,
        f"rungs compare trials by error alone, so objectives must be error; got {came}; leave --rungs out",
    )
    return tuple(sorted(names, key=OBJECTIVES.index))
