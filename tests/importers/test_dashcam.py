from io import BytesIO

import pytest

from proxy.core import recording
from proxy.errors import RecordingFormatError
from proxy.importers import dashcam
from tests.exporters.sample import snapshot


def test_recognises() -> None:
    data = b"".join(recording.dump(snapshot()))
    assert dashcam.recognises(data[:100], "x")
    assert dashcam.recognises(b"", "x.dashcam.jsonl")
    assert not dashcam.recognises(b'{"log":{}}\n' + data[:100], "x.jsonl")


def test_loads_one_run() -> None:
    data = b"".join(recording.dump(snapshot()))
    assert dashcam.load(BytesIO(data), "x") == [snapshot()]
    with pytest.raises(RecordingFormatError, match="line 15: the file was cut off"):
        dashcam.load(BytesIO(data[:-400]), "x")
