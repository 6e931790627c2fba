"""What Dashcam logs, tracebacks included, without secrets.

An exception may repeat what a client or an upstream sent, and a service's stderr is kept for long.
So nothing is printed that has not been through a redactor.
"""

import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TextIO, override

type Redact = Callable[[str], str]

_FAILED = "(a log line could not be redacted and is left out)"


class _Formatter(logging.Formatter):
    """Message and traceback, without secrets."""

    def __init__(self, redact: Redact) -> None:
        super().__init__("%(message)s")
        self._redact = redact

    @override
    def format(self, record: logging.LogRecord) -> str:
        try:
            return self._redact(_Formatter._plain(record))
        except Exception:  # noqa: BLE001 - a log call must not fail, nor say what was not looked at
            return _FAILED

    @staticmethod
    def _plain(record: logging.LogRecord) -> str:
        # not by Formatter.format: that keeps the text of a traceback on the record for others
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return text


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what sys.stderr is when something is said."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def install(redact: Redact) -> Callable[[], None]:
    """Sends all logs, from WARNING up, to stderr by way of `redact`; returns what undoes it."""
    handler = _Stderr()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Formatter(redact))
    root = logging.getLogger()
    root.addHandler(handler)
    return lambda: root.removeHandler(handler)


def crashed(
    redact: Redact,
    kind: type[BaseException],
    error: BaseException,
    where: TracebackType | None,
) -> None:
    """For `sys.excepthook`: the traceback of what nobody caught, without secrets."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, where))))
