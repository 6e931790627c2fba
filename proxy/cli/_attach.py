"""Records one command with a Dashcam that is already running, named by DASHCAM_API."""

import asyncio
import http.client
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from proxy.cli._child import Ended, in_kit, metadata, say
from proxy.errors import ConfigError, DashcamError


def attached(
    api: str,
    run_id: str | None,
    label: str | None,
    meta: Sequence[str],
    argv: Sequence[str],
    *,
    loopback: bool,
) -> int:
    """Runs `argv` through the Dashcam at `api`, as a run of its own."""
    client = _Client(api)
    asked = {
        "id": run_id,
        "label": label or "agent",
        "metadata": metadata(meta, argv),
        "listen": True,
    }
    opened = client.post("/runs", asked)
    run, port = str(opened["id"]), int(opened["proxyPort"])
    ca = str(opened["ca"]).encode()
    code = asyncio.run(
        in_kit(ca, run, argv, port=port, api=api, token=client.token, loopback=loopback)
    )
    closed = client.post(f"/runs/{run}/close", {"exitCode": Ended(code).exit_code})
    verdict = closed.get("failureMode") or closed.get("outcome") or "open"
    say(f"run {run} · {closed['label']}", f"{verdict}", f"look: dashcam show {run}")
    return code


class _Client:
    """Speaks to the API, past every proxy."""

    def __init__(self, api: str) -> None:
        parts = urlsplit(api)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ConfigError(f"DASHCAM_API {api!r} is not http://HOST:PORT")
        self._host, self._port = parts.hostname, parts.port
        self.token = unquote(parts.password or "")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Posts to /api/v1; raises DashcamError with what the API said."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            basic = b64encode(f"dashcam:{self.token}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            data = json.loads(answer.read())
        except (OSError, ValueError) as error:
            raise DashcamError(
                f"no Dashcam answers at {self._host}:{self._port}: {error}",
                hint="unset DASHCAM_API to record with a proxy of this command's own",
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:  # noqa: PLR2004 - HTTP
            raise DashcamError(str(data.get("error", {}).get("message", answer.reason)))
        return dict(data)
