"""Who asks: a page of another site, which has no business here, or somebody else.

Browsers say so themselves: https://fetch.spec.whatwg.org/#origin-header and
https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from proxy.core.http1 import Special
from proxy.launch.api_token import is_loopback

_OF_PAGES = frozenset({b"origin", b"sec-fetch-site"})
_WEB = frozenset({"http", "https"})


def is_admitted(special: Special) -> bool:
    """Whether a request for the gateway of this machine may pass: not if another site's page asks.

    A name that leads to this machine is no proof that it is this machine's (DNS rebinding), so what
    counts is the page's own address, whatever `Host` says. Extensions and desktop applications have
    schemes of their own, which no web page can have.
    """
    said = {name: value for name, value in special if name in _OF_PAGES}
    if not said:
        return True
    origin = said.get(b"origin")
    if origin is None:
        return said[b"sec-fetch-site"] != b"cross-site"
    scheme, _, place = origin.decode("latin-1").partition("://")
    return bool(place) and (scheme not in _WEB or is_here(place))


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site asks the API."""
    origin = headers.get("Origin")
    if origin is None:
        return headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
    place = origin.partition("://")[2]
    return place != headers.get("Host") and not is_here(place)


def is_here(place: str) -> bool:
    """Whether `host:port` can only mean this machine; for a page it is no name of its site."""
    try:
        host = urlsplit(f"//{place}").hostname or ""
    except ValueError:
        return False
    return is_loopback(host) or host.endswith(".localhost")  # RFC 6761, 6.3
