"""How far long work is, and the time left: a bar in a terminal, plain lines where piped, a line in Jupyter."""

from anynas.progress.terminal import EpochReporter, Reporter, StudyReporter

__all__ = ["EpochReporter", "Reporter", "StudyReporter"]
