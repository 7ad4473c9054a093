"""Options say the same thing in the same words everywhere; help fits a terminal and shows what can be typed."""

import argparse
import collections
import re
import shlex
from typing import Any

import pytest
from all_commands import all_commands

from anynas.cli import completing, make_parser, names
from anynas.cli.exits import Exit

COMMANDS = all_commands()
SILENT = {"status", "sample", "spaces", "show", "power", "predict", "doctor"}  # they have nothing but their result


def own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


@pytest.mark.parametrize("command", ["", "study", *COMMANDS])
def test_help_fits_80_columns(command: str, here: Any, tmp_path: Any) -> None:
    code, out, _ = here(*command.split(), "--help", cwd=tmp_path)
    assert code == Exit.DONE
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example_that_can_be_typed(command: str) -> None:
    epilog = str(COMMANDS[command].epilog)
    assert epilog.startswith("example:\n  anynas ")
    for line in epilog.splitlines()[1:]:
        words = shlex.split(line)
        assert " ".join(words[1:]).startswith(command)
        assert callable(make_parser().parse_args(words[1:]).command)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_speaks_in_one_voice(command: str) -> None:
    parser = COMMANDS[command]
    texts = [str(parser.description).splitlines()[0], *(str(action.help) for action in own(parser))]
    for text in texts:
        assert re.match(r"[a-zA-Z]", text), text
        assert not text.endswith("."), text
        assert "default" not in text, f"what holds without an option stands in brackets at the end: {text}"
        assert text.split()[0].islower() or text.split()[0] in ("TOML",), text


def test_one_option_has_one_metavar_and_one_type_wherever_it_is() -> None:
    seen: dict[str, set[Any]] = collections.defaultdict(set)
    for parser in COMMANDS.values():
        for action in own(parser):
            for option in action.option_strings:
                several = {"--out", "--space"}  # a file or a folder; of a pilot several
                seen[option].add((None if option in several else action.metavar, action.type, type(action)))
    assert {option: kinds for option, kinds in seen.items() if len(kinds) > 1} == {}
    metavars = {str(a.metavar) for p in COMMANDS.values() for a in own(p) if "--out" in a.option_strings}
    assert metavars == {"FILE", "FOLDER"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_prints_results_has_json_and_those_with_remarks_are_quiet_if_asked(command: str) -> None:
    options = {option for action in own(COMMANDS[command]) for option in action.option_strings}
    assert ("--json" in options) == (command != "completion")
    assert ({"-q", "--quiet"} <= options) == (command not in SILENT | {"completion"})


def test_long_lists_of_options_stand_under_headings() -> None:
    for parser in COMMANDS.values():
        for group in parser._action_groups:
            assert len(group._group_actions) <= 14, (parser.prog, group.title)
    titles = [group.title for group in COMMANDS["search"]._action_groups if group._group_actions]
    assert titles[1:] == ["what is searched", "budget", "training", "where it runs", "the run", "output"]


def test_names_that_the_shell_is_told_are_those_of_their_homes() -> None:
    from anynas.analysis.claims import Claim
    from anynas.analysis.estimands import check_statistic
    from anynas.data import DATA_SETS
    from anynas.driver.objectives import OBJECTIVES
    from anynas.driver.samplers import SAMPLERS
    from anynas.execution.choosing import EXECUTORS
    from anynas.exporting.export import FORMATS
    from anynas.regimes import REGIMES
    from anynas.training.devices import DEVICES

    for ours, theirs in (
        (names.DATA_SETS, set(DATA_SETS) - {"few"}),  # which other tests may have made known
        (names.DEVICES, DEVICES),
        (names.EXECUTORS, EXECUTORS),
        (names.FORMATS, FORMATS),
        (names.REGIMES, REGIMES),
        (names.SAMPLERS, SAMPLERS),
        ({name for text in names.OBJECTIVES for name in text.split(",")}, OBJECTIVES),
    ):
        assert set(ours) == set(theirs)
    for statistic in names.STATISTICS:
        check_statistic(statistic)
    for kind in names.CLAIMS:
        assert Claim(kind=kind, margin=1.0 if kind == "no_effect" else None).kind == kind


def test_every_option_that_takes_a_name_or_a_path_is_completed() -> None:
    plain = {"S", "N", "M", "E", "R", "K", "A", "G", "D", "P", "C", "F", "LOW:HIGH", "CxHxW", "SIZE", "SECONDS", "URL"}
    plain |= {"CONDITION", "COLUMN", "SHELL"}
    for parser in COMMANDS.values():
        for action in own(parser):
            named = any(option in completing.OPTIONS for option in action.option_strings)
            takes = action.nargs != 0 and not named and action.metavar not in completing.METAVARS
            population = action.option_strings in (["--baseline"], ["--candidate"], ["--space"])
            assert not takes or population or action.metavar in plain, (parser.prog, action.option_strings)
