"""The types of options' values: a text in, a value out, or one line that says how it must be written."""

import argparse

Range = tuple[float, float]  # both ends included


def worker_count(text: str) -> int | None:
    """Return a number of workers; None for auto."""
    try:
        return None if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a whole number or auto; got "{text}"') from None


def number_of_bytes(text: str) -> float:
    """Return a size such as 500M or 4G, in bytes: K, M, G and T are powers of 1024."""
    unit = text[-1:].upper()
    try:
        power = "KMGT".index(unit) + 1 if unit and unit in "KMGT" else 0
        return float(text[:-1] if power else text) * float(1024**power)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a size such as 500M or 4G; got "{text}"') from None


def number_range(text: str) -> Range:
    """Return the two numbers of LOW:HIGH; without LOW it begins at 0, without HIGH it has no end."""
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(low or 0), float(high or "inf")
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be LOW:HIGH, two numbers; got "{text}"') from None


def image_shape(text: str) -> tuple[int, ...]:
    """Return the three numbers of CxHxW."""
    try:
        shape = tuple(int(size) for size in text.split("x"))
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be CxHxW, three positive numbers; got "{text}"') from None
    return shape
