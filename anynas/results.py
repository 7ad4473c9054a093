"""What a judged study leaves in a folder: table and curves as parquet, claims and verdicts as JSON, page, figures."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.analysis.comparison import Comparison
from anynas.analysis.panels import Panel, comparison_panel
from anynas.errors import RunError, SettingsError
from anynas.figures import draw_study
from anynas.folder import write_json
from anynas.store import Run, load_run
from anynas.study.checking import Answer, measured_twice, trained_again
from anynas.study.judging import Verdicts, compared, selection_of
from anynas.study.running import CLAIMS, Declaration, declarations, write_declarations
from anynas.tables import RESULTS
from anynas.terminal import text_of
from anynas.views.pages import study_page
from anynas.views.studies import print_details, print_verdicts

if TYPE_CHECKING:
    import pandas as pd

CURVES, VERDICTS, TEXT = "curves.parquet", "verdicts.json", "verdicts.txt"
PAGE = "report.md"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """All that verdicts and figures are made of."""

    table: "pd.DataFrame"
    curves: "pd.DataFrame"
    first: Declaration  # what was claimed before the first trial
    last: Declaration  # what is judged


def results_of(run: Run) -> Results:
    """Return a run's results as they are now.

    Raises:
        RunError: The run is no study's.
    """
    first, last = declarations(run.path)
    return Results(table=run.table(), curves=run.curves(), first=first, last=last)


def results_in(folder: Path) -> Results:
    """Return the results of a run's folder, or those that `write_results` wrote into one.

    Raises:
        RunError: There are none.
    """
    if (folder / "run.json").is_file() or not (folder / RESULTS).is_file():
        return results_of(load_run(folder))
    import pandas as pd

    first, last = declarations(folder)
    try:
        table, curves = (pd.read_parquet(folder / name) for name in (RESULTS, CURVES))
    except (OSError, ValueError) as error:
        raise RunError(f"{folder}: {RESULTS} and {CURVES} must be readable; {' '.join(str(error).split())}") from None
    return Results(table=table, curves=curves, first=first, last=last)


def write_results(verdicts: Verdicts, results: Results, folder: Path) -> dict[str, Path]:
    """Write everything into a folder, and return the files by what they are.

    Raises:
        SettingsError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        results.table.to_parquet(folder / RESULTS, index=False)
        results.curves.to_parquet(folder / CURVES, index=False)
        write_declarations(results.first, results.last, folder)
        write_json(folder / VERDICTS, json.loads(json.dumps(verdicts.to_dict(), allow_nan=False)))
        (folder / TEXT).write_text(text_of(print_verdicts, verdicts) + text_of(print_details, verdicts), "utf-8")
        figures = draw_study(
            results.table,
            results.curves,
            panels(verdicts, results.table),
            folder,
            checks=answered_checks(verdicts, results.table),
            footer=footer_of(verdicts),
        )
        (folder / PAGE).write_text(study_page(verdicts, figures, footer=footer_of(verdicts)), "utf-8")
    except OSError as error:
        raise SettingsError(f"{folder}: must be a folder that can be written to; {error.strerror or error}") from None
    return {
        "report": folder / PAGE,
        "verdicts": folder / TEXT,
        "the same as JSON": folder / VERDICTS,
        "table": folder / RESULTS,
        "learning curves as a table": folder / CURVES,
        "claims as declared": folder / CLAIMS,
        **figures,
    }


def panels(verdicts: Verdicts, table: "pd.DataFrame") -> list[tuple[str, Comparison, Panel]]:
    """Return each judged claim with its populations as they were compared."""
    found = []
    for claim in verdicts.claims:
        if claim.comparison is not None:
            rows, baseline, candidate = compared(table, claim.stated)
            panel = comparison_panel(rows, baseline=baseline, candidate=candidate, **selection_of(claim.stated))
            found.append((claim.stated.name, claim.comparison, panel))
    return found


def answered_checks(verdicts: Verdicts, table: "pd.DataFrame") -> "list[tuple[Answer, pd.DataFrame]]":
    """Return each answered check with the trials that it looked at."""
    rows_of = {"rank_correlation": measured_twice, "seed_noise": trained_again}
    found = (check for check in verdicts.checks if check.verdict is not None)
    return [(check, rows_of[check.stated.check](table, check.stated)) for check in found]


def footer_of(verdicts: Verdicts) -> str:
    """Return what every figure says of where its numbers come from."""
    made = verdicts.provenance
    complete = sum(row["complete"] for row in verdicts.populations)
    texts = {name: " or ".join(map(str, made[name])) for name in ("epochs", "images", "device")}
    return (
        f"n = {complete:,}, seed {verdicts.seed}, {texts['epochs']} epochs of {texts['images']} images; anynas "
        f"{', '.join(made['anynas_version'])}, torch {', '.join(made['torch_version'])}, {texts['device']}"
    )
