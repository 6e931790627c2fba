"""A run as one HTML page without scripts, links or anything to load.

Everything recorded is untrusted: it is escaped, and a content security policy allows nothing but
the page's own style sheet, by its hash.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Final

from proxy.core.model import Event, Exchange, Headers, Snapshot
from proxy.core.outcomes import iso
from proxy.exporters import _views

MAX_BODY: Final = 400_000  # characters of one body

_STYLE: Final = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}
td,th{text-align:left;padding:.15rem 1rem .15rem 0;vertical-align:top}
details{border:1px solid #8886;border-radius:6px;margin:.4rem 0;padding:.3rem .8rem}
summary{cursor:pointer;display:flex;gap:1rem}
summary b{flex:1;overflow-wrap:anywhere}
.error>summary{color:#c22}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:.6rem;border-radius:4px;
max-height:40rem;overflow:auto}
.client{border-left:3px solid #28c}
.server{border-left:3px solid #2a6}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
)


def export(snapshot: Snapshot) -> Iterator[bytes]:
    """The page, a call at a time."""
    yield from (piece.encode("utf-8", "replace") for piece in _pieces(snapshot))


def _pieces(snapshot: Snapshot) -> Iterator[str]:
    title = escape(f"{snapshot.run.label} · {snapshot.run.id}")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(snapshot.run.label)}</h1>\n<table>\n"
    )
    for name, value in _views.facts(snapshot):
        yield f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>\n"
    yield "</table>\n<h2>Calls</h2>\n"
    for exchange, event in _views.calls(snapshot):
        yield from _call(exchange, event)
    yield "</body>\n</html>\n"


def _call(exchange: Exchange, event: Event | None) -> Iterator[str]:
    failed = _views.failed(exchange, event)
    attempt = f" (attempt {exchange.attempt})" if exchange.attempt > 1 else ""
    yield (
        f'<details class="{"error" if failed else "ok"}"><summary>{exchange.seq} '
        f"<b>{escape(_views.headline(exchange, event) + attempt)}</b> "
        f"<span>{escape(_views.status(exchange))}</span> "
        f"<span>{_views.duration(exchange.ended_us)}</span></summary>\n"
        f"<p>{escape(exchange.request.method)} {escape(exchange.request.url)}<br>"
        f"{iso(exchange.started_at)}, first byte {_views.duration(exchange.first_byte_us)}</p>\n"
    )
    error = (event.data.get("error") if event is not None else None) or exchange.error
    if failed and error:
        yield f"<p><strong>{escape(str(error))}</strong></p>\n"
    yield from _side("Request", exchange.request.headers, _views.request_body(exchange))
    if exchange.response is not None:
        yield from _side("Response", exchange.response.headers, _views.response_body(exchange))
    for frame in exchange.frames:
        side = "client" if frame.from_client else "server"
        text = escape(_views.pretty(frame.data, MAX_BODY))
        yield f'<pre class="{side}">{_views.duration(frame.at_us)} {side}\n{text}</pre>\n'
    yield "</details>\n"


def _side(title: str, headers: Headers, body: bytes) -> Iterator[str]:
    yield f"<h3>{title}</h3>\n<details><summary>{len(headers)} headers</summary><pre>"
    for name, value in headers:
        yield escape(f"{name.decode('latin-1')}: {value.decode('latin-1')}\n")
    yield "</pre></details>\n"
    if body:
        yield f"<pre>{escape(_views.pretty(body, MAX_BODY))}</pre>\n"
