"""`dashcam doctor`: can Dashcam work here, and what would be in its way?"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from proxy.cli._common import Cli, subcommand
from proxy.cli._patience import patiently
from proxy.cli._print import put, put_json
from proxy.cli._source import is_missing, shown
from proxy.cli._text import size
from proxy.config import HostPort, Settings
from proxy.errors import DashcamError

OK, WARN, FAIL = "ok", "warning", "failed"
STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}
LITTLE_SPACE = 1_000_000_000  # bytes
CLIENTS = ("curl", "node", "java", "go")


class Finding(NamedTuple):
    """What a check found: its name, how it stands, one sentence, and what to do about it."""

    check: str
    state: str
    what: str
    remedy: str | None = None


type Check = Callable[[Settings], Iterator[Finding]]


@subcommand()
def command(cli: Cli) -> int:
    """Check that Dashcam can work here.

    Looks at Python, the settings, the store, the disk, the certificate authority, the ports and the
    environment. Ends with 1 when something failed.
    """
    findings = list(examine(cli))
    if cli.json:
        put_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            head = (
                (f"{finding.check:<12} ", "bold"),
                (f"{finding.state:<8} ", STYLES[finding.state]),
            )
            put([[*head, (finding.what, "")]])
            if finding.remedy:
                put([[(f"{'':22}{finding.remedy}", "dim")]])
    return 1 if any(finding.state == FAIL for finding in findings) else 0


def examine(cli: Cli) -> Iterator[Finding]:
    """All checks; one that breaks is a finding, too."""
    yield Finding("python", OK, f"{sys.version.split()[0]} at {sys.executable}")
    try:
        settings = cli.settings()
    except DashcamError as error:
        yield Finding("settings", FAIL, error.message, error.hint)
        return
    changed = sum(origin.source != "default" for origin in settings.origins.values())
    yield Finding("settings", OK, f"{changed} of {len(settings.origins)} set; see `dashcam config`")
    for check in CHECKS:
        name = check.__name__.lstrip("_")
        try:
            yield from check(settings)
        except DashcamError as error:
            yield Finding(name, FAIL, error.message, error.hint)
        except OSError as error:
            yield Finding(name, FAIL, str(error))


def _store(settings: Settings) -> Iterator[Finding]:
    from proxy.stores import open_store

    where = shown(settings.store)
    if is_missing(settings.store):
        home = _existing(Path(where).absolute().parent)
        if os.access(home, os.W_OK):
            yield Finding("store", OK, f"will be made at {where}")
        else:
            yield Finding("store", FAIL, f"{home} may not be written to", "give another --store")
        return
    patiently(lambda: open_store(settings.store, create=False)).close()
    yield Finding("store", OK, f"opens: {where}")


def _disk(settings: Settings) -> Iterator[Finding]:
    if not settings.store.startswith("sqlite:"):
        return
    home = _existing(Path(shown(settings.store)).absolute().parent)
    free = shutil.disk_usage(home).free
    state = OK if free > LITTLE_SPACE else WARN
    remedy = None if state == OK else "`dashcam gc --older-than 30d` gives space back"
    yield Finding("disk", state, f"{size(free)} free at {home}", remedy)


def _ca(settings: Settings) -> Iterator[Finding]:
    from proxy.launch import authority

    if not (settings.ca_dir / authority.PEM_NAME).exists():
        yield Finding("ca", OK, f"will be made in {settings.ca_dir}")
        return
    facts = authority.facts(authority.load_or_create(settings.ca_dir))
    yield Finding("ca", OK, f"{facts.name}, valid until {facts.not_after:%Y-%m-%d}")


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, address in (("listen", settings.listen), ("api", settings.api)):
        error = _cannot_bind(address)
        if error is None:
            yield Finding(name, OK, f"{address} is free")
        elif _is_dashcam(settings.api):
            yield Finding(name, OK, f"{address} is in use, and a Dashcam answers at {settings.api}")
        else:
            remedy = (
                f"`dashcam up --{name} 127.0.0.1:0` takes a free one; `dashcam run` always does"
            )
            yield Finding(name, WARN, f"{address}: {error}", remedy)


def _environment(_settings: Settings) -> Iterator[Finding]:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        value = os.environ.get(name) or os.environ.get(name.lower())
        if value:
            yield Finding(
                "environment", WARN, f"{name} is set already", "`dashcam run` replaces it"
            )
    if "*" in (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""):
        nothing = "NO_PROXY covers every host: clients will go past the proxy"
        yield Finding("environment", WARN, nothing, "`dashcam run` replaces it for its command")
    found = [name for name in CLIENTS if shutil.which(name)]
    yield Finding("clients", OK, f"here: {', '.join(found) or 'none of ' + ', '.join(CLIENTS)}")


CHECKS: tuple[Check, ...] = (_store, _disk, _ca, _ports, _environment)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _cannot_bind(address: HostPort) -> str | None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            return error.strerror or str(error)
    return None


def _is_dashcam(address: HostPort) -> bool:
    """Whether our API answers there."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=1)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/api/v1/status")
        answer = connection.getresponse()
        with contextlib.suppress(ValueError):
            return isinstance(json.loads(answer.read(1_000_000)), dict)
    return False
