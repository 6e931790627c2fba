"""A stream that ended before its own last event, whatever its status line said."""

from collections.abc import Iterator

from proxy.core.validators._api import Material, Violation

name = "truncated_stream"


def check(given: Material) -> Iterator[Violation]:
    """One violation, with how far it came."""
    call = given.call
    if not call.streamed or call.complete or call.kind == "http":
        return
    how = str(given.exchange.end).replace("_", " ")
    message = f"the stream ended before its last event, after {len(given.response)} bytes ({how})"
    yield Violation("$", message, "cut_off")
