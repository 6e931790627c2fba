"""The exact matcher: method, URL, the headers that choose an answer, and the body byte for byte."""

from proxy.core import canonical
from proxy.core.matching._api import Key, MatchRequest
from proxy.core.matching.headers import content_headers


def key(request: MatchRequest) -> Key:
    """Equal for requests whose decoded bodies are the same bytes; ignore rules do not apply."""
    head = request.head
    place = [head.method, head.host.lower(), head.port, head.target, content_headers(head.headers)]
    body = canonical.digest(request.body, "blake2b")
    return Key(canonical.digest(canonical.canonical([place, body]), "blake2b"))
