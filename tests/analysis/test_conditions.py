"""Conditions: each function and operator beside a reading of one row at a time, and all that is refused."""

import itertools
import math
import operator
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anynas.analysis.conditions import Condition, condition
from anynas.designspace import builtin_spaces, load_space
from anynas.errors import SettingsError

ABSENT = math.nan
SMALL = st.integers(-3, 3)


def table_of(*rows):
    """Return a table of networks, each a list of widths, with what else they have."""
    return pd.DataFrame([{f"width_{k}": w for k, w in enumerate(widths, 1)} | more for widths, more in rows])


LADDER = table_of(
    ([8, 16, 16], {"flops": 100, "block": "R", "residual": True}),
    ([8, 16, 8], {"flops": 200, "block": "X", "residual": False}),
    ([32, 16], {"flops": 300, "block": ABSENT, "residual": ABSENT}),
    ([24], {"flops": 400, "block": "R", "residual": True}),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nondecreasing(width)", [1, 0, 0, 1]),
        ("increasing(width)", [0, 0, 0, 1]),
        ("nonincreasing(width)", [0, 0, 1, 1]),
        ("decreasing(width)", [0, 0, 1, 1]),
        ("equal(width)", [0, 0, 0, 1]),
        ("sum(width) == 40", [1, 0, 0, 0]),
        ("min(width) == 8", [1, 1, 0, 0]),
        ("max(width) >= 24", [0, 0, 1, 1]),
        ("mean(width) == 24", [0, 0, 1, 1]),
        ("first(width) == last(width)", [0, 1, 0, 1]),
        ("width_3 < 16", [0, 1, 0, 0]),
        ("width_3 != 16", [0, 1, 0, 0]),  # networks of two stages have no third width that could differ
        ("not width_3 == 16", [0, 1, 1, 1]),
        ('block == "R"', [1, 0, 0, 1]),
        ("block != 'R'", [0, 1, 0, 0]),
        ("residual", [1, 0, 0, 1]),
        ("not residual", [0, 1, 1, 0]),
        ("residual == false", [0, 1, 0, 0]),
        ("residual == False", [0, 1, 0, 0]),
        ("residual != true", [0, 1, 0, 0]),
        ("100 < flops <= 300", [0, 1, 1, 0]),
        ("flops < 300 and nondecreasing(width) or flops == 300", [1, 0, 1, 0]),
        ("flops < 300 and (nondecreasing(width) or flops == 300)", [1, 0, 0, 0]),
        ("width_1 / (width_2 - 16) == 1", [0, 0, 0, 0]),  # a division by 0 has no result
        ("-width_1 + 2 * 4 == 0", [1, 1, 0, 0]),
        ("(width_1 == 8) == residual", [1, 0, 0, 0]),
        ("true", [1, 1, 1, 1]),
        ("false or flops > 350", [0, 0, 0, 1]),
    ],
)
def test_a_condition_holds_for_the_networks_that_it_says(text, expected):
    held = condition(text).holds(LADDER)
    assert held.dtype == np.bool_
    assert held.tolist() == [bool(value) for value in expected]


def as_written(table, folder, suffix):
    path = folder / f"t.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path, index=False)
    return pd.read_csv(path) if suffix == "csv" else pd.read_parquet(path)


@pytest.mark.parametrize("form", ["csv", "parquet", "nullable", "numpy"])
def test_it_holds_alike_however_the_table_keeps_its_values(form, tmp_path):
    if form in ("csv", "parquet"):
        table = as_written(LADDER, tmp_path, form)
    elif form == "nullable":
        table = LADDER.convert_dtypes()
    else:
        table = LADDER.assign(residual=[np.True_, np.False_, None, np.True_], flops=np.float32([100, 200, 300, 400]))
    for text in ("residual", "not residual", "residual == false", 'block == "R"', "increasing(width)", "width_3 < 16"):
        assert condition(text).holds(table).tolist() == condition(text).holds(LADDER).tolist()


def test_the_index_and_other_columns_of_a_table_do_not_matter():
    shuffled = LADDER.assign(number=1, seconds=ABSENT).iloc[::-1].set_index(pd.Index([7, 7, 3, 0]))
    assert condition("flops < 250").holds(shuffled).tolist() == [False, False, True, True]
    assert condition("flops < 250").holds(LADDER.iloc[:0]).tolist() == []


