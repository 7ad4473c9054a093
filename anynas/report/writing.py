"""A report put together from its sections, and written: whole, or not at all."""

import os
import tempfile
from pathlib import Path

from anynas import __version__
from anynas.errors import SettingsError
from anynas.folder import now
from anynas.report.networks import network_section
from anynas.report.page import Page
from anynas.report.pictures import Album, learning_section, picture_sections
from anynas.report.provenance import provenance_section, rungs_section, trouble_section
from anynas.report.record import Record, read_record
from anynas.report.repeating import repeating_section
from anynas.report.verdicts import verdict_section, winner_section
from anynas.store import Run
from anynas.terminal import plural
from anynas.views.status import asks, how, state_line

REPORT = "report.html"


def write_report(run: Run | str | Path, path: str | Path | None = None) -> Path:
    """Write a run's report, one HTML file that needs no other, and return its path.

    Args:
        run: A search's or a study's, or its folder, finished or not; or a folder with a study's results.
        path: Where to write it; None: report.html in the run's folder.

    Raises:
        RunError: The folder holds neither, or its record cannot be read.
        SettingsError: The file cannot be written.
    """
    folder = run.path if isinstance(run, Run) else Path(run)
    file = folder / REPORT if path is None else Path(path)
    if file.is_dir() or (not file.parent.is_dir() and folder.is_dir()):
        reason = "it is a folder" if file.is_dir() else "there is no such folder"
        raise SettingsError(f"{file}: must be a file that can be written; {reason}; choose another --out")
    text = report_page(read_record(folder)).html()
    try:
        _write(file, text)
    except OSError as error:
        raise SettingsError(
            f"{file}: must be a file that can be written; {error.strerror or error}; choose another --out"
        ) from None
    return file


def report_page(record: Record) -> Page:
    """Return the page that tells a record: verdicts first, and where all of it comes from last."""
    album = Album()
    is_search = record.verdicts is None
    sections = [
        winner_section(record) if is_search else verdict_section(record),
        *picture_sections(record, album),
        network_section(record),
        learning_section(record, album),
        rungs_section(record),
        trouble_section(record),
        provenance_section(record),
        repeating_section(record),
    ]
    return Page(
        title=f"Search of {record.name}" if is_search else f"Study {record.name}",
        description="" if record.verdicts is None else record.verdicts.description,
        state=_state(record),
        is_finished=record.is_finished,
        asked=[f"{text[:1].upper()}{text[1:]}." for text in _asked(record)],
        sections=[section for section in sections if section is not None],
        footer=f"Made by anynas {__version__} on {now()} from {record.folder.name}.",
    )


def _asked(record: Record) -> list[str]:
    """Return what is asked, in a line or two."""
    if record.status is not None:
        objectives = (record.identity or {}).get("objectives", ())
        both = [f"minimised are {' and '.join(objectives)}: their front"] if len(objectives) > 1 else []
        return [asks(record.status.question), how(record.status.question), *both]
    assert record.results is not None
    last = record.results.last
    counts = [plural(len(last.models), "population"), plural(len(last.claims), "claim")]
    counts += [plural(len(last.checks), "check")] if last.checks else []
    return [f"{', '.join(counts)}; seed {last.seed}"]


def _state(record: Record) -> str:
    if record.status is not None:
        return state_line(record.status)
    assert record.verdicts is not None
    if record.is_finished:
        return f"Finished: {plural(len(record.table), 'trial')}"
    planned = sum(row["planned"] for row in record.verdicts.populations)
    return f"Partial: {len(record.table):,} of {planned:,} trials finished"


def _write(file: Path, text: str) -> None:
    """Write a file that is whole or as it was before."""
    descriptor, beginning = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            output.write(text)
        umask = os.umask(0)
        os.umask(umask)
        Path(beginning).chmod(0o666 & ~umask)  # as any other file; a temporary one is its owner's alone
        Path(beginning).replace(file)
    except BaseException:
        Path(beginning).unlink(missing_ok=True)
        raise
