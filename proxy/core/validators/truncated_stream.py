"""A stream that ended before its own last event, whatever its status line said."""

from collections.abc import Iterator

from proxy.core.validators._api import Material, Violation

name = "truncated_stream"


def check(given: Material) -> Iterator[Violation]:
    """One violation, with how far it came."""
    call, error = given.call, given.call.error
    if not call.streamed or call.complete or call.kind == "http":
        return
    if error is not None and error.embedded and error.type != "incomplete_stream":
        return  # it ended in an error, and said so
    how = str(given.exchange.end).replace("_", " ")
    frames = given.exchange.frames
    far = f"{len(frames)} messages" if frames else f"{len(given.response)} bytes"
    yield Violation("$", f"the stream ended before its last event, after {far} ({how})", "cut_off")
