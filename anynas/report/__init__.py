"""A run as one page, complete in itself: HTML with pictures and styles, which loads nothing and runs nothing."""

from anynas.report.writing import write_report

__all__ = ["write_report"]
