"""Read spaces from TOML: a space is its parent and what it adds.

    extends = "AnyNetC"          # a name, or a path beside this file
    nondecreasing = ["width"]    # added to the parent's list

A root has no `extends` and names family, regime, stages and parameters; a child may change any of them. A parameter
is a list of values (uniform), or a range: low, high, step (1), law ("log-uniform" or "uniform"), or for the law
"log-spaced" low, high and num. `stages` may be such a table too. A regime is a name, or a table of its own.
"""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anynas.architecture import Architecture
from anynas.designspace.forms import Form, fixable, form_names, form_of
from anynas.designspace.groups import LENGTH
from anynas.designspace.parameters import Parameter, log_spaced, log_uniform, uniform, uniform_range
from anynas.designspace.space import CONSTRAINTS, DesignSpace
from anynas.errors import SpaceError, did_you_mean
from anynas.regimes import REGIMES, Regime, load_regime, regime_from
from anynas.settings import read_toml, shipped

TEXTS, TABLES = ("extends", "description", "family"), ("parameters", "fixed")
KEYS = {*TEXTS, *TABLES, "regime", "stages", *CONSTRAINTS}
RANGE_KEYS = {  # law -> what it is told
    "log-uniform": ("low", "high", "step"),
    "uniform": ("low", "high", "step"),
    "log-spaced": ("low", "high", "num"),
}
LAW_KEYS = {"law", "low", "high", "step", "num"}
PARAMETER_KEYS = {*LAW_KEYS, "values", "count"}


def load_space(name_or_path: str | Path, *, regime: str | Regime | None = None) -> DesignSpace:
    """Return a space by its name, or from a user's TOML file.

    Args:
        name_or_path: A built-in space such as "AnyNetD", or a path that ends in .toml.
        regime: For which images, by name or as `regime_for` returns it; None takes the space's own default.

    Raises:
        SpaceError: No such space, or its file has an unknown key or an invalid value.
        SettingsError: No regime of the name given here, the file's own is not valid, or the file is not TOML.
    """
    path = _locate(str(name_or_path), beside=Path())
    return _space(_resolved(path, ancestors=()), name=path.stem, regime=regime, where=path.name)


def space_from(
    table: Mapping[str, Any], *, name: str, beside: Path, where: str, regime: str | Regime | None = None
) -> DesignSpace:
    """Return a space from a table that a larger TOML file holds, written as a space's own file is.

    Args:
        table: The content.
        name: The space's.
        beside: The folder that a path in `extends` starts from.
        where: The larger file and the place in it, for errors.
        regime: As for `load_space`.

    Raises:
        SpaceError: As for `load_space`, and SettingsError.
    """
    return _space(_merged(dict(table), name, beside, where, ancestors=()), name=name, regime=regime, where=where)


def _space(content: dict[str, Any], *, name: str, regime: str | Regime | None, where: str) -> DesignSpace:
    for key in ("family", "regime", "stages", "parameters"):
        if key not in content:
            raise SpaceError(f'{where}: key "{key}" is missing; name it, or a parent with extends')
    family = content["family"]
    if family not in form_names():
        raise SpaceError(f'{where}: unknown family "{family}"{did_you_mean(str(family), form_names())}')
    try:
        stages = _stages(content["stages"])
        form = form_of(family, max(stages.values) if isinstance(stages, Parameter) else stages)
        _check_names(form, content)
        parameters = _parameters(form, content["parameters"], stages)
        own = _regime(content, where)
        return DesignSpace(
            name=name,
            family=family,
            regime=own if regime is None else load_regime(regime) if isinstance(regime, str) else regime,
            parameters=parameters,
            stages=stages,
            fixed=content.get("fixed", {}),
            description=content.get("description", ""),
            **{kind: tuple(content.get(kind, ())) for kind in CONSTRAINTS},
        )
    except SpaceError as error:
        raise SpaceError(f"{where}: {error}") from None


def builtin_spaces() -> list[str]:
    """Return the names of the spaces that come with anynas."""
    return sorted(path.stem for path in shipped("spaces").glob("*.toml"))


def own_regime(architecture: Architecture) -> Regime:
    """Return the regime of the built-in space that bears the family's name; fashion where none does."""
    for name in builtin_spaces():
        if name.lower() == architecture.family:
            return load_space(name).regime
    return load_regime("fashion")


