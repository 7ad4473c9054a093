"""Objectives: what may be asked for, and what is said of anything else."""

import pytest

from anynas.driver.objectives import check_objectives
from anynas.errors import SettingsError


@pytest.mark.parametrize("second", ["flops", "params", "activations"])
def test_error_comes_first_in_whatever_order_they_are_named(second: str) -> None:
    assert check_objectives(["error", second]) == check_objectives((second, "error")) == ("error", second)


def test_error_alone_is_an_objective_with_rungs_too() -> None:
    assert check_objectives(("error",)) == check_objectives(["error"], has_rungs=True) == ("error",)


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (("error", "flop"), 'unknown objective "flop"; did you mean "flops"?'),
        (("error", "seconds"), 'unknown objective "seconds"; known: activations, error, flops, params'),
        (("error", ""), 'unknown objective ""; known: activations, error, flops, params'),
        (("error", "error"), "objectives must differ from each other; got error, error"),
        (("flops",), "objectives must have error among them; got flops"),
        ((), "objectives must have error among them; got none"),
        (
            ("error", "flops", "params"),
            "objectives must be error, or error and one other; got error, flops, params",
        ),
        ("error", 'objectives must be a list of names; got the text "error"; write ("error",)'),
    ],
)
def test_other_objectives_are_refused(objectives: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_objectives(objectives)
    assert str(caught.value) == message


def test_two_objectives_on_rungs_are_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        check_objectives(("error", "flops"), has_rungs=True)
    assert str(caught.value) == (
        "rungs compare trials by error alone, so objectives must be error; got error, flops; leave --rungs out"
    )
