"""Runs a command in the trust kit of a run, for `run` and `replay`."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from proxy.cli._serving import Serving
from proxy.core.model import Run
from proxy.engine.clock import wall
from proxy.engine.tasks import spawn
from proxy.launch import faketime
from proxy.launch.child import run_child
from proxy.launch.environment import child_environment
from proxy.launch.kit import temporary_kit
from proxy.stores._api import OpenRun

SIGNALLED = 128
_LOAD_AFTER = 0.5  # seconds

type Start = Callable[[Sequence[str], Mapping[str, str]], Awaitable[int]]


@dataclass(slots=True, frozen=True)
class Ended:
    """How the command ended."""

    exit_code: int

    @property
    def by(self) -> str:
        """exit, or signal."""
        return "signal" if self.exit_code > SIGNALLED else "exit"


@dataclass(slots=True, frozen=True)
class World:
    """What a replayed command is told of the recorded world.

    `values` are what `dashcam.value` returned then; `started_at` is when the recording began, for
    the command's clock, None for the true time.
    """

    values: Mapping[str, Sequence[Any]]
    started_at: float | None = None

    def environment(self, folder: Path, base: Mapping[str, str]) -> dict[str, str]:
        """Variables for the command beside `base`; what they name is written into `folder`."""
        file = folder / "world.json"
        file.write_text(json.dumps({"values": self.values}), "utf-8")
        told = {"DASHCAM_WORLD": str(file), "DASHCAM_REPLAYING": "1"}
        if self.started_at is not None:
            offset = self.started_at - wall()
            told["DASHCAM_CLOCK_OFFSET"] = f"{offset:.6f}"
            library = faketime.library(base.get("PATH"))
            told |= faketime.variables(base, library, offset) if library else {}
        return told


_TOLD = ("DASHCAM_WORLD", "DASHCAM_CLOCK_OFFSET", "DASHCAM_REPLAYING")


async def run_in(
    where: Serving,
    run: Run,
    argv: Sequence[str],
    *,
    loopback: bool,
    token: str,
    start: Start = run_child,
    world: World | None = None,
) -> Ended:
    """Runs `argv` with everything it calls going through `where`, and closes its run."""
    port = await where.ports.open(run.id)
    api = f"http://dashcam:{token}@127.0.0.1:{where.api_port}"
    loading = spawn(_load_soon(where), "loading the forward proxy")
    code = await in_kit(
        where.authority.cert_pem,
        run.id,
        argv,
        port=port,
        api=api,
        token=token,
        loopback=loopback,
        start=start,
        world=world,
        kept=where.authority.cert_path.parent,
    )
    loading.cancel()
    ended = Ended(code)
    run.metadata["exitCode"] = code
    engine = where.runtime.engine
    engine.writer.put(OpenRun(run))
    children = [live for live in engine.runs.live if live != run.id]
    for child in children:
        await engine.close_run(child, exit_code=code, ended_by=ended.by)
    await engine.close_run(run.id, exit_code=code, ended_by=ended.by)
    return ended


async def _load_soon(where: Serving) -> None:
    """While the command loads its own modules; one that is over at once calls nobody."""
    await asyncio.sleep(_LOAD_AFTER)
    await where.forward.load()


async def in_kit(
    ca_pem: bytes,
    run_id: str,
    argv: Sequence[str],
    *,
    port: int,
    api: str,
    token: str,
    loopback: bool,
    password: str = "x",  # noqa: S107 - what nobody asks for
    start: Start = run_child,
    world: World | None = None,
    kept: Path | None = None,
) -> int:
    """Runs `argv` with the run's listener as its proxy, by `password`; `start` says how.

    `kept` is a private folder for what need not be made anew each time.
    """
    with temporary_kit(ca_pem, os.environ, kept=kept) as kit:
        env = child_environment(
            os.environ,
            proxy=f"http://{run_id}:{quote(password, safe='')}@127.0.0.1:{port}",
            run_id=run_id,
            api=api,
            token=token,
            kit=kit,
            loopback=loopback,
        )
        for name in _TOLD:
            env.pop(name, None)  # an outer replay's
        if world is not None:
            env.update(world.environment(kit.folder, env))
        return await start(list(argv), env)


def new_token() -> str:
    """A token for one API of one process."""
    return secrets.token_urlsafe(32)


def metadata(meta: Sequence[str], argv: Sequence[str]) -> dict[str, Any]:
    """The run's metadata: what was asked for with --meta, and the command."""
    found: dict[str, Any] = dict(item.split("=", 1) for item in meta)
    return {**found, "command": list(argv)}


def say(*lines: str) -> None:
    """Lines on stderr: stdout is the command's."""
    for line in lines:
        print(f"dashcam: {line}", file=sys.stderr)
