"""Rows of the SQLite tables as values, and back."""

import json
from collections.abc import Sequence
from typing import Any

from proxy.core.model import (
    Body,
    End,
    Event,
    Exchange,
    Outcome,
    RequestHead,
    Run,
)
from proxy.errors import StoreError
from proxy.stores import jsontext, record, skeleton
from proxy.stores.blob_reader import BlobReader, Damaged
from proxy.stores.seals import Locked, RunSeal
from proxy.stores.skeleton import Opener
from proxy.stores.timestamps import float_or_none, from_text, text_or_none, to_text

RUN = "id, label, correlation_id, started_at, ended_at, outcome, failure_mode, metadata"
EVENT = "id, run_id, parent_event_id, kind, name, started_at, ended_at, status, data"
EXCHANGE = (
    "id, run_id, seq, event_id, started_at, via, lane, durability, method, scheme, host, port,"
    " target, status, ending, error, request_end_us, first_byte_us, ended_us, attempt, retry_of,"
    " retry_reason, backoff_us, served_from, request_size, response_size, record, digest"
)
EXCHANGE_COLUMNS = 28
OUTCOME = (
    "run_id, number, label, status, failure_mode, reason, retryable, user_impact, created_at,"
    " source, rule, evidence"
)

type Row = Sequence[Any]


def words(text: str | None) -> str | bytes | None:
    """Text for a column: as bytes where a peer's bytes were no UTF-8 (lone surrogates)."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def read_words(value: Any) -> Any:
    """What `words` was given."""
    return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def run_row(run: Run) -> Row:
    """In the order of RUN."""
    return (
        run.id,
        words(run.label),
        words(run.correlation_id),
        to_text(run.started_at),
        text_or_none(run.ended_at),
        run.outcome,
        run.failure_mode,
        jsontext.dumps(run.metadata),
    )


def read_run(row: Row) -> Run:
    """From the order of RUN."""
    return Run(
        row[0],
        read_words(row[1]),
        read_words(row[2]),
        from_text(row[3]),
        float_or_none(row[4]),
        row[5],
        row[6],
        jsontext.loads(row[7]),
    )


def event_row(event: Event, number: int, seal: RunSeal | None = None) -> Row:
    """In the order of EVENT."""
    data = event.data
    if seal is None:
        text = jsontext.dumps(data)
    else:
        text = skeleton.seal_data(data, seal, number, kind=event.kind)
    return (
        number,
        event.run_id,
        event.parent_event_id,
        event.kind,
        words(event.name),
        to_text(event.started_at),
        text_or_none(event.ended_at),
        event.status,
        text,
    )


def read_event(row: Row, opener: Opener) -> Event:
    """From the order of EVENT, and the column `shape`."""
    if row[9] == skeleton.SHAPE:
        data = skeleton.open_data(row[8], row[0], opener)
    else:
        data = jsontext.loads(row[8])
    return Event(
        id=row[0],
        run_id=row[1],
        parent_event_id=row[2],
        kind=row[3],
        name=read_words(row[4]),
        started_at=from_text(row[5]),
        ended_at=float_or_none(row[6]),
        status=row[7],
        data=data,
    )


def outcome_row(outcome: Outcome, number: int, seal: RunSeal | None = None) -> Row:
    """In the order of OUTCOME."""
    reason, impact = words(outcome.reason), words(outcome.user_impact)
    if seal is not None:
        reason = skeleton.seal_words(outcome.reason, seal, "reason")
        impact = skeleton.seal_words(outcome.user_impact, seal, "user_impact")
    return (
        outcome.run_id,
        number,
        words(outcome.label),
        outcome.status,
        outcome.failure_mode,
        reason,
        None if outcome.retryable is None else int(outcome.retryable),
        impact,
        to_text(outcome.created_at),
        outcome.source,
        outcome.rule,
        jsontext.dumps(outcome.evidence),
    )


def read_outcome(row: Row, opener: Opener) -> Outcome:
    """From the order of OUTCOME."""
    return Outcome(
        run_id=row[0],
        label=read_words(row[2]),
        status=row[3],
        failure_mode=row[4],
        reason=read_words(skeleton.open_words(row[5], "reason", opener)),
        retryable=None if row[6] is None else bool(row[6]),
        user_impact=read_words(skeleton.open_words(row[7], "user_impact", opener)),
        created_at=from_text(row[8]),
        source=row[9],
        rule=row[10],
        evidence=tuple(json.loads(row[11])),
    )


def exchange_columns(exchange: Exchange, seq: int, event_id: int) -> tuple[Any, ...]:
    """In the order of EXCHANGE, without its last two: `record` and `digest`."""
    request, response = exchange.request, exchange.response
    return (
        exchange.id,
        exchange.run_id,
        seq,
        event_id,
        to_text(exchange.started_at),
        exchange.via,
        exchange.lane,
        exchange.durability,
        words(request.method),
        request.scheme,
        words(request.host),
        request.port,
        words(request.target),
        None if response is None else response.status,
        exchange.end.value,
        words(exchange.error),
        exchange.request_end_us,
        exchange.first_byte_us,
        exchange.ended_us,
        exchange.attempt,
        exchange.retry_of,
        words(exchange.retry_reason),
        exchange.backoff_us,
        exchange.served_from,
        len(exchange.request_body.data),
        len(exchange.response_body.data),
    )


def columns_mark(columns: Sequence[Any]) -> bytes:
    """The columns as bytes, for the exchange's digest."""
    return ascii(columns).encode()  # the same in every version of Python, unlike repr


