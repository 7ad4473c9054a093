"""Read spaces from TOML: a space is its parent and what it adds.

    extends = "AnyNetC"          # a name, or a path beside this file
    nondecreasing = ["width"]    # added to the parent's list

A root has no `extends` and names family, regime, stages and parameters; a child may change any of them. Each
parameter is a list of values (uniform), or a range: low, high, step (1), law ("log-uniform").
"""

from importlib import resources
from pathlib import Path
from typing import Any

from anynas.designspace.parameters import Parameter, log_uniform, uniform, uniform_range
from anynas.designspace.space import CONSTRAINTS, FIELDS, DesignSpace
from anynas.errors import SpaceError, did_you_mean
from anynas.families import FAMILIES
from anynas.regimes import REGIMES, load_regime
from anynas.settings import read_toml

KEYS = {"extends", "description", "family", "regime", "stages", "parameters", "fixed", *CONSTRAINTS}
FIXABLE = {"block", "se_ratio", "conv_bias"}
RANGE_KEYS = {"low", "high", "step", "law"}
LAWS = {"log-uniform": log_uniform, "uniform": uniform_range}


def load_space(name_or_path: str | Path, *, regime: str | None = None) -> DesignSpace:
    """Return a space by its name, or from a user's TOML file.

    Args:
        name_or_path: A built-in space such as "AnyNetD", or a path that ends in .toml.
        regime: For which images; None takes the space's own default.

    Raises:
        SpaceError: No such space, or its file has an unknown key or an invalid value.
        SettingsError: No regime of the name given here, or the file is not TOML.
    """
    path = _locate(str(name_or_path), beside=Path())
    content = _resolved(path, ancestors=())
    where = path.name
    for key in ("family", "regime", "stages", "parameters"):
        if key not in content:
            raise SpaceError(f'{where}: key "{key}" is missing; name it, or a parent with extends')
    if content["family"] not in FAMILIES:
        raise SpaceError(
            f'{where}: unknown family "{content["family"]}"{did_you_mean(str(content["family"]), FAMILIES)}'
        )
    if content["regime"] not in REGIMES:
        raise SpaceError(f'{where}: unknown regime "{content["regime"]}"{did_you_mean(content["regime"], REGIMES)}')
    stages = _integer(content["stages"], "stages", where)
    for name in FIELDS:
        if name not in content["parameters"]:
            raise SpaceError(f'{where}: parameter "{name}" is missing')
    try:
        return DesignSpace(
            name=path.stem,
            family=content["family"],
            regime=load_regime(regime or content["regime"]),
            parameters=tuple(_parameter(name, content["parameters"][name], stages) for name in FIELDS),
            stages=stages,
            fixed=content.get("fixed", {}),
            description=content.get("description", ""),
            **{kind: tuple(content.get(kind, ())) for kind in CONSTRAINTS},
        )
    except SpaceError as error:
        raise SpaceError(f"{where}: {error}") from None


def builtin_spaces() -> list[str]:
    """Return the names of the spaces that come with anynas."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def _folder() -> Path:
    """Return the folder of built-in spaces: inside the installed package, or at the top of the checkout."""
    package = Path(str(resources.files("anynas")))
    inside = package / "spaces"
    return inside if inside.is_dir() else package.parent / "spaces"


def _locate(name: str, *, beside: Path) -> Path:
    if name.endswith(".toml"):
        path = beside / name
        if not path.is_file():
            raise SpaceError(f"{path}: must be a readable TOML file; there is none")
        return path
    path = _folder() / f"{name}.toml"
    if name not in builtin_spaces():
        raise SpaceError(f'unknown space "{name}"{did_you_mean(name, builtin_spaces())}')
    return path


def _resolved(path: Path, ancestors: tuple[Path, ...]) -> dict[str, Any]:
    """Return a file's content with its parents' merged in."""
    where = path.name
    if path.resolve() in ancestors:
        raise SpaceError(f"{where}: extends must not lead back to itself")
    content = read_toml(path)
    _check(content, where)
    if "extends" not in content:
        return content
    try:
        parent_path = _locate(content["extends"], beside=path.parent)
    except SpaceError as error:
        raise SpaceError(f"{where}: extends: {error}") from None
    parent = _resolved(parent_path, (*ancestors, path.resolve()))
    merged = {**parent, "description": "", **content}
    merged["parameters"] = dict(parent.get("parameters", {}))
    for name, table in content.get("parameters", {}).items():
        replaces = "values" in table or "values" in merged["parameters"].get(name, {})
        merged["parameters"][name] = table if replaces else {**merged["parameters"].get(name, {}), **table}
    merged["fixed"] = {**parent.get("fixed", {}), **content.get("fixed", {})}
    for kind in CONSTRAINTS:
        merged[kind] = [*parent.get(kind, []), *content.get(kind, [])]
    return merged


def _check(content: dict[str, Any], where: str) -> None:
    """Raise SpaceError for an unknown key or a value of the wrong type."""
    for key, value in content.items():
        if key not in KEYS:
            raise SpaceError(f'{where}: unknown key "{key}"{did_you_mean(key, KEYS)}')
        if key in ("extends", "description", "family", "regime") and not isinstance(value, str):
            raise SpaceError(f"{where}: {key} must be text; got {value!r}")
        if key in CONSTRAINTS and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            raise SpaceError(f"{where}: {key} must be a list of parameters; got {value!r}")
        if key in ("parameters", "fixed") and not isinstance(value, dict):
            raise SpaceError(f"{where}: {key} must be a table; got {value!r}")
    for key in content.get("fixed", {}):
        if key not in FIXABLE:
            raise SpaceError(f'{where}: fixed: unknown key "{key}"{did_you_mean(key, FIXABLE)}')
    for name, table in content.get("parameters", {}).items():
        if name not in FIELDS:
            raise SpaceError(f'{where}: unknown parameter "{name}"{did_you_mean(name, FIELDS)}')
        if not isinstance(table, dict):
            raise SpaceError(f"{where}: parameters.{name} must be a table; got {table!r}")
        for key in table:
            if key not in RANGE_KEYS | {"values"}:
                raise SpaceError(
                    f'{where}: parameters.{name}: unknown key "{key}"{did_you_mean(key, RANGE_KEYS | {"values"})}'
                )


def _parameter(name: str, table: dict[str, Any], stages: int) -> Parameter:
    if "values" in table:
        if RANGE_KEYS & set(table):
            raise SpaceError(f"parameters.{name}: must have either values or low and high; got both")
        values = table["values"]
        if not isinstance(values, list):
            raise SpaceError(f"parameters.{name}: values must be a list of whole numbers; got {values!r}")
        return uniform(name, [_integer(value, f"parameters.{name}: values", "") for value in values], count=stages)
    for key in ("low", "high"):
        if key not in table:
            raise SpaceError(f'parameters.{name}: key "{key}" is missing')
    law = table.get("law", "log-uniform")
    if not isinstance(law, str) or law not in LAWS:
        raise SpaceError(f'parameters.{name}: unknown law "{law}"{did_you_mean(str(law), LAWS)}')
    low, high, step = (_integer(table.get(key, 1), f"parameters.{name}: {key}", "") for key in ("low", "high", "step"))
    return LAWS[law](name, low=low, high=high, step=step, count=stages)


def _integer(value: Any, what: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SpaceError(f"{where}{': ' if where else ''}{what} must be a whole number of at least 1; got {value!r}")
    return value
