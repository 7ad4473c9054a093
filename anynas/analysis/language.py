"""Expressions about networks, read and worked out: the machinery of conditions.py, which says what they mean.

An expression is worked out on a source of values, one a network. The same walk over it therefore finds what is not in
the language (on a source without networks, which takes any name) and the networks for which it holds (on a table).
"""

import ast
import dataclasses
import functools
import itertools
import operator
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from anynas.analysis.samples import Floats
from anynas.errors import SettingsError, did_you_mean

Truths = NDArray[np.bool_]
Kind = Literal["number", "truth", "text", "unknown"]  # unknown: of a column without values

LONGEST, DEEPEST = 2_000, 60  # characters, and nodes from the root to a leaf
LANGUAGE = "columns, numbers, texts, true, false, + - * /, comparisons, and, or, not, and functions of a parameter"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A value a network; arrays have shape (n,), or () for a constant."""

    kind: Kind
    data: NDArray[Any]  # any value where absent
    present: Truths


class Source(Protocol):
    """Where names get their values."""

    def column(self, name: str) -> Value:
        """Return the values of a column."""

    def stages(self, parameter: str) -> list[Value]:
        """Return a parameter's values, stage by stage."""


def parse(text: str) -> ast.expr:
    """Return the tree of a text.

    Raises:
        SettingsError: It is no expression.
    """
    wrong = 'must be one line such as "nondecreasing(width) and flops < 1e6"'
    if len(text) > LONGEST or len(text.splitlines()) > 1:
        raise SettingsError(f"{wrong}; got {len(text)} characters in {len(text.splitlines())} lines")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # `1and x`, "\d": what Python warns of is wrong here
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, Warning) as error:
        raise SettingsError(f"{wrong}; got {getattr(error, 'msg', error)}") from None
    except (ValueError, RecursionError, MemoryError):  # a zero byte, endless digits, endless nesting
        raise SettingsError(f"{wrong}; it cannot be read") from None
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for node in level for child in ast.iter_child_nodes(node)]  # type: ignore[misc]
    if depth > DEEPEST:
        raise SettingsError(f"{wrong}; its parts are nested {depth} deep, {DEEPEST} are the most")
    return tree


def value_of(node: ast.expr, source: Source) -> Value:
    """Return what an expression says of each network; the one place that knows which nodes are in the language."""
    match node:
        case ast.Constant(value=bool() as truth):
            return _constant("truth", np.array(truth))
        case ast.Constant(value=(int() | float()) as number):
            return _constant("number", np.array(_finite(number)))
        case ast.Constant(value=str() as text):
            return _constant("text", np.array(text, dtype=object))
        case ast.Name(id="true" | "false" as word):
            return _constant("truth", np.array(word == "true"))
        case ast.Name(id=name):
            return source.column(name)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _truth(~truths(value_of(operand, source)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _numbers(value_of(operand, source), "-")
            return Value("number", -value.data, value.present)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            symbol, compute = ARITHMETIC[type(op)]
            return _computed(symbol, compute, value_of(left, source), value_of(right, source))
        case ast.BoolOp(op=op, values=values):
            combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
            held = [truths(value_of(value, source)) for value in values]
            return _truth(functools.reduce(combine, held))
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
            neighbours = itertools.pairwise(value_of(each, source) for each in (left, *others))
            relations = [COMPARISONS[type(op)] for op in ops]
            held = [_compared(*how, *pair) for how, pair in zip(relations, neighbours, strict=True)]
            return _truth(functools.reduce(np.logical_and, held))
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=parameter)], keywords=[]):
            if name in ORDERS:
                return _truth(_ordered(name, source.stages(parameter)))
            if name in SUMMARIES:
                return _summary(name, source.stages(parameter))
            raise SettingsError(f'unknown function "{name}"{did_you_mean(name, [*ORDERS, *SUMMARIES])}')
        case ast.Call(func=ast.Name(id=name)) if name in ORDERS or name in SUMMARIES:
            raise SettingsError(f'{name} takes the name of one parameter; got "{ast.unparse(node)}"')
    raise SettingsError(f'"{ast.unparse(node)}" is not in the language; it has {LANGUAGE}')


def truths(value: Value) -> Truths:
    """Return where a value is true.

    Raises:
        SettingsError: It is neither true nor false.
    """
    if value.kind == "unknown":
        return value.present  # nowhere
    if value.kind != "truth":
        raise SettingsError(
            f"it must be true or false, and so must the sides of and, or, not; got a {value.kind}; "
            "compare it with something"
        )
    return np.asarray(value.data & value.present)


