"""Every way in which an upstream can fail: one finished record each, that says what happened."""

import ssl
from typing import NamedTuple

import httpx
import pytest

from tests.upstream.dashcam import TIMEOUT, Dashcam, Service
from tests.upstream.server import Upstream


class Fault(NamedTuple):
    """What is asked for, how the record must have ended, and how many body bytes it must keep."""

    target: str
    end: str
    status: int | None
    kept: int | None = None
    host: str = "upstream.test"


FAULTS = (
    Fault("/fixed", "complete", 200, 100),
    Fault("/until-close?size=1000", "complete", 200, 1000),
    Fault("/empty?status=204", "complete", 204, 0),
    Fault("/trailers", "complete", 200, 18),
    Fault("/informational", "complete", 200, 5),
    Fault("/short?declared=100&sent=40", "upstream_truncated", 200),
    Fault("/cut?after=3", "upstream_truncated", 200, 30),
    Fault("/eof-mid-chunk", "upstream_truncated", 200),
    Fault("/bad-chunk", "upstream_invalid", 200),
    Fault("/reset?after=-1", "upstream_reset", None),
    Fault("/reset?after=2", "upstream_reset", 200),
    Fault("/fixed", "upstream_tls", None, host="expired.test"),
    Fault("/fixed", "upstream_tls", None, host="wrong-host.test"),
    Fault("/fixed", "upstream_tls", None, host="self-signed.test"),
    Fault("/fixed", "upstream_refused", None, host="nobody.test"),
)


@pytest.fixture
def faulty(dashcam: Dashcam, upstream: Upstream) -> Dashcam:
    """The usual upstream over HTTP/1, those with bad certificates, and one where nobody is."""
    ports = ("expired", "wrong_host", "self_signed")
    bad = [upstream.mapping(f"{port.replace('_', '-')}.test", port=port) for port in ports]
    good = upstream.mapping("upstream.test", port="https1")
    dashcam.env["DASHCAM_UPSTREAM"] = ",".join([good, *bad, "nobody.test=https://127.0.0.1:1"])
    return dashcam


def test_each_fault_leaves_one_record_that_says_so(faulty: Dashcam) -> None:
    trust = ssl.create_default_context(cafile=faulty("ca", "path").out.strip())
    with faulty.up() as service:
        for number, fault in enumerate(FAULTS):
            ask(service, trust, fault, number)
        service.stop()
    calls = {call["url"]: call for call in faulty.calls("faults")}
    seen = {
        url.partition("number=")[2]: (call["end"], call["statusCode"], call["responseBytes"])
        for url, call in calls.items()
    }
    wanted = {
        str(number): (
            fault.end,
            fault.status,
            seen[str(number)][2] if fault.kept is None else fault.kept,
        )
        for number, fault in enumerate(FAULTS)
    }
    assert seen == wanted
    assert len(faulty.calls("faults")) == len(FAULTS)


def ask(service: Service, trust: ssl.SSLContext, fault: Fault, number: int) -> None:
    """One call; what the client gets is whatever it is, and is looked at elsewhere."""
    joint = "&" if "?" in fault.target else "?"
    proxy = service.proxy.replace("://", "://faults:x@")
    with httpx.Client(proxy=proxy, verify=trust, trust_env=False, timeout=TIMEOUT) as client:
        try:
            answer = client.get(f"https://{fault.host}{fault.target}{joint}number={number}")
        except httpx.HTTPError:
            assert fault.end != "complete"
        else:
            failed = answer.status_code == httpx.codes.BAD_GATEWAY
            assert failed == (fault.status is None) or fault.end != "complete"


def test_a_client_that_leaves_in_a_stream(dashcam: Dashcam, upstream: Upstream) -> None:
    trust = ssl.create_default_context(cafile=dashcam("ca", "path").out.strip())
    with dashcam.up() as service:
        proxy = service.proxy.replace("://", "://gone:x@")
        with (
            httpx.Client(proxy=proxy, verify=trust, trust_env=False, timeout=TIMEOUT) as client,
            client.stream("GET", "https://upstream.test/hang?gate=never") as answer,
        ):
            assert next(answer.iter_raw()) == b"first\n"
        service.stop()
    (call,) = dashcam.calls("gone")
    assert (call["end"], call["responseBytes"]) == ("client_gone", 6)
    assert [seen.ended for seen in upstream.world.seen] != ["done"]