def _locate(name: str, *, beside: Path) -> Path:
    if name.endswith(".toml"):
        path = beside / name
        if not path.is_file():
            raise SpaceError(f"{path}: must be a readable TOML file; there is none")
        return path
    path = shipped("spaces") / f"{name}.toml"
    if name not in builtin_spaces():
        raise SpaceError(f'unknown space "{name}"{did_you_mean(name, builtin_spaces())}')
    return path


def _resolved(path: Path, ancestors: tuple[Path, ...]) -> dict[str, Any]:
    """Return a file's content with its parents' merged in."""
    if path.resolve() in ancestors:
        raise SpaceError(f"{path.name}: extends must not lead back to itself")
    return _merged(read_toml(path), path.stem, path.parent, path.name, (*ancestors, path.resolve()))


def _merged(
    content: dict[str, Any], name: str, beside: Path, where: str, ancestors: tuple[Path, ...]
) -> dict[str, Any]:
    """Return the content of a space of this name with its parents' merged in."""
    _check(content, where)
    if "extends" not in content:
        return {**content, "regime_name": name}
    try:
        parent_path = _locate(content["extends"], beside=beside)
    except SpaceError as error:
        raise SpaceError(f"{where}: extends: {error}") from None
    parent = _resolved(parent_path, ancestors)
    merged = {**parent, "description": "", **content}
    merged["parameters"] = dict(parent.get("parameters", {}))
    for key, table in content.get("parameters", {}).items():
        before = merged["parameters"].get(key, {})
        replaces = "values" in table or "values" in before
        merged["parameters"][key] = table if replaces else {**before, **table}
    merged["fixed"] = {**parent.get("fixed", {}), **content.get("fixed", {})}
    merged["regime"] = _merged_regime(parent.get("regime"), content.get("regime"))
    if isinstance(content.get("regime"), dict):
        merged["regime_name"] = name
    for kind in CONSTRAINTS:
        merged[kind] = [*parent.get(kind, []), *content.get(kind, [])]
    return {key: value for key, value in merged.items() if value is not None}


def _merged_regime(parent: Any, child: Any) -> Any:
    """Return a child's regime: its own, with what it leaves out from its parent's."""
    if child is None or not isinstance(child, dict):
        return parent if child is None else child
    base: dict[str, Any] = {"like": parent} if isinstance(parent, str) else dict(parent or {})
    inner = {
        part: {**base.get(part, {}), **child[part]}
        for part in ("recipe", "fidelity")
        if isinstance(child.get(part), dict) and isinstance(base.get(part, {}), dict)
    }
    return {**base, **child, **inner}


def _check(content: dict[str, Any], where: str) -> None:
    """Raise SpaceError for an unknown key or a value of the wrong type."""
    for key, value in content.items():
        if key not in KEYS:
            raise SpaceError(f'{where}: unknown key "{key}"{did_you_mean(key, KEYS)}')
        if key in TEXTS and not isinstance(value, str):
            raise SpaceError(f"{where}: {key} must be text; got {value!r}")
        if key == "regime" and not isinstance(value, (str, dict)):
            raise SpaceError(f"{where}: regime must be a name or a table; got {value!r}")
        if key in CONSTRAINTS and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            raise SpaceError(f"{where}: {key} must be a list of parameters; got {value!r}")
        if key in TABLES and not isinstance(value, dict):
            raise SpaceError(f"{where}: {key} must be a table; got {value!r}")
    for name, table in content.get("parameters", {}).items():
        if not isinstance(table, dict):
            raise SpaceError(f"{where}: parameters.{name} must be a table; got {table!r}")
        for key in table:
            if key not in PARAMETER_KEYS:
                raise SpaceError(f'{where}: parameters.{name}: unknown key "{key}"{did_you_mean(key, PARAMETER_KEYS)}')


def _check_names(form: Form, content: Mapping[str, Any]) -> None:
    """Raise SpaceError for a parameter or a fixed field that the family has not, and for one that is missing."""
    for name in content["parameters"]:
        if name not in form.parameters:
            raise SpaceError(f'unknown parameter "{name}"{did_you_mean(name, form.parameters)}')
    chosen = frozenset[str]().union(*(form.sets(name) for name in content["parameters"]))
    for key in content.get("fixed", {}):
        if key not in fixable(form):
            raise SpaceError(f'fixed: unknown key "{key}"{did_you_mean(key, fixable(form))}')
        if key in chosen:
            raise SpaceError(f"fixed: {key} must not be fixed and a parameter as well; drop one of them")
    for name in form.parameters:
        if name in form.required and not {name, *form.sets(name)} & {*content["parameters"], *content.get("fixed", {})}:
            raise SpaceError(f'parameter "{name}" is missing')


