"""Settings as frozen dataclasses that can be written as TOML: one strict reader for all of them."""

import dataclasses
import tomllib
import types
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from anynas.errors import AnynasError, SettingsError, did_you_mean

Settings = TypeVar("Settings")


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content.

    Raises:
        SettingsError: The file is missing or is not TOML; the message names it and the place.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: must be a readable TOML file; {error.strerror or error}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: must be TOML; {error}") from None


def shipped(folder: str) -> Path:
    """Return a folder of files that come with anynas: inside the installed package, or at the top of the checkout."""
    package = Path(str(resources.files("anynas")))
    inside = package / folder
    return inside if inside.is_dir() else package.parent / folder


def settings_from(cls: type[Settings], data: dict[str, Any], *, where: str) -> Settings:
    """Return `cls(**data)`, checked first for unknown and missing keys.

    Args:
        cls: A frozen dataclass that checks its values with `check_types` and raises AnynasError.
        data: From TOML or JSON.
        where: File's name or the like, for errors.

    Raises:
        SettingsError: A key is unknown or missing, or a value is not valid.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise SettingsError(f'{where}: unknown key "{key}"{did_you_mean(key, fields)}')
    for name, field in fields.items():
        if field.default is dataclasses.MISSING and name not in data:
            raise SettingsError(f'{where}: key "{name}" is missing')
    try:
        return cls(**data)
    except AnynasError as error:
        raise SettingsError(f"{where}: {error}") from None


def check_types(settings: Any) -> None:
    """Raise SettingsError unless every field has a value of its declared type.

    Ints become floats where floats are declared.
    """
    for name, hint in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if float in (hint, *get_args(hint)) and isinstance(value, int) and not isinstance(value, bool):
            object.__setattr__(settings, name, float(value))
        elif not _fits(value, hint):
            raise SettingsError(f"{name} must be {_describe(hint)}; got {value!r}")


def require(condition: bool, message: str) -> None:
    """Raise SettingsError with `message` unless the condition holds."""
    if not condition:
        raise SettingsError(message)


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint) and not isinstance(value, bool)
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, get_origin(hint) or hint)


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(f'"{option}"' for option in get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_describe(option) for option in get_args(hint))
    known = {int: "a whole number", float: "a number", str: "text", bool: "true or false", list[float]: "a list"}
    return known.get(hint, str(hint)) if hint is not type(None) else "nothing"
