"""Records one command with a Dashcam that is already running, named by DASHCAM_API."""

import asyncio
from collections.abc import Sequence

from proxy.cli._child import Ended, in_kit, metadata, say
from proxy.launch.api_client import ApiClient


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
    client = ApiClient(api)
    asked = {
        "id": run_id,
        "label": label or "agent",
        "metadata": metadata(meta, argv),
        "listen": True,
    }
    opened = client.post("/runs", asked)
    run, port = str(opened["id"]), int(opened["proxyPort"])
    ca = str(opened["ca"]).encode()
    password = client.token or "x"  # a proxy that others can reach asks for it
    code = asyncio.run(
        in_kit(
            ca,
            run,
            argv,
            port=port,
            api=api,
            token=client.token,
            loopback=loopback,
            password=password,
        )
    )
    closed = client.post(f"/runs/{run}/close", {"exitCode": Ended(code).exit_code})
    verdict = closed.get("failureMode") or closed.get("outcome") or "open"
    say(f"run {run} · {closed['label']}", f"{verdict}", f"look: dashcam show {run}")
    return code
