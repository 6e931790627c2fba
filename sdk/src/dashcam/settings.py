"""Whether a Dashcam is in the way, and where its API listens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_HERE = ("localhost", "127.0.0.1", "::1")


class Api(NamedTuple):
    """Where to report to: a URL without its final slash, and the token it asks for."""

    url: str
    token: str | None


class _Configured:
    """What `configure` was told; outweighs the environment."""

    url: str | None = None
    token: str | None = None


def configure(api: str | None = None, token: str | None = None) -> None:
    """Say where Dashcam's API listens, where `DASHCAM_API` and `DASHCAM_TOKEN` do not.

    Only do so when the agent's calls go through that Dashcam: from then on they carry `Dashcam-*`
    headers, which it takes out again. Without arguments: back to what the environment says.

    Args:
        api: Such as `http://127.0.0.1:8081`.
        token: What the API asks for; without it `DASHCAM_TOKEN`, and for a Dashcam on this machine
            the token in its home (`~/.dashcam/api-token`, or in `DASHCAM_HOME`).
    """
    _Configured.url = api
    _Configured.token = token


def in_the_way() -> bool:
    """Whether calls go through a Dashcam; if not, they must not carry our headers."""
    told = _Configured.url or os.environ.get("DASHCAM_API") or os.environ.get("DASHCAM_RUN")
    return bool(told)


def api() -> Api | None:
    """Where to report to, if anywhere."""
    url = _Configured.url or os.environ.get("DASHCAM_API")
    if not url:
        return None
    token = _Configured.token or os.environ.get("DASHCAM_TOKEN") or _own_token(url)
    return Api(url.rstrip("/"), token)


def _own_token(url: str) -> str | None:
    """The token of this machine's Dashcam, which no other machine is told."""
    try:
        if urlsplit(url).hostname not in _HERE:
            return None
        home = Path(os.environ.get("DASHCAM_HOME") or "~/.dashcam").expanduser()
        return (home / "api-token").read_text("ascii").strip() or None
    except (OSError, ValueError, RuntimeError):
        return None


def environment_run() -> str | None:
    """The run that this process was started in by `dashcam run`."""
    return os.environ.get("DASHCAM_RUN") or None
