import warnings
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.test import tflow, tutils

from proxy.core.model import End, Snapshot
from proxy.importers import load as load_any
from proxy.importers import mitm
from tests.importers.hostile import refused, survives

with warnings.catch_warnings():  # of a library that it builds its filters with
    warnings.simplefilter("ignore")
    from mitmproxy.io import FlowWriter


def written() -> bytes:
    """Flows by mitmproxy itself: an answer, an error, a WebSocket, and one of TCP."""
    file = BytesIO()
    writer = FlowWriter(file)  # type: ignore[no-untyped-call]
    answered = tflow.tflow(
        req=tutils.treq(
            method=b"POST",
            host="api.test",
            port=443,
            scheme=b"https",
            path=b"/x?a=1",
            content=b"{}",
        ),
        resp=tutils.tresp(status_code=201, content=b"made"),
    )
    for flow in (
        answered,
        tflow.tflow(err=tflow.terr("connection timed out")),
        tflow.twebsocketflow(),
        tflow.ttcpflow(),
    ):
        writer.add(flow)
    return file.getvalue()


FLOWS = written()


def load(data: bytes) -> Snapshot:
    (run,) = mitm.load(BytesIO(data), "flows.mitm")
    return run


def test_flows_are_calls() -> None:
    run = load(FLOWS)
    by_end = {one.end: one for one in run.exchanges if not one.frames}
    answered, failed = by_end[End.COMPLETE], by_end[End.UPSTREAM_TIMEOUT]
    assert (answered.request.method, answered.request.url) == ("POST", "https://api.test/x?a=1")
    assert answered.request.headers[0] == (b"header", b"qvalue")
    assert answered.request_body.data == b"{}"
    assert answered.response is not None
    assert (answered.response.status, answered.response_body.data) == (201, b"made")
    assert answered.started_at == 946681200
    assert (answered.first_byte_us, answered.ended_us) == (2_000_000, 3_000_000)
    assert failed.response is None
    assert failed.error == "connection timed out"
    (socket,) = [one for one in run.exchanges if one.frames]
    assert [(one.from_client, one.opcode, one.data) for one in socket.frames][:3] == [
        (True, 2, b"hello binary"),
        (True, 1, b"hello text"),
        (False, 1, b"it's me"),
    ]
    assert socket.frames[-1].opcode == 8
    assert "a flow is no HTTP (1)" in run.run.metadata["importNotes"]


def test_the_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(FLOWS)
    (run,) = load_any(path)
    assert run.run.metadata["importedFrom"] == "mitm"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (FLOWS[:-7], "cut off"),
        (b"x", "byte 0: no flows"),
        (b"5:hello?", "byte 7: no flows"),
        (b"9999999999999:a,", "no flows"),
        (b"3:1:a}", "cut off|no flows"),
        (b"1:x#", "no flows"),
    ],
)
def test_damaged_files(data: bytes, said: str) -> None:
    refused(mitm.load, data, said)


def test_deep_nesting_is_refused() -> None:
    data = b"0:~"
    for _ in range(100):
        data = b"%d:%s]" % (len(data), data)
    refused(mitm.load, data, "nested deeper")


@given(st.integers(0, len(FLOWS) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_nothing_crashes_it(at: int, new: bytes, gone: int) -> None:
    survives(mitm.load, FLOWS[:at] + new + FLOWS[at + gone :])
