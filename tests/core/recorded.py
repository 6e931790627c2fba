"""Exchanges for tests: one by hand, and a strategy for any."""

from typing import Any

import orjson
from hypothesis import strategies as st

from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Frame,
    Headers,
    Outcome,
    Own,
    Part,
    RequestHead,
    ResponseHead,
    Run,
    Snapshot,
)

JSON: Headers = ((b"Content-Type", b"application/json"),)


def in_parts(data: bytes, *sizes: int) -> Body:
    """A body in pieces of these sizes, the rest last, a millisecond apart."""
    rest = len(data) - sum(sizes)
    pieces = [*sizes, rest] if rest else sizes
    return Body(data, tuple(Part(1000 * n, size) for n, size in enumerate(pieces, 1)))


def exchange(
    seq: int = 1,
    body: Any = None,
    answer: Any = None,
    *,
    method: str = "POST",
    url: tuple[str, str, int, str] = ("https", "api.openai.com", 443, "/v1/chat/completions"),
    status: int = 200,
    headers: Headers = JSON,
    run_id: str = "r1",
    **more: Any,
) -> Exchange:
    """A recorded call; bodies may be bytes or values."""
    sent, got = (
        value if isinstance(value, bytes) else b"" if value is None else orjson.dumps(value)
        for value in (body, answer)
    )
    length = (b"Content-Length", b"%d" % len(got))
    values: dict[str, Any] = {
        "id": f"{run_id}-{seq}",
        "run_id": run_id,
        "seq": seq,
        "via": "forward",
        "started_at": 1700000000.0 + seq,
        "request": RequestHead(method, *url, headers=headers),
        "request_body": in_parts(sent),
        "response": ResponseHead(status, "", headers=(*JSON, length)),
        "response_body": in_parts(got),
        "request_end_us": 500,
        "first_byte_us": 900,
        "ended_us": 5000,
    }
    return Exchange(**values | more)


def step(head: RequestHead, body: bytes) -> str:
    """A stand-in for the wire formats: method and path."""
    return f"{head.method} {head.path}"


_texts = st.text(max_size=20)
_maybe = st.none() | _texts
_tokens = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.", min_size=1, max_size=12)
_floats = st.floats(0, 4e9, allow_nan=False)
_micros = st.none() | st.integers(0, 1 << 40)
_headers = st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=12)), max_size=4).map(
    tuple
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
_objects = st.dictionaries(st.text(max_size=6), json_values, max_size=3)
_bytes = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")),
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 1 << 62) | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=8,
    ).map(orjson.dumps),
    # Bodies that look like the lines they are written into.
    st.sampled_from(
        (
            b'{"a":1,"request_body":{"bytes":3,"json":[1]},"response_body":{"bytes":2,"json":{}}}',
            b'{"escaped":"{}"}',
            b'{"end":{"lines":1}}',
            b"[1.0,1e5,-0.0,18446744073709551616]",
            b'{"a":1, "b":2}',
        )
    ),
)


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """Any body, in any pieces."""
    data = draw(_bytes)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    sizes = [b - a for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    parts = tuple(Part(draw(st.integers(0, 1 << 40)), size) for size in sizes)
    missing = draw(st.just(0) | st.integers(1, 1 << 40))
    return Body(data, parts if draw(st.booleans()) else (), draw(_headers), missing)


def _own() -> st.SearchStrategy[Own]:
    return st.builds(
        Own,
        run=_maybe,
        label=_maybe,
        group=_maybe,
        step=_maybe,
        parent=_maybe,
        replay=_maybe,
        meta=_objects,
    )


def exchanges(run_id: str = "r1") -> st.SearchStrategy[Exchange]:
    """Any exchange of a run."""
    return st.builds(
        Exchange,
        id=_tokens,
        run_id=st.just(run_id),
        seq=st.integers(0, 1 << 40),
        via=_tokens,
        started_at=_floats,
        request=st.builds(
            RequestHead,
            method=_tokens,
            scheme=_tokens,
            host=_texts,
            port=st.integers(0, 65535),
            target=_texts,
            http_version=_tokens,
            headers=_headers,
        ),
        request_body=bodies(),
        response=st.none()
        | st.builds(
            ResponseHead,
            status=st.integers(100, 999),
            reason=_texts,
            http_version=_tokens,
            headers=_headers,
        ),
        response_body=bodies(),
        frames=st.lists(
            st.builds(
                Frame,
                at_us=st.integers(0, 1 << 40),
                from_client=st.booleans(),
                opcode=st.sampled_from((1, 2, 8)),
                data=_bytes,
            ),
            max_size=3,
        ).map(tuple),
        own=_own(),
        end=st.sampled_from(End),
        error=_maybe,
        request_end_us=_micros,
        first_byte_us=_micros,
        ended_us=_micros,
        attempt=st.integers(1, 9),
        retry_of=_maybe,
        retry_reason=_maybe,
        backoff_us=_micros,
        served_from=_maybe,
        durability=_tokens,
        lane=_texts,
        notes=st.lists(_texts, max_size=2).map(tuple),
    )


def snapshots() -> st.SearchStrategy[Snapshot]:
    """Any run with everything in it, in the order in which a recording keeps it."""
    events = st.builds(
        Event,
        run_id=st.just("r1"),
        kind=_tokens,
        name=_texts,
        started_at=_floats,
        ended_at=st.none() | _floats,
        status=_tokens,
        data=_objects,
        id=st.none() | st.integers(0, 1 << 40),
        parent_event_id=st.none() | st.integers(0, 1 << 40),
    )
    outcomes = st.builds(
        Outcome,
        run_id=st.just("r1"),
        label=_texts,
        status=_tokens,
        failure_mode=_maybe,
        reason=_maybe,
        retryable=st.none() | st.booleans(),
        user_impact=_maybe,
        created_at=_floats,
        source=_tokens,
        rule=_maybe,
        evidence=st.lists(st.integers(0, 1 << 40), max_size=3).map(tuple),
    )
    runs = st.builds(
        Run,
        id=st.just("r1"),
        label=_texts,
        correlation_id=_texts,
        started_at=_floats,
        ended_at=st.none() | _floats,
        outcome=_maybe,
        failure_mode=_maybe,
        metadata=_objects.map(lambda data: {k: v for k, v in data.items() if k != "ignore"}),
    )
    return st.builds(
        Snapshot,
        run=runs,
        exchanges=st.lists(exchanges(), max_size=3).map(
            lambda found: sorted(found, key=lambda one: (one.seq, one.started_at, one.id))
        ),
        events=st.lists(events, max_size=3).map(
            lambda found: sorted(found, key=lambda one: (one.started_at, one.id or 0))
        ),
        outcomes=st.lists(outcomes, max_size=2).map(
            lambda found: sorted(found, key=lambda one: one.created_at)
        ),
    )