def test_stages_are_in_the_order_of_their_numbers_beyond_nine():
    table = pd.DataFrame({f"width_{k}": [k] for k in (10, 2, 1, 11, 9)})
    assert condition("increasing(width) and first(width) == 1 and last(width) == 11").holds(table).all()


def test_a_parameters_one_value_is_read_beside_other_networks_stages():
    table = pd.DataFrame({"depth": [13, ABSENT], "depth_1": [ABSENT, 2], "depth_2": [ABSENT, 1]})
    assert condition("nondecreasing(depth)").holds(table).tolist() == [True, False]
    assert condition("sum(depth) == 13").holds(table).tolist() == [True, False]


def test_blocks_are_read_stage_by_stage():
    table = pd.DataFrame({"conv_1_1": [1], "conv_1_2": [3], "conv_2_1": [2], "conv_2_2": [4]})
    assert not condition("nondecreasing(conv)").holds(table)[0]
    assert condition("nondecreasing(conv_1) and nondecreasing(conv_2) and sum(conv_2) == 6").holds(table)[0]


def test_a_network_without_the_parameter_is_in_no_order_and_has_no_sum():
    table = pd.DataFrame({"width_1": [ABSENT, 8.0], "width_2": [ABSENT, ABSENT], "kernel_1": [ABSENT, ABSENT]})
    for function in ("nondecreasing", "increasing", "equal"):
        assert condition(f"{function}(width)").holds(table).tolist() == [False, True]
        assert condition(f"{function}(kernel)").holds(table).tolist() == [False, False]
    assert condition("sum(width) >= 0").holds(table).tolist() == [False, True]
    assert condition("kernel_1 == 'x' or kernel_1 > 0 or kernel_1 or kernel_1 != kernel_1").holds(table).sum() == 0


def test_equal_takes_texts_and_truths():
    table = pd.DataFrame({"kind_1": ["a", "a"], "kind_2": ["a", "b"], "on_1": [True, False], "on_2": [True, True]})
    assert condition("equal(kind)").holds(table).tolist() == [True, False]
    assert condition("equal(on)").holds(table).tolist() == [True, False]


# One row at a time: None is a value that the network lacks.

PAIRS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
STEPS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
SUMS = {
    "sum": sum,
    "min": min,
    "max": max,
    "mean": statistics.fmean,
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
}
ORDERS = {"nondecreasing": "<=", "nonincreasing": ">=", "increasing": "<", "decreasing": ">", "equal": "=="}


def widths(row):
    return [row[k] for k in ("p_1", "p_2", "p_3") if row[k] is not None]


def arithmetic(symbol, left, right, row):
    a, b = left(row), right(row)
    if a is None or b is None or (symbol == "/" and b == 0):
        return None
    return STEPS[symbol](a, b)


def compared(symbol, left, right, row):
    a, b = left(row), right(row)
    return a is not None and b is not None and PAIRS[symbol](a, b)


def in_order(name, row):
    values = widths(row)
    return bool(values) and all(PAIRS[ORDERS[name]](a, b) for a, b in itertools.pairwise(values))