def read_exchange(row: Row, blobs: BlobReader) -> Exchange:
    """From the order of EXCHANGE, with its bodies.

    Raises Damaged when they are not what was stored, Locked when they are sealed with another key.
    """
    try:
        kept = record.decode(blobs.piece(row[26]))
        asked = blobs.join(kept.refs.request)
        answered = blobs.join(kept.refs.response)
        request_headers = record.apply(kept.refs.request_headers, blobs.piece)
        response_headers = record.apply(kept.refs.response_headers, blobs.piece)
        frames = record.frames(kept, blobs.join(kept.refs.frames))
    except Locked as error:
        raise Locked(f"exchange {row[0]}: {error.message}", hint=error.hint) from error
    except (ValueError, IndexError, StoreError) as error:
        what = error.message if isinstance(error, StoreError) else str(error)
        raise Damaged(
            f"exchange {row[0]} cannot be read: {what}",
            hint="`dashcam verify` says what else is damaged",
        ) from error
    if (len(asked), len(answered)) != (row[24], row[25]):
        raise Damaged(f"exchange {row[0]} has bodies of other lengths than were stored")
    target, failed = record.hidden(kept.extras, read_words(row[12]), read_words(row[15]))
    return Exchange(
        id=row[0],
        run_id=row[1],
        seq=row[2],
        via=row[5],
        started_at=from_text(row[4]),
        request=RequestHead(
            read_words(row[8]),
            row[9],
            read_words(row[10]),
            row[11],
            target,
            record.request_version(kept.extras),
            request_headers,
        ),
        request_body=Body(
            asked,
            kept.request_parts,
            kept.request_trailers,
            record.missing(kept.extras, "request"),
        ),
        response=record.response_head(row[13], kept.extras, response_headers),
        response_body=Body(
            answered,
            kept.response_parts,
            kept.response_trailers,
            record.missing(kept.extras, "response"),
        ),
        frames=frames,
        own=record.own(kept.extras),
        end=End(row[14]),
        error=failed,
        request_end_us=row[16],
        first_byte_us=row[17],
        ended_us=row[18],
        attempt=row[19],
        retry_of=row[20],
        retry_reason=read_words(row[21]),
        backoff_us=row[22],
        served_from=row[23],
        durability=row[7],
        lane=row[6],
        notes=tuple(kept.extras.get("notes", ())),
    )
