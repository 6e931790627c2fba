"""Report to Dashcam's API from a thread of our own, so that the agent neither waits nor fails."""

from __future__ import annotations

import atexit
import contextvars
import http.client
import logging
import os
import threading
import time
from collections import deque
from typing import NamedTuple
from urllib.parse import urlsplit

from .settings import Api

_log = logging.getLogger("dashcam")

CAPACITY = 1000
BATCH = 100
CONNECT = 2.0  # seconds: whoever is not there is not waited for
TIMEOUT = 15.0  # seconds: a Dashcam that is just being loaded answers late
AT_EXIT = 10.0
_SUCCESS = range(200, 300)


class Message(NamedTuple):
    """One POST. Neighbours that are `listable` and have one target are sent as one JSON list."""

    api: Api
    path: str
    body: str
    listable: bool = False


class Sender:
    """A bounded queue and the thread that empties it. What does not fit, or fails, is counted."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.flush, AT_EXIT)

    def _reset(self) -> None:
        """Start afresh; in a forked child the parent's messages are the parent's to send."""
        self._changed = threading.Condition()
        self._queue: deque[Message] = deque()
        self._sending = False
        self._lost = 0
        self._warned = False
        self._thread: threading.Thread | None = None

    def send(self, message: Message) -> None:
        """Queue `message`; drops it when the queue is full."""
        with self._changed:
            fits = len(self._queue) < self._capacity and self._running()
            if fits:
                self._queue.append(message)
                self._changed.notify_all()
        if not fits:
            self.lose("too many are waiting")

    def lose(self, reason: str, number: int = 1) -> None:
        """Count what could not be queued or sent; the first time is a warning."""
        with self._changed:
            self._lost += number
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
        # without the lock: a logging handler may be anything
        _log.log(level, "a report to Dashcam was lost: %s", reason)

    def flush(self, timeout: float = TIMEOUT) -> bool:
        """Wait until everything is sent. False when something was lost since the last time."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._queue or self._sending:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return False
            lost, self._lost = self._lost, 0
        return lost == 0

    def _running(self) -> bool:
        if self._thread is None:
            # an empty context: what is reported must not itself be taken for a call of the agent's
            work = contextvars.Context().run
            thread = threading.Thread(
                target=work, args=(self._work,), name="dashcam-sender", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:  # the interpreter is shutting down
                return False
            self._thread = thread
        return True

    def _work(self) -> None:
        connection = _Connection()
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                batch = [self._queue.popleft()]
                while self._queue and len(batch) < BATCH and _together(batch[0], self._queue[0]):
                    batch.append(self._queue.popleft())
                self._sending = True
            problem = connection.post(batch)
            if problem is not None:
                self.lose(problem, len(batch))
            with self._changed:
                self._sending = False
                if not self._queue:
                    connection.close()
                self._changed.notify_all()


def _together(first: Message, second: Message) -> bool:
    return first.listable and second.listable and first[:2] == second[:2]


class _Connection:
    """An HTTP connection to the API, never by way of a proxy; used by one thread."""

    def __init__(self) -> None:
        self._open: http.client.HTTPConnection | None = None
        self._to: tuple[str, str] | None = None

    def post(self, batch: list[Message]) -> str | None:
        """Send `batch` as one POST; returns what went wrong."""
        api, path, body, _ = batch[0]
        if len(batch) > 1:
            body = "[" + ",".join(message.body for message in batch) + "]"
        reused = self._open is not None
        try:
            try:
                return self._post(api, path, body)
            except (http.client.HTTPException, ConnectionError):
                if not reused:  # else the server may just have closed a connection that was idle
                    raise
                self.close()
                return self._post(api, path, body)
        except Exception as err:  # noqa: BLE001 - whatever it is, the agent must not notice
            self.close()
            return f"{api.url}{path}: {err!r}"

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _post(self, api: Api, path: str, body: str) -> str | None:
        parts = urlsplit(api.url)
        to = (parts.scheme, parts.netloc)
        if self._to != to:
            self.close()
        if self._open is None:
            kind = (
                http.client.HTTPSConnection
                if parts.scheme == "https"
                else http.client.HTTPConnection
            )
            self._open = kind(parts.hostname or "", parts.port, timeout=CONNECT)
            self._to = to
            self._open.connect()
            self._open.sock.settimeout(TIMEOUT)
        fields = {"Content-Type": "application/json"}
        if api.token:
            fields["Authorization"] = f"Bearer {api.token}"
        self._open.request("POST", parts.path + path, body.encode(), fields)
        answer = self._open.getresponse()
        said = answer.read().decode(errors="replace")
        if answer.status in _SUCCESS:
            return None
        return f"{api.url}{path}: {answer.status} {said[:200]}"