numbers = st.recursive(
    st.one_of(
        SMALL.map(lambda v: (f"({v})", lambda row: v)),
        st.sampled_from(["p_1", "p_2", "p_3", "q"]).map(lambda name: (name, lambda row: row[name])),
        st.sampled_from(sorted(SUMS)).map(
            lambda name: (f"{name}(p)", lambda row: SUMS[name](widths(row)) if widths(row) else None)
        ),
    ),
    lambda inner: st.tuples(inner, st.sampled_from(sorted(STEPS)), inner).map(
        lambda t: (f"({t[0][0]} {t[1]} {t[2][0]})", lambda row: arithmetic(t[1], t[0][1], t[2][1], row))
    ),
    max_leaves=4,
)
comparisons = st.tuples(numbers, st.sampled_from(sorted(PAIRS)), numbers).map(
    lambda t: (f"{t[0][0]} {t[1]} {t[2][0]}", lambda row: compared(t[1], t[0][1], t[2][1], row))
)
chains = st.tuples(numbers, st.sampled_from(sorted(PAIRS)), numbers, st.sampled_from(sorted(PAIRS)), numbers).map(
    lambda t: (
        f"{t[0][0]} {t[1]} {t[2][0]} {t[3]} {t[4][0]}",
        lambda row: compared(t[1], t[0][1], t[2][1], row) and compared(t[3], t[2][1], t[4][1], row),
    )
)
orders = st.sampled_from(sorted(ORDERS)).map(lambda name: (f"{name}(p)", lambda row: in_order(name, row)))
flags = st.just(("flag", lambda row: row["flag"] is True))
kinds = st.sampled_from(["==", "!="]).map(
    lambda s: (f'kind {s} "a"', lambda row: row["kind"] is not None and PAIRS[s](row["kind"], "a"))
)
conditions = st.recursive(
    st.one_of(comparisons, chains, orders, flags, kinds),
    lambda inner: st.one_of(
        inner.map(lambda t: (f"not ({t[0]})", lambda row: not t[1](row))),
        st.tuples(inner, inner).map(
            lambda t: (f"({t[0][0]}) and ({t[1][0]})", lambda row: t[0][1](row) and t[1][1](row))
        ),
        st.tuples(inner, inner).map(
            lambda t: (f"({t[0][0]}) or ({t[1][0]})", lambda row: t[0][1](row) or t[1][1](row))
        ),
    ),
    max_leaves=4,
)
lacking = st.none() | SMALL
rows = st.fixed_dictionaries(
    {
        **dict.fromkeys(("p_1", "p_2", "p_3", "q"), lacking),
        "flag": st.sampled_from([True, False, None]),
        "kind": st.sampled_from(["a", "b", None]),
    }
)


@settings(max_examples=400)
@given(conditions, st.lists(rows, min_size=1, max_size=6))
def test_any_condition_holds_where_it_holds_of_the_row_alone(case, networks):
    text, holds_of = case
    table = pd.DataFrame(networks, columns=["p_1", "p_2", "p_3", "q", "flag", "kind"])
    assert condition(text).holds(table).tolist() == [bool(holds_of(row)) for row in networks]


def test_its_names_are_known_before_there_is_a_table():
    made = condition("increasing(width) and flops < 1e6 and sum(depth) > width_1 and not residual")
    assert made.parameters == ("width", "depth")
    assert made.columns == ("flops", "width_1", "residual")
    assert made.names == ("width", "depth", "flops", "width_1", "residual")
    assert condition(" flops < 1 ") == Condition("flops < 1")
    assert condition("flops < 1").text == "flops < 1"


@pytest.mark.parametrize("name", builtin_spaces())
def test_every_parameter_of_every_space_can_be_named_before_training(name):
    space = load_space(name)
    columns = [column for parameter in space.all_parameters for column in parameter.columns] + ["flops"]
    for parameter in space.all_parameters:
        condition(f"equal({parameter.name})").check(columns)
        for column in parameter.columns:
            condition(f"{column} == {column} and flops > 0").check(columns)
    with pytest.raises(SettingsError, match="the table has no"):
        condition("equal(nothing)").check(columns)


@pytest.mark.parametrize("name", ["AnyNetC", "ResNet", "GoogLeNet", "LeNet"])
def test_it_reads_a_spaces_own_columns(name):
    space = load_space(name)
    table = pd.DataFrame([space.columns_of(network) for network in space.sample(20, seed=0)])
    first = table.filter(regex=r"^(width|depth)_\d+$").columns[0].split("_")[0]
    stages = table.filter(regex=rf"^{first}_\d+$")
    expected = [all(np.diff(values[~np.isnan(values)]) >= 0) for values in stages.to_numpy(dtype=float)]
    assert condition(f"nondecreasing({first})").holds(table).tolist() == expected


