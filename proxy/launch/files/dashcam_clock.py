# ruff: noqa: INP001 - not a package: its folder is put on the PYTHONPATH of a replayed child
"""Hold the clock of a replayed Python process at the time of the recording.

`DASHCAM_CLOCK_OFFSET` is the number of seconds from now to then: the clock starts where the
recording did, and goes on from there. Changed are `time` (`time`, `time_ns`, and the functions that
take the current time when they are given none) and `datetime` (`now`, `utcnow`, `today`). Clocks
that only measure (`monotonic`, `perf_counter`) and certificates' dates are as they are.

Python 3.8 and later, standard library only.
"""

from __future__ import annotations

import datetime  # noqa: ICN001 - it is the module that is changed
import time
from collections.abc import Mapping
from typing import Any

_NS = 1_000_000_000
_UTC = datetime.timezone.utc  # noqa: UP017 - its name before Python 3.11


def install(env: Mapping[str, str]) -> None:
    """Shift the clock by what `env` says, once."""
    offset = float(env["DASHCAM_CLOCK_OFFSET"])
    if hasattr(time.time, "real") or ("FAKETIME" in env and _is_held()):
        return
    _patch_time(offset)
    _patch_datetime()


def _is_held() -> bool:
    """Whether libfaketime does the same below us."""
    try:
        with open("/proc/self/maps") as file:  # noqa: PTH123 - pathlib is not loaded yet
            return "libfaketime" in file.read()
    except OSError:
        return False


def _patch_time(offset: float) -> None:
    real, real_ns = time.time, time.time_ns
    shift_ns = round(offset * _NS)

    def now() -> float:
        return real() + offset

    def now_ns() -> int:
        return real_ns() + shift_ns

    now.real = real  # type: ignore[attr-defined]  # for who must know the true time
    _replace(time, "time", now)
    _replace(time, "time_ns", now_ns)
    for name in ("localtime", "gmtime", "ctime"):
        _replace(time, name, _with_now(getattr(time, name), now))
    localtime, asctime, strftime = time.localtime, time.asctime, time.strftime
    _replace(time, "asctime", lambda t=None: asctime(localtime() if t is None else t))
    _replace(time, "strftime", lambda form, t=None: strftime(form, localtime() if t is None else t))


def _with_now(original: Any, now: Any) -> Any:
    return lambda seconds=None: original(now() if seconds is None else seconds)


def _replace(owner: Any, name: str, made: Any) -> None:
    made.__name__ = made.__qualname__ = name
    setattr(owner, name, made)


def _patch_datetime() -> None:
    real_datetime: Any = datetime.datetime
    real_date: Any = datetime.date

    class Meta(type):
        # What C code and modules loaded before us have made is of the real types.
        def __instancecheck__(cls, one: Any) -> bool:  # type: ignore[explicit-override]  # Python 3.8
            real = _REAL.get(cls)
            return type.__instancecheck__(cls, one) if real is None else isinstance(one, real)

        def __subclasscheck__(cls, other: type) -> bool:  # type: ignore[explicit-override]  # Python 3.8
            real = _REAL.get(cls)
            return type.__subclasscheck__(cls, other) if real is None else issubclass(other, real)

    class Datetime(real_datetime, metaclass=Meta):  # type: ignore[misc]  # of what there is
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.fromtimestamp(time.time(), _UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

        def __repr__(self) -> str:  # type: ignore[explicit-override]  # Python 3.8
            return _named(self, real_datetime.__repr__(self))

    class Date(real_date, metaclass=Meta):  # type: ignore[misc]  # of what there is
        @classmethod
        def today(cls) -> Any:
            return cls.fromtimestamp(time.time())

        def __repr__(self) -> str:  # type: ignore[explicit-override]  # Python 3.8
            return _named(self, real_date.__repr__(self))

    _REAL.update({Datetime: real_datetime, Date: real_date})
    for made, real in ((Datetime, real_datetime), (Date, real_date)):
        made.__module__, made.__name__, made.__qualname__ = "datetime", real.__name__, real.__name__
        made.__doc__ = real.__doc__
        setattr(datetime, real.__name__, made)


def _named(one: Any, text: str) -> str:
    """What `repr` says, with the module's name, which it leaves out for classes made in Python."""
    return f"datetime.{text}" if type(one) in _REAL and "." not in text.partition("(")[0] else text


_REAL: dict[type, type] = {}
