"""What an agent tells Dashcam beside its calls: how a run ended, what it retrieved, what it knew.

Everything is sent later, from a thread of our own. Nothing here raises; what could not be reported
is counted, and `flush` says so. Without a Dashcam nothing is sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Union
from urllib.parse import quote

from . import scopes, settings
from .sender import TIMEOUT, Message, Sender

if TYPE_CHECKING:
    from .contexts import Run

Verdict = Literal[
    "Completed", "Failed", "Tool Error", "Bad Decision", "Bad Output", "Timeout", "Cost Blowup"
]
RunOrId = Union["Run", str]

_STATUSES = ("Completed", "Failed")
_FAILURE_MODES = ("Tool Error", "Bad Decision", "Bad Output", "Timeout", "Cost Blowup")
_KINDS = {name.lower(): name for name in (*_STATUSES, *_FAILURE_MODES)}

_sender = Sender()


def outcome(
    status: Verdict,
    reason: str | None = None,
    retryable: bool | None = None,
    user_impact: str | None = None,
    run: RunOrId | None = None,
) -> None:
    """Say how a run ended; this outweighs what Dashcam would have concluded by itself.

    Args:
        status: `Completed` or `Failed`, or the failure mode, which means `Failed`.
        reason: One line for whoever is on call.
        retryable: Whether the same run may succeed when tried again; None: not known.
        user_impact: What the user saw of it.
        run: The run or its id; the one around this call when left out.
    """
    kind = _KINDS.get(str(status).replace("_", " ").lower())
    if kind is None:
        known = ", ".join((*_STATUSES, *_FAILURE_MODES))
        _sender.lose(f"{status!r} is no outcome; there are {known}")
        return
    body = {
        "status": kind if kind in _STATUSES else "Failed",
        "failureMode": kind if kind in _FAILURE_MODES else None,
        "reason": reason,
        "retryable": retryable,
        "userImpact": user_impact,
    }
    run_id = _run_id(run)
    if run_id is not None:
        _post(f"/runs/{quote(run_id, safe='')}/outcome", body)


def event(
    kind: str,
    name: str,
    *,
    status: Literal["ok", "error"] = "ok",
    started_at: float | None = None,
    ended_at: float | None = None,
    data: Mapping[str, Any] | None = None,
    run: RunOrId | None = None,
) -> None:
    """Put a row of your own on the run's timeline, for what does not go over HTTP.

    Args:
        kind: `tool_call`, `retrieval`, `state`, `validation`, `guard` or `llm_call`.
        name: What it was.
        status: Whether it went well.
        started_at: Unix seconds; now when left out.
        ended_at: Unix seconds; None: it has no duration.
        data: Anything JSON can hold; what it cannot is written as text.
        run: The run or its id; the one around this call when left out.
    """
    scope = scopes.current()
    place = {} if scope is None else {"group": "/".join(scope.groups) or None, "step": scope.step}
    known = {key: value for key, value in place.items() if value is not None}
    run_id = _run_id(run)
    if run_id is None:
        return
    body = {
        "runId": run_id,
        "kind": kind,
        "name": name,
        "status": status,
        "startedAt": _now() if started_at is None else started_at,
        "endedAt": ended_at,
        "data": {**known, **(data or {})},
    }
    _post("/events", body, listable=True)


def _now() -> float:
    """The true time: in a replay that holds the clock, `time.time` is the recording's."""
    clock: Callable[[], float] = getattr(time.time, "real", time.time)
    return clock()


def retrieval(
    query: str,
    results: Iterable[Any],
    *,
    name: str = "retrieval",
    top_k: int | None = None,
    filter: Any = None,  # noqa: A002 - its name in the API
    started_at: float | None = None,
    run: RunOrId | None = None,
) -> None:
    """Record a retrieval that did not go over HTTP, with exactly what it returned.

    Args:
        query: What was searched for.
        results: Texts, mappings or objects, also paired with a score as in `(document, 0.8)`. Of
            mappings and objects `id`, `score`, `text` (`content`, `page_content`), `chunk_id` and
            `metadata` are kept.
        name: The index or the store.
        top_k: How many were asked for.
        filter: What else narrowed the search.
        started_at: Unix seconds, when it took time worth showing.
        run: The run or its id; the one around this call when left out.
    """
    try:
        documents = [_document(result) for result in results]
    except Exception as err:  # noqa: BLE001 - an odd result type is no reason to fail the agent
        _sender.lose(f"the results of {name} cannot be read: {err!r}")
        return
    data = {"query": query, "topK": top_k, "filter": filter, "documents": documents}
    ended_at = None if started_at is None else time.time()
    event("retrieval", name, started_at=started_at, ended_at=ended_at, data=data, run=run)


def flush(timeout: float = TIMEOUT) -> bool:
    """Wait until everything is reported, for at most `timeout` seconds.

    Returns:
        False when that took too long, or when something was lost since the last call.
    """
    return _sender.flush(timeout)


def open_run(run_id: str, label: str, meta: Mapping[str, Any], parent: str | None) -> None:
    """Tell of a run before its first call."""
    _post("/runs", {"id": run_id, "label": label, "metadata": meta, "parent": parent})


def close_run(run_id: str) -> None:
    """Tell that a run is over."""
    _post(f"/runs/{quote(run_id, safe='')}/close", {})


_ALIASES = {
    "id": ("id", "document_id", "doc_id"),
    "score": ("score", "similarity"),
    "text": ("text", "content", "page_content"),
    "chunkId": ("chunk_id", "chunkId"),
    "metadata": ("metadata",),
}


def _document(result: Any) -> dict[str, Any]:
    """One result in the shape of Dashcam's own documents; what is unknown is left out."""
    if isinstance(result, str):
        return {"text": result}
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], (int, float)):  # noqa: PLR2004 - a pair
        return {**_document(result[0]), "score": result[1]}
    found: dict[str, Any] = {}
    for key, names in _ALIASES.items():
        for name in names:
            is_map = isinstance(result, Mapping)
            value = result.get(name) if is_map else getattr(result, name, None)
            if value is not None:
                found[key] = value
                break
    return found


def _run_id(run: RunOrId | None) -> str | None:
    if run is not None:
        return run if isinstance(run, str) else run.id
    found = scopes.current_run()
    if found is None and settings.api() is not None:
        _sender.lose("it was made outside of every run")
    return found


def _post(path: str, body: Mapping[str, Any], *, listable: bool = False) -> None:
    api = settings.api()
    if api is None:
        return
    try:
        text = _json(body)
    except Exception as err:  # noqa: BLE001 - such as a value that holds itself
        _sender.lose(f"{path} cannot be written as JSON: {err!r}")
        return
    _sender.send(Message(api, f"/api/v1{path}", text, listable))


def _json(body: Mapping[str, Any]) -> str:
    """JSON in the strict sense: numbers that it does not have become text, keys too."""
    try:
        return json.dumps(body, allow_nan=False, default=str)
    except ValueError:
        loose = json.dumps(body, default=str)
        return json.dumps(json.loads(loose, parse_constant=str))
