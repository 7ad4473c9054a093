"""Settings: one strict reader, which refuses with one line what no settings hold."""

import dataclasses
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anynas.errors import SettingsError
from anynas.settings import check_types, read_toml, require, settings_from


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Settings with a field of each kind."""

    name: str
    count: int = 1
    rate: float = 0.5
    fast: bool = False
    mode: Literal["slow", "quick"] = "slow"
    images: int | Literal["all"] = "all"

    def __post_init__(self) -> None:
        check_types(self)
        require(self.count >= 0, f"count must be at least 0; got {self.count}")


# Reading TOML


def test_a_toml_file_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('name = "größer"\n[table]\nrates = [1, 0.5]', encoding="utf-8")
    assert read_toml(path) == {"name": "größer", "table": {"rates": [1, 0.5]}}


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "missing.toml"
    with pytest.raises(SettingsError) as caught:
        read_toml(path)
    assert str(caught.value) == f"{path}: must be a readable TOML file; No such file or directory"


def test_a_folder_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_toml(tmp_path)
    assert str(caught.value) == f"{tmp_path}: must be a readable TOML file; Is a directory"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"epochs = ", "Invalid value (at end of document)"),
        (b"epochs = 1\nepochs = 2", "Cannot overwrite a value (at end of document)"),
        (b"a b", "Expected '=' after a key in a key/value pair (at line 1, column 3)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        read_toml(path)
    assert str(caught.value) == f"{path}: must be TOML; {reason}"


# From data to settings


def test_settings_take_what_is_given_and_keep_the_defaults_of_the_rest() -> None:
    settings = settings_from(Sample, {"name": "a", "rate": 2, "images": 7}, where="a.toml")
    assert settings == Sample(name="a", count=1, rate=2.0, images=7)


def test_a_whole_number_becomes_a_float_where_a_float_is_declared() -> None:
    assert type(Sample(name="a", rate=2).rate) is float
    assert type(Sample(name="a", count=2).count) is int


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "a", "cuont": 1}, 'unknown key "cuont"; did you mean "count"?'),
        ({"name": "a", "zzz": 1}, 'unknown key "zzz"; known: count, fast, images, mode, name, rate'),
        ({"count": 1}, 'key "name" is missing'),
        ({}, 'key "name" is missing'),
        ({"name": 1}, "name must be text; got 1"),
        ({"name": "a", "count": 1.0}, "count must be a whole number; got 1.0"),
        ({"name": "a", "count": True}, "count must be a whole number; got True"),
        ({"name": "a", "count": "1"}, "count must be a whole number; got '1'"),
        ({"name": "a", "count": -1}, "count must be at least 0; got -1"),
        ({"name": "a", "rate": "0.5"}, "rate must be a number; got '0.5'"),
        ({"name": "a", "rate": True}, "rate must be a number; got True"),
        ({"name": "a", "rate": None}, "rate must be a number; got None"),
        ({"name": "a", "fast": 1}, "fast must be true or false; got 1"),
        ({"name": "a", "mode": "fast"}, 'mode must be "slow" or "quick"; got \'fast\''),
        ({"name": "a", "mode": ["slow"]}, 'mode must be "slow" or "quick"; got [\'slow\']'),
        ({"name": "a", "images": "some"}, "images must be a whole number or \"all\"; got 'some'"),
        ({"name": "a", "images": True}, 'images must be a whole number or "all"; got True'),
        ({"name": "a", "images": 1.5}, 'images must be a whole number or "all"; got 1.5'),
    ],
)
def test_wrong_data_are_refused_with_where_they_stand(data: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from(Sample, data, where="a.toml")
    assert str(caught.value) == f"a.toml: {message}"


@given(
    st.fixed_dictionaries(
        {"name": st.text(st.sampled_from("abc ö"))},
        optional={
            "count": st.integers(min_value=0),
            "rate": st.floats(allow_nan=False),
            "fast": st.booleans(),
            "mode": st.sampled_from(["slow", "quick"]),
            "images": st.integers() | st.just("all"),
        },
    )
)
def test_settings_written_out_are_read_as_they_were(data: dict[str, Any]) -> None:
    settings = settings_from(Sample, data, where="a.toml")
    assert settings_from(Sample, dataclasses.asdict(settings), where="a.toml") == settings


def test_what_is_required_is_silent_where_it_holds() -> None:
    require(True, "never seen")
    with pytest.raises(SettingsError) as caught:
        require(False, "depth must be above 0; got -1")
    assert str(caught.value) == "depth must be above 0; got -1"
