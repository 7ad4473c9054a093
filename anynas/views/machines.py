"""What `anynas doctor` prints."""

from typing import Any

from rich.console import Console

from anynas.terminal import print_line


def print_machine(console: Console, findings: dict[str, dict[str, Any]]) -> None:
    """Print findings under their headings; a number of bytes as GiB."""
    for heading, found in findings.items():
        console.print(heading.replace("_", " "))
        for name, value in found.items():
            label = name.removesuffix("_bytes").replace("_", " ")
            print_line(console, f"  {label:<20} {_words(name, value)}")


def _words(name: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{value / 2**30:.1f} GiB" if name.endswith("_bytes") else str(value)
