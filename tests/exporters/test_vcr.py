from io import BytesIO

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from proxy.core.model import Run, Snapshot
from proxy.exporters import vcr
from proxy.importers import vcr as importer
from tests.core.recorded import exchange
from tests.exporters.sample import snapshot


def cassette(run: Snapshot) -> dict[str, object]:
    return YAML(typ="safe", pure=True).load(b"".join(vcr.export(run)))  # type: ignore[no-any-return]  # a cassette


def test_what_failed_on_the_wire_is_not_in_it() -> None:
    found = cassette(snapshot())["interactions"]
    assert isinstance(found, list)
    assert [one["request"]["uri"] for one in found] == [
        "https://api.openai.com/v1/chat/completions",
        "https://crm.example.com/find?q=a%20b&q=c&empty=",
        "https://api.openai.com/v1/chat/completions",
    ]
    assert found[0]["response"]["status"] == {"code": 200, "message": "OK"}
    assert found[1]["request"]["headers"]["X-Twice"] == ["1", "2"]
    assert found[2]["request"]["body"] == b"\x00\xff"


def test_decoded_bodies_have_their_own_length() -> None:
    import gzip

    from proxy.core.model import Body, ResponseHead

    packed = gzip.compress(b"x" * 99, mtime=0)
    headers = ((b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(packed)))
    call = exchange(1, response=ResponseHead(200, "", headers=headers), response_body=Body(packed))
    found = cassette(Snapshot(Run("r1", "L", "c", 1.0), [call]))["interactions"]
    assert isinstance(found, list)
    assert found[0]["response"]["headers"] == {"Content-Length": ["99"]}
    assert found[0]["response"]["body"] == {"string": "x" * 99}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(min_size=1, max_size=30), st.binary(max_size=30))
def test_any_text_and_any_bytes_come_back(text: str, data: bytes) -> None:
    sent = text.encode("utf-8", "replace")
    run = Snapshot(Run("r1", "L", "c", 1.0), [exchange(1, sent, data)])
    (again,) = importer.load(BytesIO(b"".join(vcr.export(run))), "x.yaml")
    (call,) = again.exchanges
    assert call.request_body.data == sent
    assert call.response_body.data == data
