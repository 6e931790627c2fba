"""The contract of an exporter: a run in, the pieces of a file out.

Output is deterministic. What the format cannot carry is left out; docs/recordings.md says what.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from proxy.core.model import Snapshot


class Exporter(NamedTuple):
    """One format: the file's suffix, dot included, and the function that writes it."""

    suffix: str
    export: Callable[[Snapshot], Iterator[bytes]]
