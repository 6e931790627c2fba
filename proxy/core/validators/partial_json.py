"""A JSON answer that ends before it is whole, under a status that says success."""

from collections.abc import Iterator

from proxy.core import heads, loose
from proxy.core.validators._api import Material, Violation

name = "partial_json"

_ERROR = 400


def check(given: Material) -> Iterator[Violation]:
    """One violation, with the place where it ends."""
    response, body = given.exchange.response, given.response
    if response is None or response.status >= _ERROR or given.answered_in_json:
        return
    if not heads.is_json(heads.media_type(response.headers)):
        return
    if not body.strip():
        return
    parsed = loose.parse(body)
    if parsed.value is not None or "end of data" not in (parsed.note or ""):
        return
    end = body[-30:].decode("utf-8", "replace")
    yield Violation("$", f"the JSON ends after {len(body)} bytes, at {end!r}", "cut_off")
