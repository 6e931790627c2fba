"""The exact matcher: method, URL, the headers that choose an answer, and the body byte for byte."""

from proxy.core.matching._api import Key, MatchRequest
from proxy.core.matching.headers import content_headers


def key(request: MatchRequest) -> Key:
    """Equal for requests whose decoded bodies are the same bytes; ignore rules do not apply.

    The body itself is part of the id: hashing it in a table is faster than any digest.
    """
    head = request.head
    chosen = tuple(sorted(content_headers(head.headers).items()))
    host = head.host.lower()
    return Key((head.method, head.scheme, host, head.port, head.target, chosen, request.body))
