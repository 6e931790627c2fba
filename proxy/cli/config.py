"""`dashcam config`: what holds, and where it came from."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click

from proxy.cli._common import Cli, subcommand
from proxy.cli._print import Column, put, put_json, table
from proxy.cli._source import shown
from proxy.config import SETTINGS, HostPort, Settings

PACES = {0.0: "instant", 1.0: "recorded"}


@subcommand()
@click.option("--toml", is_flag=True, help="Print a dashcam.toml to start from.")
def command(cli: Cli, *, toml: bool) -> None:
    """Show every setting and where it came from."""
    settings = cli.settings()
    if toml:
        print("\n".join(skeleton()))
    elif cli.json:
        put_json(
            {
                setting.name: {
                    "value": plain(settings, setting.name),
                    "source": settings.origins[setting.name].source,
                    "origin": str(settings.origins[setting.name]),
                }
                for setting in SETTINGS
            }
        )
    else:
        columns = (Column("setting"), Column("from"), Column("value"))
        rows = []
        for setting in SETTINGS:
            origin = settings.origins[setting.name]
            style = "dim" if origin.source == "default" else "bold"
            value = text(plain(settings, setting.name))
            rows.append([(setting.name, "bold"), (str(origin), style), (value, style)])
        put(table(columns, rows))


def plain(settings: Settings, name: str) -> Any:
    """A setting's value as it would be written, without passwords."""
    value = settings.value(name)
    if name in {"store", "upstream_proxy"} and value:
        return shown(value) if "@" in value else value
    if name == "client_certificates":
        return {
            host: ",".join(str(file) for file in files if file) for host, files in value.items()
        }
    if name == "pace":
        return PACES.get(value) or round(1 / value, 6)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and not isinstance(value, HostPort):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def text(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={url}" for name, url in value.items()) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)


def skeleton() -> Iterator[str]:
    """A settings file with every setting commented out at its default."""
    section = ""
    for setting in SETTINGS:
        inside, _, key = setting.name.rpartition(".")
        if inside != section:
            yield f"[{inside}]"
            section = inside
        yield from textwrap.wrap(setting.help, 96, initial_indent="# ", subsequent_indent="# ")
        yield f"# It takes {setting.kind.words}; in the environment: {setting.env}."
        yield f"# {key} = {_toml('PATH' if setting.default is None else setting.default)}"
        yield ""


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)  # TOML writes texts, numbers, switches and lists the same way
