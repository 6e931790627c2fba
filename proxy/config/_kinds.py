"""How the values of settings are written, and the readers that take them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, override
from urllib.parse import urlsplit

from proxy.core import expectations
from proxy.core.canonical import loads
from proxy.core.correlation import LATER, WITNESSES
from proxy.errors import ConfigError

_PORTS = 65535


class HostPort(NamedTuple):
    """Where to listen: a host (without brackets) and a port, 0 for any free one."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Kind(NamedTuple):
    """How a setting's values are written: in words for errors, and the reader.

    A reader takes what a flag, a variable or the file gave, and raises ValueError for what it
    cannot use. `items` says that the value is a list, which a variable separates by commas.
    """

    words: str
    read: Callable[[Any], Any]
    items: bool = False


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _whole(low: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError  # noqa: TRY004 - readers speak with ValueError
        number = int(value)
        if number < low:
            raise ValueError
        return number

    return read


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError  # noqa: TRY004 - readers speak with ValueError
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}[
        _text(value).lower()
    ]


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_text(value)).expanduser()


def _host_port(value: Any) -> HostPort:
    if isinstance(value, HostPort):
        return value
    text = str(value) if type(value) is int else _text(value)
    if text.isdecimal():
        text = f"127.0.0.1:{text}"
    parts = urlsplit(text if "://" in text else f"//{text}")  # a child's DASHCAM_API is a URL
    if parts.path.strip("/") or parts.query or parts.port is None:
        raise ValueError
    return HostPort(parts.hostname or "127.0.0.1", parts.port)


def _pace(value: Any) -> float:
    named = {"instant": 0.0, "recorded": 1.0}
    if isinstance(value, str) and value in named:
        return named[value]
    return 0.0 if value in {0, "0"} else 1 / _seconds(value)  # 2 is twice as fast


def one_of(*choices: str) -> Kind:
    """One of some words."""

    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return Kind(" or ".join(choices), read)


def list_of(words: str, reader: Callable[[Any], str] = _text) -> Kind:
    """A list, of what `reader` reads."""

    def read(value: Any) -> tuple[str, ...]:
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise ValueError  # noqa: TRY004 - readers speak with ValueError
        return tuple(reader(item) for item in value)

    return Kind(words, read, items=True)


def _witness(value: Any) -> str:
    if value not in (*WITNESSES, *LATER):
        raise ValueError
    return str(value)


def _rule(value: Any) -> str:
    from proxy.core.matching.rules import read, write  # noqa: PLC0415 - few have any; slow to import

    return write(read(_text(value)))


def _urls(value: Any) -> dict[str, str]:
    """A table `name = URL`, or a list of `NAME=URL`."""
    pairs = value.items() if isinstance(value, Mapping) else (item.split("=", 1) for item in value)
    found = {}
    for name, url in pairs:
        if urlsplit(_text(url)).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise ValueError
        found[_text(name)] = _text(url).rstrip("/")
    return found


def _proxy(value: Any) -> str:
    """A proxy's URL, or `direct`."""
    url = _text(value)
    if url == "direct":
        return url
    url = url if "://" in url else f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError
    return url


def _certificates(value: Any) -> dict[str, tuple[Path, Path | None]]:
    """A table `host = "CERT,KEY"`, or a list of `HOST=CERT` with `KEY` behind a comma."""
    if isinstance(value, Mapping):
        value = [f"{host}={files}" for host, files in value.items()]
    elif isinstance(value, str):
        raise ValueError  # noqa: TRY004 - readers speak with ValueError
    found: dict[str, tuple[Path, Path | None]] = {}
    for part in filter(None, ",".join(value).split(",")):
        host, equals, file = part.partition("=")
        if equals:
            found[_text(host)] = (_path(file), None)
        else:  # the key of the one before
            last, (certificate, _) = found.popitem()
            found[last] = (certificate, _path(part))
    return found


def _labels(value: Any) -> dict[str, dict[str, Any]]:
    """Tables by label; a schema may be the path of a JSON file."""
    tables = loads(value) if isinstance(value, str) else value
    found = {label: dict(table) for label, table in tables.items()}
    for table in found.values():
        if isinstance(schema := table.get("schema"), str):
            table["schema"] = loads(_path(schema).read_bytes())
    if wrong := expectations.problem(found):
        raise ConfigError(wrong)
    return found


def _prices(value: Any) -> dict[str, dict[str, float]]:
    tables = loads(value) if isinstance(value, str) else value
    found: dict[str, dict[str, float]] = {}
    for model, table in tables.items():
        if not table or not table.keys() <= {"input", "output", "cache_read", "cache_write"}:
            raise ValueError
        found[model] = {name: float(amount) for name, amount in table.items()}
        if not all(0 <= amount < float("inf") for amount in found[model].values()):
            raise ValueError
    return found


TEXT = Kind("text", _text)
PRICES = Kind(
    "tables of input, output, cache_read, cache_write by model, as JSON where it is one text",
    _prices,
)
LABELS = Kind("tables by label, as JSON where it is one text", _labels)
COUNT = Kind("a whole number from 1 up", _whole(1))
SECONDS = Kind("a number of seconds above 0", _seconds)
SWITCH = Kind("true or false", _switch)
PATH = Kind("a path", _path)
HOST_PORT = Kind("HOST:PORT or a port", _host_port)
PACE = Kind("instant, recorded, or a factor (2 is twice as fast)", _pace)
TEXTS = list_of("a list of texts")
IGNORE_RULES = list_of("a list of TARGET PATTERN or [STEP] TARGET PATTERN", _rule)
HOSTS = list_of("a list of host names, * stands for any part")
NAMED_URLS = Kind("a list of NAME=URL with http:// or https:// URLs", _urls, items=True)
PROXY = Kind("direct, or http://[USER:PASSWORD@]HOST:PORT (or https://)", _proxy)
CERTIFICATES = Kind(
    "a list of HOST=CERT.pem[,KEY.pem], * stands for any part of a host", _certificates, items=True
)
WITNESS_NAMES = list_of("a list of " + ", ".join((*WITNESSES, *LATER)), _witness)
