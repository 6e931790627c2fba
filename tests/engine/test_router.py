import pytest

from proxy.core.decisions import Address
from proxy.core.model import RequestHead
from proxy.engine.router import PROVIDERS, Router, Upstream, parse
from proxy.errors import ConfigError


def head(scheme: str, host: str, port: int) -> RequestHead:
    return RequestHead("GET", scheme, host, port, "/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.acme.test", Upstream("https", "api.acme.test", 443)),
        ("http://127.0.0.1:9000/v1/", Upstream("http", "127.0.0.1", 9000, "/v1")),
        ("http://[::1]:9000", Upstream("http", "::1", 9000)),
    ],
)
def test_an_upstream_url_is_taken_apart(url: str, expected: Upstream) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize("url", ["ftp://a", "https://", "api.acme.test", "http://a:99999"])
def test_an_upstream_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="upstream URL"):
        parse(url)


@pytest.mark.parametrize(
    ("upstreams", "asked", "dialled"),
    [
        ({}, head("https", "a.test", 443), Address("https", "a.test", 443, "a.test")),
        ({}, head("wss", "a.test", 443), Address("https", "a.test", 443, "a.test")),
        (
            {"a.test": "http://127.0.0.1:1234"},
            head("https", "A.test", 443),
            Address("http", "127.0.0.1", 1234, "A.test"),
        ),
        (
            {"a.test:8443": "https://127.0.0.1:1"},
            head("https", "a.test", 8443),
            Address("https", "127.0.0.1", 1, "a.test"),
        ),
        (
            {"a.test:8443": "https://127.0.0.1:1"},
            head("https", "a.test", 443),
            Address("https", "a.test", 443, "a.test"),
        ),
    ],
)
def test_a_mapped_host_is_dialled_where_it_is_mapped(
    upstreams: dict[str, str], asked: RequestHead, dialled: Address
) -> None:
    assert Router.of(upstreams).address(asked) == dialled


def test_the_gateway_knows_the_providers_and_the_users_own() -> None:
    router = Router.of({"mine": "https://llm.acme.test/v1"})
    assert set(PROVIDERS) | {"mine"} == set(router.named)
    assert router.named["mine"] == Upstream("https", "llm.acme.test", 443, "/v1")


def test_a_mapped_host_holds_for_its_gateway_name_too() -> None:
    router = Router.of({"api.openai.com": "https://127.0.0.1:9443"})
    assert router.named["openai"] == Upstream("https", "127.0.0.1", 9443)


@pytest.mark.parametrize(
    ("host", "port", "own"),
    [
        ("127.0.0.1", 8080, True),
        ("localhost", 8080, True),
        ("127.0.0.1", 81, False),
        ("a", 8080, False),
    ],
)
def test_dashcams_own_ports_are_known(host: str, port: int, *, own: bool) -> None:
    router = Router.of({})
    router.own_ports.add(8080)
    assert router.is_own(Address("http", host, port, host)) is own
