"""Speaks to the API of a running Dashcam, past every proxy."""

import http.client
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from proxy.errors import ConfigError, DashcamError
from proxy.launch.api_token import known


class ApiClient:
    """The Dashcam at `api` (`http://dashcam:TOKEN@HOST:PORT`, as in DASHCAM_API).

    A token that is not in the URL comes from DASHCAM_TOKEN, or on this machine from its file.

    `timeout` is in seconds, for each thing that is waited for.
    """

    def __init__(self, api: str, timeout: float = 30.0) -> None:
        parts = urlsplit(api)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ConfigError(f"DASHCAM_API {api!r} is not http://HOST:PORT")
        self._host, self._port = parts.hostname, parts.port
        self._timeout = timeout
        self.token = unquote(parts.password or "") or known(parts.hostname)

    def get(self, path: str) -> dict[str, Any]:
        """Asks for an object under /api/v1; raises DashcamError with what the API said."""
        return self._asked("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
        """Posts to /api/v1; raises DashcamError with what the API said."""
        return self._asked("POST", path, orjson.dumps(body))

    def _asked(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            basic = b64encode(f"dashcam:{self.token}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request(method, f"/api/v1{path}", body, headers)
            answer = connection.getresponse()
            data = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DashcamError(
                f"no Dashcam answers at {self._host}:{self._port}: {error}",
                hint="unset DASHCAM_API to record with a proxy of this command's own",
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:  # noqa: PLR2004 - HTTP
            raise DashcamError(str(data.get("error", {}).get("message", answer.reason)))
        return dict(data)
