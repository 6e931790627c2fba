"""A body that is not what its content type says, or not what was asked for."""

from collections.abc import Iterator

from proxy.core import heads, loose
from proxy.core.model import End
from proxy.core.validators._api import Material, Violation

name = "content_type"

_ERROR = 400
_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")


def check(given: Material) -> Iterator[Violation]:
    """JSON that is none, on either side; a page where only JSON was asked for."""
    head = given.exchange.request
    is_json = heads.is_json(heads.media_type(head.headers))
    if is_json and not given.asked_in_json and _not_json(given.request):
        message = f"the request says that it is JSON, and is {_what(given.request)}"
        yield Violation("$", message, "content_type", "request", breaking=False)
    response = given.exchange.response
    if response is None or response.status >= _ERROR or given.exchange.end is not End.COMPLETE:
        return
    if given.answered_in_json:
        return
    media = heads.media_type(response.headers)
    if heads.is_json(media) and _not_json(given.response):
        message = f"the answer says that it is {media}, and is {_what(given.response)}"
        yield Violation("$", message, "content_type")
    elif _only_json(heads.value(head.headers, b"accept") or "") and _is_page(given.response):
        message = f"only JSON was asked for, and the answer is {_what(given.response)}"
        yield Violation("$", message, "content_type")


def _not_json(body: bytes) -> bool:
    """Whether it is something else altogether; what merely ends too early is not."""
    if not body.strip():
        return False
    parsed = loose.parse(body)
    note = parsed.note or ""
    return parsed.value is None and note.startswith("not JSON") and "end of data" not in note


def _only_json(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return bool(accept) and all(heads.is_json(kind) for kind in kinds)


def _is_page(body: bytes) -> bool:
    return body[:512].lstrip().lower().startswith(_PAGE)


def _what(body: bytes) -> str:
    if _is_page(body):
        return "a page of HTML or XML"
    start = body[:40]
    if start.lstrip().startswith((b"data:", b"event:")):
        return "an event stream"
    text = start.decode("utf-8", "replace")
    return f"something else: {text!r}" if text.isprintable() else f"{len(body)} bytes of binary"