def absent(n: int) -> Value:
    """Return the value that n networks lack."""
    return Value("unknown", np.zeros(n, dtype=object), np.zeros(n, dtype=np.bool_))


def listed(kinds: Iterable[str]) -> str:
    """Return "a number and a text"."""
    return " and ".join(f"a {kind}" for kind in sorted(kinds))


ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", np.add),
    ast.Sub: ("-", np.subtract),
    ast.Mult: ("*", np.multiply),
    ast.Div: ("/", np.divide),
}
COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
ORDERS: dict[str, Callable[[Any, Any], Any]] = {  # between a stage and the next
    "nondecreasing": operator.le,
    "nonincreasing": operator.ge,
    "increasing": operator.lt,
    "decreasing": operator.gt,
    "equal": operator.eq,
}
SUMMARIES: dict[str, Callable[[Floats, Truths], Floats]] = {  # of values and whether present, shape (n, stages)
    "sum": lambda data, present: np.where(present, data, 0.0).sum(axis=1),
    "min": lambda data, present: np.where(present, data, np.inf).min(axis=1),
    "max": lambda data, present: np.where(present, data, -np.inf).max(axis=1),
    "mean": lambda data, present: np.where(present, data, 0.0).sum(axis=1) / np.maximum(present.sum(axis=1), 1),
    "first": lambda data, present: data[np.arange(len(data)), present.argmax(axis=1)],
    "last": lambda data, present: data[:, ::-1][np.arange(len(data)), present[:, ::-1].argmax(axis=1)],
}


def _computed(symbol: str, compute: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    left, right = _numbers(left, symbol), _numbers(right, symbol)
    with np.errstate(all="ignore"):
        result = np.asarray(compute(left.data, right.data))
    return Value("number", result, np.asarray(left.present & right.present & np.isfinite(result)))


def _compared(symbol: str, relation: Callable[[Any, Any], Any], left: Value, right: Value) -> Truths:
    kinds = {left.kind, right.kind} - {"unknown"}
    if len(kinds) > 1:
        raise SettingsError(f"{symbol} must compare values of one kind; got {listed(kinds)}")
    if symbol not in ("==", "!=") and kinds - {"number"}:
        raise SettingsError(f"{symbol} must compare numbers; got {listed(kinds)}; use == or !=")
    both = left.present & right.present
    if "unknown" in (left.kind, right.kind):
        return both  # nowhere
    return np.asarray(relation(left.data, right.data), dtype=np.bool_) & both


def _ordered(name: str, stages: list[Value]) -> Truths:
    """Return whether each stage and the next present one are in order."""
    kinds = {stage.kind for stage in stages} - {"unknown"}
    if len(kinds) > 1 or (name != "equal" and kinds - {"number"}):
        wanted = "values of one kind" if name == "equal" else "numbers"
        raise SettingsError(f"{name} must have {wanted}; got {listed(kinds)}")
    known = [stage for stage in stages if stage.kind != "unknown"]
    if not known:
        return stages[0].present  # nowhere
    last, seen = known[0].data, known[0].present
    held = np.ones_like(seen)
    for stage in known[1:]:
        held &= ~(seen & stage.present) | np.asarray(ORDERS[name](last, stage.data), dtype=np.bool_)
        last, seen = np.where(stage.present, stage.data, last), seen | stage.present
    return held & seen


def _summary(name: str, stages: list[Value]) -> Value:
    numbers = [_numbers(stage, name) for stage in stages]
    data = np.stack([stage.data for stage in numbers], axis=1)
    present = np.stack([stage.present for stage in numbers], axis=1)
    return Value("number", SUMMARIES[name](data, present), np.asarray(present.any(axis=1)))


def _numbers(value: Value, user: str) -> Value:
    if value.kind == "unknown":
        return Value("number", np.zeros(value.data.shape), value.present)
    if value.kind != "number":
        raise SettingsError(f"{user} must have numbers; got a {value.kind}")
    return value


def _truth(held: Truths) -> Value:
    return Value("truth", held, np.ones(np.shape(held), dtype=np.bool_))


def _constant(kind: Kind, data: NDArray[Any]) -> Value:
    return Value(kind, data, np.array(True))


def _finite(number: float) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = np.inf
    if not np.isfinite(value):
        raise SettingsError("a number must be finite; got one that is not")
    return value
