"""What a notebook's cell shows of a space, an architecture, a comparison, an EDF, a study's verdicts, a run.

All of it is read when the cell is shown: a run's folder as it is then. No path and no machine is named, as notebooks
are kept and given away.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from anynas.errors import AnynasError
from anynas.facts import space_facts
from anynas.pieces import Facts, Item, Network, Picture, Table, Text, Verdict, Verdicts, cell
from anynas.terminal import count, plural
from anynas.views.charts import interval_chart, points_chart, steps_chart
from anynas.views.searches import best_facts, winner_facts
from anynas.views.spaces import PARAMETER_COLUMNS, fixed_lines, parameter_rows, regime_lines, space_heading
from anynas.views.status import POPULATION_COLUMNS, asks, how, population_rows, state_line, told_first, told_last

if TYPE_CHECKING:
    import pandas as pd

    from anynas.analysis.comparison import Comparison
    from anynas.analysis.edf import EDF
    from anynas.architecture import Architecture
    from anynas.designspace import DesignSpace
    from anynas.status import Status
    from anynas.store import Run
    from anynas.study import judging
    from anynas.training.trained import Trained

BEST = 5  # networks of a run
PLACES = ("run", "driver")  # where a status tells of folders and machines; the heading has what became of the driver
ERROR, SHARE = "validation error (%)", "share of networks"
AXES = {"flops": (1e6, "flops (M)"), "params": (1e3, "params (k)"), "activations": (1e3, "activations (k)")}


def cell_of(thing: Any) -> str:
    """Return the HTML element that shows a thing of one of the kinds below."""
    return _SHOWN[type(thing).__name__](thing)


def text_of(thing: Any) -> str:
    """Return a line for a run, a status or a trained network."""
    match type(thing).__name__:
        case "Run":
            try:
                return _headline(thing.status())
            except (AnynasError, OSError) as error:
                return str(error)
        case "Status":
            return _headline(thing)
    errors = ", ".join(f"{name} {error}" for name, error in _trained_errors(thing))
    return f"{thing.architecture.family} {thing.architecture.key}, {_trained_how(thing)}: {errors}"


def _space(space: "DesignSpace") -> str:
    shown = space_facts(space)
    what, size = space_heading(shown)
    table = Table(caption=size, columns=PARAMETER_COLUMNS, rows=parameter_rows(shown), words=PARAMETER_COLUMNS)
    lines = [Text(text=line) for line in (*fixed_lines(shown), *regime_lines(shown))]
    return cell([table, *lines], heading=what)


def _architecture(architecture: "Architecture") -> str:
    return cell([_network(architecture, name=None)])


def _network(architecture: "Architecture", *, name: str | None) -> Network:
    from anynas.views.architectures import cost_facts, images_for, name_of, network_piece

    images = images_for(architecture)
    called = name or f"{name_of(architecture) or architecture.family}, key {architecture.key}"
    facts = [] if images is None else cost_facts(architecture, images)
    return network_piece(architecture, images, heading=called, facts=facts)


def _comparison(comparison: "Comparison") -> str:
    from anynas.views.verdicts import comparison_lines

    verdict = Verdict(
        verdict=comparison.verdict or "compared",
        claim=f"{comparison.candidate} against {comparison.baseline}",
        lines=comparison_lines(comparison),
    )
    together = [] if comparison.judged_with == 1 else [_together(comparison.judged_with)]
    picture = Picture(svg=Markup(interval_chart(comparison)), caption=_intervals(comparison))
    return cell([Verdicts(verdicts=[verdict]), picture, *together])


def _together(claims: int) -> Text:
    return Text(text=f"Judged together with {plural(claims - 1, 'more claim')} (Holm).")


def _intervals(comparison: "Comparison") -> str:
    level = f"{100 * (1 - comparison.alpha):g} %"
    used = "" if comparison.claim is None else ", which the verdict used"
    zone = "" if comparison.margin is None else f"; grey: the margin of {comparison.margin:g}"
    return f"Thin: the {level} interval; thick: bounds at {level} on each side{used}{zone}."


def _verdicts(verdicts: "judging.Verdicts") -> str:
    from anynas.views.verdicts import (
        check_verdict,
        claim_verdict,
        first_capital,
        how_judged,
        populations_table,
        verdict_counts,
    )

    judged = [*map(claim_verdict, verdicts.claims), *map(check_verdict, verdicts.checks)]
    items: list[Item] = [Text(text=verdict_counts(verdicts))]
    items += [Text(text=f"{first_capital(notice)}.", is_note=True) for notice in verdicts.notices]
    items += [Verdicts(verdicts=judged), Text(text=how_judged(verdicts))] if judged else []
    return cell([*items, populations_table(verdicts)], heading=f"Study {verdicts.study}: {verdicts.description}")


def _status(status: "Status") -> str:
    items: list[Item] = [_facts([each for each in told_first(status, bar=False) if each[0] not in PLACES])]
    if status.question.study != "search":
        items.append(_populations(status))
    return cell([*items, _facts(told_last(status))], heading=state_line(status))


def _facts(told: list[tuple[str, str]]) -> Facts:
    """Return lines as facts: those without a label go on with the one before."""
    facts: list[tuple[str, str]] = []
    for label, text in told:
        facts.append((label, text) if label else (facts[-1][0], f"{facts.pop()[1]}; {text}"))
    return Facts(facts=facts)


def _edf(distribution: "EDF") -> str:
    from anynas.analysis.visible import visible_errors

    steps = list(zip(distribution.errors.tolist(), distribution.cumulative.tolist(), strict=True))
    visible = visible_errors([distribution.errors])
    chart = steps_chart([("EDF", steps)], x="error (%)", y=SHARE, x_range=(visible.low, visible.high))
    caption = f"{plural(len(steps), 'different error')}, the least {distribution.errors[0]:.2f} %"
    return cell([Picture(svg=Markup(chart), caption=caption)])


def _trained_errors(trained: "Trained") -> list[tuple[str, str]]:
    errors = {"validation error": trained.validation_error, "test error": trained.test_error}
    return [(name, f"{error:.2f} %") for name, error in errors.items()]


def _trained_how(trained: "Trained") -> str:
    epochs = plural(trained.fidelity.epochs, "epoch")
    return f"{epochs} of {trained.num_images:,} images of {trained.data}, seed {trained.seed}"


def _trained(trained: "Trained") -> str:
    record = trained.record
    where = f"anynas {record['anynas_version']}, torch {record['torch_version']}, {record['device']}"
    how = Text(text=f"n = 1 training: {_trained_how(trained)}; {where}")
    network = _network(trained.architecture, name=f"{trained.architecture.family} {trained.architecture.key}, trained")
    return cell([Facts(facts=_trained_errors(trained), large=True), network, how])


def _run(run: "Run") -> str:
    try:
        return _read(run)
    except (AnynasError, OSError) as error:
        return cell([Text(text=str(error), is_note=True)], heading=f"Run {run.path.name}")


def _read(run: "Run") -> str:
    from anynas.figures.search import search_footer

    status, table = run.status(), run.table()
    question = status.question
    is_search = question.study == "search"
    items: list[Item] = [Text(text=f"{text[:1].upper()}{text[1:]}.") for text in (asks(question), how(question))]
    complete = table[table["state"] == "complete"]
    if is_search and status.result is not None:
        items.append(Facts(facts=winner_facts(status.result), large=True))
    elif is_search and len(complete):
        items.append(Facts(facts=best_facts(complete.loc[complete["error"].idxmin()].to_dict()), large=True))
    if not is_search:
        items.append(_populations(status))
    if len(complete):
        items += [_best(complete, several=not is_search), _errors(run, complete, is_search=is_search)]
        items.append(Text(text=search_footer(complete, seed=question.seed)))
    return cell(items, heading=_headline(status))


def _headline(status: "Status") -> str:
    question = status.question
    name = f"Search of {question.spaces[0]}" if question.study == "search" else f"Study {question.study}"
    return f"{name}. {state_line(status)}"


def _populations(status: "Status") -> Table:
    rows = [list(map(str, row)) for row in population_rows(status)]
    return Table(caption="", columns=POPULATION_COLUMNS, rows=rows)


def _best(complete: "pd.DataFrame", *, several: bool) -> Table:
    best = complete.sort_values(["error", "number"], kind="stable").head(BEST)
    rows = [
        [
            *([str(row["space"])] if several else []),
            str(row["number"]),
            f"{row['error']:.2f}",
            count(row["flops"]),
            count(row["params"]),
            row["key"],
        ]
        for row in best.to_dict("records")
    ]
    columns = [*(["population"] if several else []), "trial", "error %", "flops", "params", "key"]
    of = plural(len(complete), "complete trial")
    return Table(caption=f"The best of {of}, one seed each", columns=columns, rows=rows, words=["key"])


def _errors(run: "Run", complete: "pd.DataFrame", *, is_search: bool) -> Picture:
    from anynas.analysis.edf import edf
    from anynas.analysis.visible import visible_errors

    populations = [(str(name), rows["error"]) for name, rows in complete.groupby("space", sort=False)]
    visible = visible_errors([errors for _, errors in populations])
    beyond = visible.beyond(complete["error"])
    more = f"; {beyond:,} beyond {visible.high:.0f} %" if beyond else ""
    reach = (visible.low, visible.high)
    if is_search:
        unit, label = AXES[run.quantity]
        places, front = (
            list(zip((rows[run.quantity] / unit).tolist(), rows["error"].tolist(), strict=True))
            for rows in (complete, run.front())
        )
        svg = points_chart(places, front, x=label, y=ERROR, y_range=reach)
        caption = f"Error against {run.quantity}; the line is the Pareto front{more}."
    else:
        functions = [(f"{name} (n = {len(errors):,})", edf(errors)) for name, errors in populations]
        curves = [(name, list(zip(f.errors.tolist(), f.cumulative.tolist(), strict=True))) for name, f in functions]
        svg = steps_chart(curves, x=ERROR, y=SHARE, x_range=reach)
        caption = f"Error EDFs: the share of networks with at most this error{more}."
    return Picture(svg=Markup(svg), caption=caption)


_SHOWN: dict[str, Callable[[Any], str]] = {
    "Architecture": _architecture,
    "Comparison": _comparison,
    "DesignSpace": _space,
    "EDF": _edf,
    "Run": _run,
    "Status": _status,
    "Trained": _trained,
    "Verdicts": _verdicts,
}
