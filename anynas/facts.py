"""What the commands tell, as plain fields: `--json` prints them whole, the views in words.

Keys are those of the Python functions and of the table's columns; numbers are whole. What knows its own fields
(`Status.to_dict`, `Verdicts.to_dict`, `Comparison.to_dict`, training.json) is not written again here.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from anynas.architecture import Architecture
from anynas.counting import complexity, layer_summary
from anynas.designspace import DesignSpace
from anynas.designspace.space import CONSTRAINTS, Member
from anynas.layers import Shape

if TYPE_CHECKING:
    import pandas as pd

    from anynas.data import DataSet
    from anynas.driver.search import Estimate, SearchPlan
    from anynas.store import Run
    from anynas.study.running import StudyEstimate, StudyPlan
    from anynas.training.fully import TrainingPlan
    from anynas.training.latency import Latency
    from anynas.training.trained import Trained

Facts: TypeAlias = dict[str, Any]


def plan_facts(plan: "SearchPlan | StudyPlan", expected: "Estimate | StudyEstimate | None") -> Facts:
    """Return what a search or a study will do, and about how long that takes; None: that is not known yet."""
    return {
        "run": str(plan.path),
        "storage": plan.storage,
        "identity": plan.identity,
        **plan.about,
        "device": plan.crew.where,
        "pictures": pictures_facts(plan.data),
        "estimate": None if expected is None else dataclasses.asdict(expected),
    }


def training_plan_facts(plan: "TrainingPlan", *, seconds: float, device: str) -> Facts:
    """Return what a training in full will do, and about how long what is left takes."""
    counted = complexity(plan.architecture, input_shape=plan.input_shape, num_classes=plan.num_classes)
    return {
        "folder": str(plan.path),
        "identity": plan.identity,
        "key": plan.architecture.key,
        **dataclasses.asdict(counted),
        "images": len(plan.data.train),
        "pictures": pictures_facts(plan.data),
        "device": device,
        "is_finished": plan.is_finished,
        "epochs_done": plan.epochs_done,
        "estimate": {"total_seconds": seconds},
    }


def pictures_facts(data: "DataSet") -> Facts | None:
    """Return what became of a user's own pictures; None for other data."""
    pictures = data.pictures
    if pictures is None:
        return None
    return {
        "folder": pictures.folder,
        "image_shape": list(data.image_shape),
        "class_names": list(pictures.class_names),
        "splits": dict(zip(("train", "validation", "test"), pictures.splits, strict=True)),
        "sha256": pictures.sha256,
        "skipped": pictures.skipped,
        "skipped_list": str(pictures.skipped_list),
    }


def search_facts(run: "Run") -> Facts:
    """Return a finished search: its winner, the Pareto front in error and `quantity`, and what went wrong."""
    return {
        "run": seen_from_here(run.path),
        "result": run.result(),
        "quantity": run.quantity,
        "front": rows_of(run.front()),
        "faults": rows_of(run.faults()),
    }


def trained_facts(trained: "Trained") -> Facts:
    """Return a network trained in full: its record, and where it is."""
    return {"folder": seen_from_here(trained.path), **trained.record}


def rows_of(table: "pd.DataFrame") -> list[Facts]:
    """Return a table's rows by column; what a column has as JSON text is written out."""
    written = {"architecture", "recipe"}
    return [
        {str(name): json.loads(value) if name in written else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def space_facts(space: DesignSpace) -> Facts:
    """Return a space: its parameters with their laws and constraints, its exact size, its regime."""
    return {
        **space_summary(space),
        "stages": space.stages if isinstance(space.stages, int) else space.stages.law,
        "parameters": [
            {
                "name": parameter.name,
                "each": space.each(parameter),
                "law": parameter.law,
                "values": list(parameter.values),
                "constraints": [kind for kind in CONSTRAINTS if parameter.name in getattr(space, kind)],
            }
            for parameter in space.all_parameters
        ],
        "fixed": dict(space.fixed),
        "regime": dataclasses.asdict(space.regime),
    }


def space_summary(space: DesignSpace) -> Facts:
    """Return what a list of spaces says of one."""
    return {
        "name": space.name,
        "family": space.family,
        "description": space.description,
        "dimension": space.dimension,
        "size": space.size(),
    }


def draw_facts(space: DesignSpace, number: int, member: Member) -> Facts:
    """Return a draw: its parameters by column, and what it costs at the regime's input."""
    architecture, point = member
    counted = complexity(architecture, input_shape=space.regime.input_shape, num_classes=space.regime.num_classes)
    return {
        "number": number,
        "key": architecture.key,
        "network_key": architecture.network_key,
        **dataclasses.asdict(counted),
        **space.columns_at(point),
        "architecture": architecture.to_dict(),
    }


def architecture_facts(architecture: Architecture, input_shape: Shape, num_classes: int) -> Facts:
    """Return an architecture, layer by layer, and what it costs."""
    summary = layer_summary(architecture, input_shape=input_shape, num_classes=num_classes)
    counted = complexity(architecture, input_shape=input_shape, num_classes=num_classes)
    return {
        "key": architecture.key,
        "network_key": architecture.network_key,
        "architecture": architecture.to_dict(),
        "input_shape": list(input_shape),
        "num_classes": num_classes,
        **dataclasses.asdict(counted),
        "layers": rows_of(summary),
    }


def latency_facts(measured: "Iterable[Latency]", *, device: str) -> Facts:
    """Return how long calls of a network take, by size of the batch."""
    return {"device": device, "batches": [dataclasses.asdict(one) for one in measured]}


def files_facts(files: Mapping[str, Path]) -> Facts:
    """Return where files are, by what they are."""
    return {re.sub("[^a-z0-9]+", "_", what.lower()): seen_from_here(path) for what, path in files.items()}


def seen_from_here(path: Path) -> str:
    """Return a path as seen from the current folder, where it is within."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