def _regime(content: Mapping[str, Any], where: str) -> Regime:
    given = content["regime"]
    if isinstance(given, dict):
        return regime_from(given, name=content["regime_name"], where=where)
    if given not in REGIMES:
        raise SpaceError(f'unknown regime "{given}"{did_you_mean(given, REGIMES)}')
    return load_regime(given)


def _stages(given: Any) -> int | Parameter:
    if not isinstance(given, dict):
        return _integer(given, "stages")
    stages = _parameter("stages", given, count=1)
    for value in stages.values:
        _integer(value, "stages: values")
    return stages


def _parameters(form: Form, tables: Mapping[str, dict[str, Any]], stages: int | Parameter) -> tuple[Parameter, ...]:
    """Return the parameters in the family's order."""
    most = max(stages.values) if isinstance(stages, Parameter) else stages
    parameters = []
    for name in (name for name in form.parameters if name in tables):
        each, count = form.parameters[name], 1
        if each == "stage":
            count = _integer(tables[name].get("count", most), f"parameters.{name}: count")
        elif each == "block":
            count = most
        if "count" in tables[name] and (each != "stage" or isinstance(stages, Parameter)):
            raise SpaceError(f"parameters.{name}: count must be left out: there is one for each {each}")
        table = {key: value for key, value in tables[name].items() if key != "count"}
        parameters.append(_parameter(name, table, count=count))
    if not any(form.parameters[p.name] == "block" for p in parameters):
        return tuple(parameters)
    if isinstance(stages, Parameter) or LENGTH not in tables:
        raise SpaceError(
            f'parameter "{LENGTH}" must be given, and stages a number, where others have one value a block'
        )
    (depth,) = (p for p in parameters if p.name == LENGTH)
    return tuple(
        dataclasses.replace(p, blocks=max(depth.values)) if form.parameters[p.name] == "block" else p
        for p in parameters
    )


def _parameter(name: str, table: Mapping[str, Any], *, count: int) -> Parameter:
    where = f"parameters.{name}" if name != "stages" else name
    if "values" in table:
        if LAW_KEYS & set(table):
            raise SpaceError(f"{where}: must have either values or low and high; got both")
        return uniform(name, _value_list(table["values"], where), count=count)
    law = table.get("law", "log-uniform")
    if not isinstance(law, str) or law not in RANGE_KEYS:
        raise SpaceError(f'{where}: unknown law "{law}"{did_you_mean(str(law), RANGE_KEYS)}')
    for key in (key for key in RANGE_KEYS[law] if key != "step"):
        if key not in table:
            raise SpaceError(f'{where}: key "{key}" is missing')
    for key in set(table) - {*RANGE_KEYS[law], "law"}:
        raise SpaceError(f"{where}: {key} must be left out for the law {law}, which takes {', '.join(RANGE_KEYS[law])}")
    if law == "log-spaced":
        whole = {key: _integer(table[key], f"{where}: {key}") for key in RANGE_KEYS[law]}
        return log_spaced(name, **whole, count=count)
    make = log_uniform if law == "log-uniform" else uniform_range
    return make(name, **{key: _number(table.get(key, 1), f"{where}: {key}") for key in RANGE_KEYS[law]}, count=count)


def _value_list(values: Any, where: str) -> list[Any]:
    """Return values of one kind: numbers, texts, or true and false."""
    kinds = ((int, float), (str,), (bool,))
    if isinstance(values, list):
        for kind in kinds:
            if all(isinstance(value, kind) and (bool in kind or not isinstance(value, bool)) for value in values):
                return values
    raise SpaceError(f"{where}: values must be a list of numbers, of texts, or of true and false; got {values!r}")


def _number(value: Any, what: str) -> float:
    """Return a grid's number as it is: grids of whole numbers hold whole numbers."""
    if isinstance(value, float) and math.isfinite(value) and value > 0:
        return value
    return _integer(value, what)


def _integer(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SpaceError(f"{what} must be a whole number of at least 1; got {value!r}")
    return value
