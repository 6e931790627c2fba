"""Progress of long work, on stderr and only for somebody who looks."""

import os
import sys
from collections.abc import Iterable, Iterator


def progress[T](items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Passes the items on; shows how far they are while the terminal is watched."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, description=what, total=total, console=console, transient=True)