NO_TRUTH = "it must be true or false, and so must the sides of and, or, not; got a number; compare it with something"
WHOLE = "columns, numbers, texts, true, false, + - * /, comparisons, and, or, not, and functions of a parameter"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "width_1.real > 1",
        "width_1 ** 2 > 1",
        "width_1 % 2 == 0",
        "width_1 // 2 == 0",
        "width_1 & 3 == 0",
        "[width_1] == [8]",
        "(width_1, 1) == 3",
        "{1: 2} == 3",
        "lambda: 1",
        "[x for x in width]",
        "width_1 in (8, 16)",
        "block is 'R'",
        "block[0] == 'R'",
        "1 if residual else 2",
        "(x := 1) == 1",
        'f"{block}" == "R"',
        "b'R' == block",
        "1j == width_1",
        "None == block",
        "... == block",
        "+width_1 > 1",
        "~residual",
        "(lambda: True)()",
        "block.upper() == 'R'",
        "*width",
    ],
)
def test_what_is_not_in_the_language_is_refused_as_it_is_made(text):
    with pytest.raises(SettingsError) as refused:
        condition(text)
    message = str(refused.value)
    assert message.startswith("condition ")
    assert message.endswith(f"is not in the language; it has {WHOLE}") or "must be one line such as" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(width)", NO_TRUTH),
        ("error < 20", 'it must be about what is known before training; got "error"; leave it out'),
        ("flops < 1e999", "a number must be finite; got one that is not"),
        ('"R" < "X"', "< must compare numbers; got a text; use == or !="),
        ("true == 1", "== must compare values of one kind; got a number and a truth"),
        ("true + 1 > 0", "+ must have numbers; got a truth"),
        ("equals(width)", 'unknown function "equals"; did you mean "equal"?'),
        ("eval(width)", 'unknown function "eval"; did you mean "equal"?'),
        ("sum(width, 2) > 1", 'sum takes the name of one parameter; got "sum(width, 2)"'),
        ("max(width_1 + 1) > 1", 'max takes the name of one parameter; got "max(width_1 + 1)"'),
        ("min(p=width) > 1", 'min takes the name of one parameter; got "min(p=width)"'),
        ("", 'must be one line such as "nondecreasing(width) and flops < 1e6"; got invalid syntax'),
        ("flops <", 'must be one line such as "nondecreasing(width) and flops < 1e6"; got invalid syntax'),
        ("flops\n< 3", 'must be one line such as "nondecreasing(width) and flops < 1e6"; got 9 characters in 2 lines'),
    ],
)  # fmt: skip
def test_a_condition_that_cannot_be_says_why(text, message):
    with pytest.raises(SettingsError) as refused:
        condition(text)
    assert str(refused.value) in (f"condition {' '.join(text.split())}: {message}", f"condition {text}: {message}")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "1" + ")" * 500,
        "-" * 1000 + "1 < 2",
        "not " * 400 + "true",
        "9" * 5000 + " < 1",
        "1" * 1900 + " < 1",
        "flops < " + "1 + " * 400 + "1",
        "a\0 < 1",
        "1and true",
        r'"\d" == block',
    ],
)
def test_endless_and_odd_texts_are_refused_in_one_line(text):
    with pytest.raises(SettingsError) as refused:
        condition(text)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nondecreasing(widht)", 'the table has no parameter "widht"; did you mean "width"?'),
        ("flop < 3", 'the table has no column "flop"; did you mean "flops"?'),
        ("width > 8", '"width" has several values, width_1 to width_3; name one, or use min(width)'),
        ("nondecreasing(width_1)", 'the table has no parameter "width_1"; did you mean "width"?'),
        ("nondecreasing(flops)", 'the table has no parameter "flops"; known: block, residual, width'),
        ("block == 3", "== must compare values of one kind; got a number and a text"),
        ("block < residual", "< must compare values of one kind; got a text and a truth"),
        ("nondecreasing(block)", "nondecreasing must have numbers; got a text"),
        ("sum(residual) > 1", "sum must have numbers; got a truth"),
        ("flops and residual", NO_TRUTH),
    ],
)  # fmt: skip
def test_what_a_table_has_not_is_refused_when_it_is_asked(text, message):
    with pytest.raises(SettingsError) as refused:
        condition(text).holds(LADDER)
    assert str(refused.value) == f"condition {text}: {message}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "a"], 'column "odd" must have values of one kind; it has a number and a text'),
        ([True, 2], 'column "odd" must have values of one kind; it has a number and a truth'),
        ([[1], [2]], 'column "odd" must have numbers, texts or truths; it has list'),
    ],
)
def test_a_column_of_mixed_or_other_values_is_refused(values, message):
    with pytest.raises(SettingsError) as refused:
        condition("odd == 1").holds(pd.DataFrame({"odd": pd.Series(values, dtype=object)}))
    assert str(refused.value) == f"condition odd == 1: {message}"
