"""Output: styled on a terminal, plain text when piped. Everything is cleaned on its way out."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from proxy.cli._text import clean, clean_json, width

type Span = tuple[str, str]  # text, and a style of rich's
type Line = Sequence[Span]


class Column(NamedTuple):
    """A column of a table; numbers go to the right."""

    title: str
    right: bool = False


def on_terminal() -> bool:
    """Whether somebody looks at stdout."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def put(lines: Iterable[Line], *, fit: bool = False) -> None:
    """Prints lines. On a terminal, `fit` cuts what is too wide for it; a pipe gets everything."""
    if not on_terminal():
        for line in lines:
            print("".join(clean(text) for text, _ in line).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        text = Text.assemble(*((clean(text), style) for text, style in line))
        if fit:
            console.print(text, no_wrap=True, overflow="ellipsis", crop=True)
        else:
            console.print(text, soft_wrap=True)


def put_json(value: Any) -> None:
    """Prints a JSON document."""
    print(clean_json(json.dumps(value, ensure_ascii=False, indent=2)))


def put_json_line(value: Any) -> None:
    """Prints a JSON document on one line, at once."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    print(clean_json(text), flush=True)


def note(text: str) -> None:
    """A line for the person at the terminal, on stderr."""
    print(clean(text), file=sys.stderr)


def table(columns: Sequence[Column], rows: Iterable[Sequence[Span]]) -> Iterator[Line]:
    """A header and the rows, aligned; two spaces between columns."""
    head: list[Span] = [(column.title, "dim") for column in columns]
    cells = [head, *([(clean(text), style) for text, style in row] for row in rows)]
    widths = [max(width(row[at][0]) for row in cells) for at in range(len(columns))]
    for row in cells:
        line: list[Span] = []
        for at, (text, style) in enumerate(row):
            gap = " " * (widths[at] - width(text))
            last = at == len(columns) - 1
            padded = gap + text if columns[at].right else text if last else text + gap
            line += [(padded, style), ("" if last else "  ", "")]
        yield line
