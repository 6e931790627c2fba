"""The peers: from which package each comes, and how it is started to pass on, record or replay.

Each has a folder of its own below the one that the user names. Nothing of them is kept here, and
one that could not be installed is said to be missing, not left out.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks._load import Target, free_port

type Mode = Literal["pass", "record", "replay"]
type Registry = Literal["npm", "PyPI"]


class At(NamedTuple):
    """Where a peer is installed, where it keeps its files, and whom it asks."""

    home: Path
    work: Path
    upstream: str
    mode: Mode


class Peer(NamedTuple):
    """A program to compare with; `saved` writes down what it has only in memory."""

    registry: Registry
    package: str
    needs: Sequence[str]
    start: Callable[[At], Target]
    extras: Sequence[str] = ()
    saved: Callable[[At], None] | None = None


def aimock(at: At) -> Target:
    port, fixtures = free_port(), at.work / "fixtures"
    fixtures.mkdir(parents=True, exist_ok=True)
    does = {"pass": ["--proxy-only"], "record": ["--record"], "replay": ["--strict"]}[at.mode]
    if at.mode != "replay":
        does += ["--provider-openai", at.upstream]
    command = ["node", str(at.home / "node_modules/.bin/llmock"), "-p", str(port), *does]
    return _target("aimock", at, [*command, "-f", str(fixtures), "--log-level", "silent"], port)


_TALKBACK = """
const talkback = require("talkback"), [host, port, path, mode] = process.argv.slice(1);
const record = talkback.Options.RecordMode[mode === "replay" ? "DISABLED" : "NEW"];
talkback({host, port: Number(port), path, record, silent: true, summary: false}).start();
"""


def talkback(at: At) -> Target:
    port, tapes = free_port(), at.work / "tapes"
    tapes.mkdir(parents=True, exist_ok=True)
    command = ["node", "-e", _TALKBACK, at.upstream, str(port), str(tapes), at.mode]
    env = {"NODE_PATH": str(at.home / "node_modules")}
    return _target("talkback", at, command, port)._replace(env=env)


def mountebank(at: At) -> Target:
    """Its imposter matches method, path and body; a replay has what `mb save` wrote of that."""
    saved, port = at.work / "saved.json", free_port()
    if at.mode == "replay":
        found = json.loads(saved.read_text("utf-8"))
        found["imposters"][0]["port"] = port
    else:
        matches = {"method": True, "path": True, "body": True}
        proxy = {"to": at.upstream, "mode": "proxyOnce"}
        stub = {"responses": [{"proxy": {**proxy, "predicateGenerators": [{"matches": matches}]}}]}
        imposter = {"port": port, "host": "127.0.0.1", "protocol": "http", "stubs": [stub]}
        found = {"imposters": [imposter]}
    at.work.mkdir(parents=True, exist_ok=True)
    config = at.work / "imposters.json"
    config.write_text(json.dumps(found), "utf-8")
    (at.work / "admin").write_text(admin := str(free_port()), "ascii")
    command = [str(at.home / "node_modules/.bin/mb"), "start", "--port", admin]
    command += ["--configfile", str(config), "--nologfile", "--loglevel", "error", "--localOnly"]
    return _target("mountebank", at, [*command, "--pidfile", str(at.work / "mb.pid")], port)


def _mountebank_saved(at: At) -> None:
    command = [str(at.home / "node_modules/.bin/mb"), "save", "--removeProxies"]
    command += ["--port", (at.work / "admin").read_text("ascii")]
    command += ["--savefile", str(at.work / "saved.json")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def wiremock(at: At) -> Target:
    port = free_port()
    (jar,) = (at.home / "node_modules/wiremock/build").glob("*.jar")
    command = ["java", "-jar", str(jar), "--port", str(port), "--bind-address", "127.0.0.1"]
    command += ["--root-dir", str(at.work)]
    if at.mode != "replay":
        command += ["--proxy-all", at.upstream]
    if at.mode == "record":
        command.append("--record-mappings")
    return _target("WireMock", at, command, port)


def portkey(at: At) -> Target:
    port = free_port()
    server = at.home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    to = ("-H", "x-portkey-provider: openai", "-H", f"x-portkey-custom-host: {at.upstream}/v1")
    target = _target("Portkey", at, ["node", str(server), f"--port={port}", "--headless"], port)
    return target._replace(options=[*target.options, *to])


def litellm(at: At) -> Target:
    port, config = free_port(), at.work / "litellm.json"
    at.work.mkdir(parents=True, exist_ok=True)
    to = {"model": "openai/gpt-5-mini", "api_base": f"{at.upstream}/v1", "api_key": "none"}
    listed = [{"model_name": "gpt-5-mini", "litellm_params": to}]
    config.write_text(json.dumps({"model_list": listed}), "utf-8")  # JSON is YAML
    command = [str(_python(at.home).parent / "litellm"), "--config", str(config)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    env = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it asks nobody for prices
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # loopback, made-up keys
    }
    return _target("LiteLLM", at, [*command, "--telemetry", "False"], port)._replace(env=env)


def _in_process(at: At) -> Target:
    raise SystemExit("VCR.py has no process of its own")


PEERS: dict[str, Peer] = {
    "aimock": Peer("npm", "@copilotkit/aimock", ("node",), aimock),
    "talkback": Peer("npm", "talkback", ("node",), talkback),
    "mountebank": Peer("npm", "mountebank", ("node",), mountebank, saved=_mountebank_saved),
    "WireMock": Peer("npm", "wiremock", ("java",), wiremock),
    "Portkey": Peer("npm", "@portkey-ai/gateway", ("node",), portkey),
    "LiteLLM": Peer("PyPI", "litellm", (), litellm, extras=("litellm[proxy]",)),
    "VCR.py": Peer("PyPI", "vcrpy", (), _in_process, extras=("httpx",)),
}


def version_of(name: str, folder: Path) -> str | None:
    """Which one is installed there; None for none that could run."""
    peer, home = PEERS[name], folder / name
    if not all(shutil.which(need) for need in peer.needs):
        return None
    if peer.registry == "npm":
        described = home / "node_modules" / peer.package / "package.json"
        return (
            str(json.loads(described.read_text("utf-8"))["version"])
            if described.is_file()
            else None
        )
    if not _python(home).is_file():
        return None
    asked = f"import importlib.metadata as m; print(m.version({peer.package!r}))"
    command = [str(_python(home)), "-c", asked]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip() if said.returncode == 0 else None


def install(name: str, folder: Path) -> str | None:
    """From its registry, into a folder of its own; returns why not."""
    peer, home = PEERS[name], folder / name
    home.mkdir(parents=True, exist_ok=True)
    if missing := [need for need in peer.needs if not shutil.which(need)]:
        return f"needs {', '.join(missing)}"
    if peer.registry == "npm":
        told = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        commands = [[*told, "--prefix", str(home), peer.package]]
    elif uv := os.environ.get("UV") or shutil.which("uv"):
        python, wanted = _python(home), (*peer.extras, peer.package)
        commands = [[uv, "venv", "--quiet", "--allow-existing", str(python.parent.parent)]]
        commands.append([uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
    else:
        python, wanted = _python(home), (*peer.extras, peer.package)
        commands = [[sys.executable, "-m", "venv", str(python.parent.parent)]]
        commands.append([str(python), "-m", "pip", "install", "--quiet", *wanted])
    for command in commands:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        if said.returncode:
            return (said.stderr.strip().splitlines() or ["it failed"])[-1]
    return None if version_of(name, folder) else "it was not there afterwards"


def python_of(name: str, folder: Path) -> Path:
    """The Python in which a peer from PyPI is installed."""
    return _python(folder / name)


def _python(home: Path) -> Path:
    return home / "venv" / "bin" / "python"


def _target(name: str, at: At, command: Sequence[str], port: int) -> Target:
    at.work.mkdir(parents=True, exist_ok=True)
    return Target(name, command, port, ["-a", f"127.0.0.1:{port}"])
