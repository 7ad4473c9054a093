"""How a command ends: the exit codes, each with what it says; docs/commands.md tells the same."""

import contextlib
import enum
import os
import sys


class Exit(enum.IntEnum):
    """An exit code, and its meaning."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "Exit":
        """Return a code that knows its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "what was asked is done; a claim that is undecided or contradicted is an answer too"
    FAULT = 1, "a fault of anynas itself: a traceback"
    REFUSED = 2, "it cannot be done as asked: a line on standard error says what must hold, what came and what to do"
    INTERRUPTED = 130, "ended by Ctrl-C, SIGTERM or SIGHUP; what is finished is safe"
    UNREAD = 141, "whoever read the output has gone, as in `| head`; what is finished is safe"


def refused(message: object) -> Exit:
    """Say in a line why something cannot be done as asked; return the exit code."""
    print(f"anynas: {message}", file=sys.stderr)
    return Exit.REFUSED


def interrupted(what: str = "") -> Exit:
    """Say that the command was interrupted, if there is still somebody to hear it; return the exit code."""
    with contextlib.suppress(OSError):  # the terminal has closed
        print(f"anynas: interrupted{what and '; '}{what}", file=sys.stderr, flush=True)
    return Exit.INTERRUPTED


def unwritten(error: OSError) -> Exit:
    """Leave a standard output that takes no more, and say so; return the exit code."""
    unread()
    return refused(f"standard output must have room for what is printed; {error.strerror}; send it elsewhere")


def unread() -> Exit:
    """Leave a standard output that nobody reads any more, and return the exit code."""
    with contextlib.suppress(OSError, ValueError):  # else Python would complain of it at its own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.UNREAD
