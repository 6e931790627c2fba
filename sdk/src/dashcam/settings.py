"""Whether a Dashcam is in the way, and where its API listens."""

from __future__ import annotations

import os
from typing import NamedTuple


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
        token: What the API asks for, if it does.
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
    return Api(url.rstrip("/"), _Configured.token or os.environ.get("DASHCAM_TOKEN"))


def environment_run() -> str | None:
    """The run that this process was started in by `dashcam run`."""
    return os.environ.get("DASHCAM_RUN") or None
