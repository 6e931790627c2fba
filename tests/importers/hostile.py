"""What no importer may crash on: files cut off, changed, or of odd types all the way down."""

import contextlib
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO

import orjson
import pytest
from hypothesis import strategies as st

from proxy.core.model import Snapshot
from proxy.core.recording import dump
from proxy.errors import RecordingFormatError
from tests.core.recorded import json_values

type Load = Callable[[BinaryIO, str], list[Snapshot]]


def survives(load: Load, data: bytes) -> None:
    """Runs, which can be written, or one clear error; never anything else."""
    with contextlib.suppress(RecordingFormatError):
        for run in load(BytesIO(data), "x"):
            assert b"".join(dump(run))


@st.composite
def spoiled(draw: st.DrawFn, tree: Any) -> bytes:
    """The tree as JSON with one of its values replaced by any other."""
    value = orjson.loads(orjson.dumps(tree))
    at = value
    while isinstance(at, dict | list) and at:
        key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 4)) == 0:
            at[key] = draw(json_values)
            break
        at = at[key]
    return json.dumps(value).encode()


def refused(load: Load, data: bytes, said: str) -> None:
    """The file is refused with one line."""
    with pytest.raises(RecordingFormatError, match=said):
        load(BytesIO(data), "x")
