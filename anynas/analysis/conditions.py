"""A small language for a subset of a population: `nondecreasing(width) and flops < 1e6`.

- *Of a parameter with one value a stage* (table columns p_1, p_2, ...; one value a block likewise, stage by stage):
  `nondecreasing(p)`, `nonincreasing(p)`, `increasing(p)`, `decreasing(p)`, `equal(p)` are truths, `sum(p)`, `min(p)`,
  `max(p)`, `mean(p)`, `first(p)`, `last(p)` numbers. Stages that a network lacks are left out, so that a network of
  one stage is monotone. In a table where other networks have several stages, its one value may be in the column p.
- *Of a network*: a column by its name, such as `flops`, `width_1`, `block`.
- Numbers, texts in quotes, `true` and `false` (also True and False); `+ - * /`; `== != < <= > >=`, in chains too;
  `and`, `or`, `not`; parentheses.

*What is absent does not hold*: a comparison with a value that the network lacks is false, by `!=` too, and so is a
truth or a function of a parameter that it lacks. `not` turns that into true: `not width_4 == 64` holds for networks of
three stages, `width_4 != 64` does not. A number that is not finite, as after a division by 0, is absent.

What is known only after training, the error above all, is no part of the language: to select by it is no comparison.
Python's parser reads the text; nothing in it is ever run.
"""

import ast
import dataclasses
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from anynas.analysis.language import Kind, Truths, Value, absent, listed, parse, truths, value_of
from anynas.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("flops", "params", "activations")  # columns that are of no stage
OUTCOMES = (  # columns that nobody knows before training
    *("error", "test_error", "state", "reason", "seconds", "peak_memory_bytes", "retries", "retry_reasons", "device"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A condition on networks; make it with `condition`.

    Raises:
        SettingsError: The text is not in the language.
    """

    text: str
    parameters: tuple[str, ...] = dataclasses.field(init=False, compare=False)  # those in functions
    columns: tuple[str, ...] = dataclasses.field(init=False, compare=False)  # those by their own name
    _tree: ast.expr = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        names = _Names()
        try:
            tree = parse(self.text)
            truths(value_of(tree, names))
        except SettingsError as error:
            raise SettingsError(f"condition {_one_line(self.text)}: {error}") from None
        object.__setattr__(self, "parameters", tuple(names.parameters))
        object.__setattr__(self, "columns", tuple(names.columns))
        object.__setattr__(self, "_tree", tree)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that the condition uses: parameters, then columns."""
        return tuple(dict.fromkeys([*self.parameters, *self.columns]))

    def check(self, columns: Iterable[str]) -> None:
        """Raise SettingsError unless a table with these columns has all that the condition names.

        Args:
            columns: Of a table; or of one to come: those of a space's parameters, and flops, params, activations.
        """
        known = list(columns)
        try:
            for name in self.parameters:
                _stages(name, known)
            for name in self.columns:
                _check_column(name, known)
        except SettingsError as error:
            raise SettingsError(f"condition {self.text}: {error}") from None

    def holds(self, table: "pd.DataFrame") -> Truths:
        """Return for which networks the condition holds, shape (n,).

        Args:
            table: One row a network, n rows.

        Raises:
            SettingsError: The table lacks a name, or a column has values of another kind than the condition asks for.
        """
        self.check([str(column) for column in table.columns])
        try:
            held = truths(value_of(self._tree, _Columns(table)))
        except SettingsError as error:
            raise SettingsError(f"condition {self.text}: {error}") from None
        return np.array(np.broadcast_to(held, (len(table),)))


def condition(text: str) -> Condition:
    """Return the condition that a text states.

    Raises:
        SettingsError: It is not in the language.
    """
    return Condition(text.strip())


class _Names:
    """No networks: it takes down the names that are asked for, whatever they may be."""

    def __init__(self) -> None:
        self.parameters: dict[str, None] = {}  # ordered sets
        self.columns: dict[str, None] = {}

    def column(self, name: str) -> Value:
        if name in OUTCOMES:
            raise SettingsError(f'it must be about what is known before training; got "{name}"; leave it out')
        self.columns[name] = None
        return absent(0)

    def stages(self, parameter: str) -> list[Value]:
        self.parameters[parameter] = None
        return [absent(0)]


class _Columns:
    """The networks of a table."""

    def __init__(self, table: "pd.DataFrame") -> None:
        self._table = table

    def column(self, name: str) -> Value:
        series = self._table[name]
        present = series.notna().to_numpy(dtype=np.bool_)
        values = series.to_numpy(dtype=object)
        kinds = {_kind_of(value, name) for value in values[present]}
        if len(kinds) > 1:
            raise SettingsError(f'column "{name}" must have values of one kind; it has {listed(kinds)}')
        if not kinds:
            return absent(len(values))
        kind = kinds.pop()
        if kind == "text":
            return Value(kind, np.where(present, values, ""), present)
        filled = np.where(present, values, 0).astype(np.bool_ if kind == "truth" else np.float64)
        return Value(kind, filled, present if kind == "truth" else present & np.isfinite(filled))

    def stages(self, parameter: str) -> list[Value]:
        return [self.column(name) for name in _stages(parameter, [str(column) for column in self._table.columns])]


def _kind_of(value: object, column: str) -> Kind:
    if isinstance(value, (bool, np.bool_)):
        return "truth"
    if isinstance(value, (int, float, np.number)):
        return "number"
    if isinstance(value, str):
        return "text"
    raise SettingsError(f'column "{column}" must have numbers, texts or truths; it has {type(value).__name__}')


def _stages(parameter: str, columns: list[str]) -> list[str]:
    """Return the columns of a parameter in the order of stages, then blocks; the bare one first."""
    numbered = [column for column in columns if re.fullmatch(rf"{re.escape(parameter)}(_\d+)+", column)]
    if not numbered and (parameter not in columns or parameter not in _parameters(columns)):
        raise SettingsError(f'the table has no parameter "{parameter}"{did_you_mean(parameter, _parameters(columns))}')
    bare = [parameter] if parameter in columns else []
    return bare + sorted(numbered, key=lambda column: [int(place) for place in column[len(parameter) + 1 :].split("_")])


def _parameters(columns: list[str]) -> list[str]:
    """Return what may stand in a function: names of parameters, and columns that may be of one with a single value."""
    names = dict.fromkeys(re.sub(r"(_\d+)+$", "", column) for column in columns)
    return [name for name in names if name not in (*COUNTS, *OUTCOMES)]


def _check_column(name: str, columns: list[str]) -> None:
    if name in columns:
        return
    if name in _parameters(columns):
        stages = _stages(name, columns)
        raise SettingsError(f'"{name}" has several values, {stages[0]} to {stages[-1]}; name one, or use min({name})')
    raise SettingsError(f'the table has no column "{name}"{did_you_mean(name, set(columns) - set(OUTCOMES))}')


def _one_line(text: str) -> str:
    shown = " ".join(text.split()).replace("\0", "")
    return shown if len(shown) <= 80 else shown[:77] + "..."
