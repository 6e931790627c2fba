"""The errors a user may see.

    DashcamError
    x ConfigError            unknown option, bad value                    exit 2
    x RecordingNotFound      no run or recording of that name             exit 1
    x RecordingFormatError   unknown version, broken line (with number)   exit 1
    x StoreError             the database said no
      x StoreUnavailable     locked, full, unreadable: may heal by itself
      x StoreMismatch        written by a newer program than this one
    x ListenError            a port is taken or may not be opened
    x FormatError            bytes that break their own protocol (the peer's fault)

A class exists only because somebody catches it. Outcomes and violations are data, not errors.
"""

from typing import ClassVar


class DashcamError(Exception):
    """Something a user may see: one line of what happened and, if known, what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(DashcamError):
    """A setting or an argument that cannot be used."""

    exit_code: ClassVar[int] = 2


class RecordingNotFound(DashcamError):  # noqa: N818 - the name says it
    """No run, exchange or recording goes by that name."""


class RecordingFormatError(DashcamError):
    """A recording file that is damaged, or newer than this program; names the line."""


class StoreError(DashcamError):
    """The store could not do what was asked."""


class StoreUnavailable(StoreError):  # noqa: N818 - the name says it
    """Locked, full or unreadable just now; the writer tries again."""


class StoreMismatch(StoreError):  # noqa: N818 - the name says it
    """The store was written by a newer program."""


class ListenError(DashcamError):
    """A port is taken, or may not be opened by this user."""


class FormatError(DashcamError):
    """Bytes from a peer that break their own protocol; becomes an outcome, never a crash."""
