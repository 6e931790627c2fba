"""An error inside an answer whose status line said success."""

from collections.abc import Iterator

from proxy.core.model import End
from proxy.core.validators._api import Material, Violation

name = "embedded_error"

_TOLD = ("incomplete_stream", "invalid_body")  # other validators say these better


def check(given: Material) -> Iterator[Violation]:
    """One violation, with the error's own words."""
    error, response = given.call.error, given.exchange.response
    if error is None or not error.embedded or error.type in _TOLD or response is None:
        return
    if given.exchange.end is End.REFUSED:
        return  # it is our own
    said = f"{error.type}: {error.message}"[:500]
    if given.exchange.frames:
        yield Violation("$", f"the socket was open, and a message on it says {said}", "error")
    else:
        place = "trailers say" if error.where == "trailers" else "body"
        yield Violation(
            "$", f"the status line says {response.status}, and the {place} {said}", "error"
        )
