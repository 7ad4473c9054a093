"""Python source as formatters leave it: a line where it fits, else an argument a line."""

import dataclasses
import json
from collections.abc import Sequence
from typing import TypeAlias

WIDTH = 88  # of a line, as formatters have it unless told otherwise
STEP = "    "


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """name(argument, keyword=argument)."""

    name: str
    arguments: tuple["Expression", ...] = ()
    keywords: tuple[tuple[str, "Expression"], ...] = ()
    tall: bool = False  # whether each argument has a line of its own even where one would do


@dataclasses.dataclass(frozen=True, slots=True)
class Repeated:
    """*(call for _ in range(times))."""

    call: Call
    times: int


Expression: TypeAlias = str | Call | Repeated


def statement(expression: Expression, *, indent: int, before: str = "", after: str = "") -> list[str]:
    """Return an expression's lines, with what stands before and behind it; `indent` counts steps."""
    left = STEP * indent
    line = _line(expression)
    if line is not None and len(left + before + line + after) <= WIDTH:
        return [left + before + line + after]
    match expression:
        case str():
            return [left + before + expression + after]
        case Call(name=name, arguments=arguments, keywords=keywords):
            inner = [row for argument in arguments for row in statement(argument, indent=indent + 1, after=",")]
            for word, argument in keywords:
                inner += statement(argument, indent=indent + 1, before=f"{word}=", after=",")
            return [f"{left}{before}{name}(", *inner, f"{left}){after}"]
        case Repeated(call=call, times=times):
            tall = dataclasses.replace(call, tall=True)  # a formatter for longer lines would join the loop's two lines
            inner = [*statement(tall, indent=indent + 1), f"{left}{STEP}for _ in range({times})"]
            return [f"{left}{before}*(", *inner, f"{left}){after}"]


def signature(name: str, parameters: Sequence[str], returns: str, *, indent: int) -> list[str]:
    """Return the lines that begin a function."""
    left = STEP * indent
    line = f"{left}def {name}({', '.join(parameters)}) -> {returns}:"
    if len(line) <= WIDTH:
        return [line]
    return [f"{left}def {name}(", *(f"{left}{STEP}{one}," for one in parameters), f"{left}) -> {returns}:"]


def constant(name: str, values: Sequence[object]) -> list[str]:
    """Return the lines of a tuple with a name; it has at least one value."""
    texts = [quoted(value) if isinstance(value, str) else repr(value) for value in values]
    line = f"{name} = ({', '.join(texts)}{',' * (len(texts) == 1)})"
    if len(line) <= WIDTH:
        return [line]
    return [f"{name} = (", *(f"{STEP}{text}," for text in texts), ")"]


def quoted(text: str) -> str:
    """Return a text as a literal, in double quotes unless single ones save a backslash."""
    if '"' in text and "'" not in text and "\\" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _line(expression: Expression) -> str | None:
    """Return an expression as one line; None where it is not to be one."""
    match expression:
        case str():
            return expression
        case Repeated(call=call, times=times):
            line = _line(call)
            return None if line is None else f"*({line} for _ in range({times}))"
        case Call(name=name, arguments=arguments, keywords=keywords, tall=tall):
            texts = [_line(argument) for argument in arguments]
            words = [(word, _line(argument)) for word, argument in keywords]
            if tall or None in texts or any(text is None for _, text in words):
                return None
            return f"{name}({', '.join([*map(str, texts), *(f'{word}={text}' for word, text in words)])})"
