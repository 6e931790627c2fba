"""What a client saw, in a form that can be compared: one line of JSON for each case.

A client under test calls `case` for everything that it does and prints as it goes.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any


def say(name: str, value: Any) -> None:
    """Prints one case."""
    sys.stdout.write(json.dumps({"case": name, "saw": value}, sort_keys=True) + "\n")
    sys.stdout.flush()


def case(name: str, action: Callable[..., Any], *arguments: Any) -> None:
    """Does something and prints what came of it, an exception included."""
    try:
        seen = action(*arguments)
    except Exception as error:  # noqa: BLE001 - the transcript is of whatever happens
        seen = failure(error)
    say(name, seen)


async def async_case(name: str, action: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
    """The same for a coroutine."""
    try:
        seen = await action(*arguments)
    except Exception as error:  # noqa: BLE001 - the transcript is of whatever happens
        seen = failure(error)
    say(name, seen)


def failure(error: BaseException) -> dict[str, Any]:
    """An exception: its class, its message, and what the SDKs put on it."""
    kind = type(error)
    seen: dict[str, Any] = {"raised": f"{kind.__module__}.{kind.__qualname__}"}
    seen["message"] = str(error)
    if error.__cause__ is not None:
        seen["cause"] = [type(error.__cause__).__qualname__, str(error.__cause__)]
    for name in ("status_code", "body", "request_id", "code", "type"):
        value = getattr(error, name, None)
        if value is not None and not inspect.isroutine(value):
            seen[name] = json.loads(json.dumps(value, default=str))
    return seen


def digest(data: bytes) -> dict[str, Any]:
    """Bytes: their length and SHA-256, and the text where it is short."""
    seen: dict[str, Any] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    if len(data) <= 400:
        seen["text"] = data.decode("latin-1")
    return seen


def pieces(parts: list[bytes]) -> dict[str, Any]:
    """A stream: the sizes of its pieces as they came, empty ones left out, and the bytes of all."""
    return {"sizes": [len(part) for part in parts if part], **digest(b"".join(parts))}


def pairs(headers: Any) -> list[list[str]]:
    """Headers in the order in which they came."""
    return [[str(name), str(value)] for name, value in headers]
