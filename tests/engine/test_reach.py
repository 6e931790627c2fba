import asyncio
import socket
from typing import Any

import pytest

from proxy.engine.reach import Reach

LISTED = Reach.of(["api.openai.com", "*.acme.test", "10.1.2.3"], ["127.0.0.1"])
PUBLIC = Reach.of(["*"], [])
INSIDE = (
    "169.254.169.254",
    "fe80::1",
    "fd00:ec2::254",
    "168.63.129.16",
    "127.0.0.1",
    "127.8.9.1",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "0.0.0.0",  # noqa: S104 - not bound
    "::",
    "224.0.0.1",
    "fe80::1%eth0",
)


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("api.openai.com", True),
        ("API.OpenAI.com.", True),
        ("crm.acme.test", True),
        ("acme.test.evil.test", False),
        ("evil-acme.test", False),
        ("127.0.0.1", True),  # the user has mapped something to it
        ("10.1.2.3", True),
        ("10.1.2.4", False),
        ("169.254.169.254", False),
        ("localhost", False),
        ("[::1]", False),
    ],
)
def test_only_what_is_listed_may_be_called(host: str, may: bool) -> None:
    assert (LISTED.barred(host) is None) is may


@pytest.mark.parametrize("address", [*INSIDE, "10.0.0.1", "192.168.1.1", "fc00::1", "100.64.0.1"])
def test_a_star_is_any_public_address(address: str) -> None:
    assert PUBLIC.barred(address) is not None
    assert not PUBLIC.permits("rebound.test", address)
    assert PUBLIC.barred("example.com") is None
    assert PUBLIC.permits("example.com", "93.184.216.34")


@pytest.mark.parametrize("address", INSIDE)
def test_no_listed_name_leads_inside(address: str) -> None:
    assert not LISTED.permits("crm.acme.test", address)
    assert LISTED.permits("crm.acme.test", "10.9.9.9")


@pytest.mark.parametrize(
    "spelled", ["127.1", "2130706433", "0x7f000001", "017700000001", "localhost"]
)
async def test_names_are_looked_at_once_they_are_resolved(
    spelled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    async def resolve(host: str, port: int, **_how: Any) -> Any:
        at = "93.184.216.34" if host == "example.com" else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (at, port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    PUBLIC.guard(loop)
    with pytest.raises(OSError, match="may not be called"):
        await asyncio.open_connection(spelled, 9)
    assert (await loop.getaddrinfo("example.com", 1))[0][4] == ("93.184.216.34", 1)
