"""How far long work is, and the time left: a bar in a terminal, plain lines where piped, a line in Jupyter."""

from anynas.progress.terminal import EpochReporter, PictureReporter, Reporter, StudyReporter

__all__ = ["EpochReporter", "PictureReporter", "Reporter", "StudyReporter"]
