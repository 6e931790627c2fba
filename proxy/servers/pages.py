"""Who asks: a page of another site, which has no business here, or somebody else.

Browsers say so themselves: https://fetch.spec.whatwg.org/#origin-header and
https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header.
"""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from proxy.core.http1 import Special
from proxy.launch.api_token import is_loopback

_OF_PAGES = frozenset({b"origin", b"sec-fetch-site", b"host"})
# Nobody's on the web: RFC 6761, and what ICANN has reserved in 2024.
_INSIDE = (".localhost", ".internal", ".test")
_WEB = frozenset({"http", "https"})


def is_admitted(special: Special) -> bool:
    """Whether a request for the gateway of this machine may pass: not if another site's page asks.

    A name that leads to this machine is no proof that it is this machine's (DNS rebinding), so what
    counts is the page's own address, whatever `Host` says. Extensions and desktop applications have
    schemes of their own, which no web page can have. Of a GET to the page's own name browsers say
    neither, and nothing at all without TLS: then `Host` is the page's.
    """
    said = {name: value for name, value in special if name in _OF_PAGES}
    origin = said.get(b"origin")
    if origin is None:
        host = said.get(b"host", b"").decode("latin-1")
        return said.get(b"sec-fetch-site") != b"cross-site" and not _may_be_a_site(host)
    scheme, _, place = origin.decode("latin-1").partition("://")
    return bool(place) and (scheme not in _WEB or is_here(place))


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site asks the API."""
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
    place = origin.partition("://")[2]
    return place != headers.get("Host") and not is_here(place)


def _may_be_a_site(place: str) -> bool:
    """Whether anybody on the web can have this name: no address, and none of a network inside."""
    try:
        host = urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return True
    with suppress(ValueError):
        ip_address(host)
        return False
    return "." in host.rstrip(".") and not host.endswith(_INSIDE)


def is_here(place: str) -> bool:
    """Whether `host:port` can only mean this machine; for a page it is no name of its site."""
    try:
        host = urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return False
    return is_loopback(host) or host.endswith(".localhost")  # RFC 6761, 6.3
