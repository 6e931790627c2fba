"""One table of settings, read from flags, then `DASHCAM_*`, then dashcam.toml, then defaults.

In the file, a name with a dot is a key in a table: `redaction.pii` is `pii` in `[redaction]`. In
an environment variable, a list is separated by commas. Paths and the store's URL are relative to
the current folder, `~` is the home folder.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, override
from urllib.parse import urlsplit

from proxy.core import expectations
from proxy.core.canonical import loads
from proxy.core.correlation import LATER, WITNESSES
from proxy.errors import ConfigError

FILE = "dashcam.toml"
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


class Origin(NamedTuple):
    """Where a value came from: flag, env, file or default; `detail` names the variable or file."""

    source: str
    detail: str = ""

    @override
    def __str__(self) -> str:
        return self.detail or self.source


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


def _one_of(*choices: str) -> Kind:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return Kind(" or ".join(choices), read)


def _list_of(words: str, reader: Callable[[Any], str] = _text) -> Kind:
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
TEXTS = _list_of("a list of texts")
IGNORE_RULES = _list_of("a list of TARGET PATTERN or [STEP] TARGET PATTERN", _rule)
HOSTS = _list_of("a list of host names, * stands for any part")
NAMED_URLS = Kind("a list of NAME=URL with http:// or https:// URLs", _urls, items=True)


PROXY = Kind("direct, or http://[USER:PASSWORD@]HOST:PORT (or https://)", _proxy)
CERTIFICATES = Kind(
    "a list of HOST=CERT.pem[,KEY.pem], * stands for any part of a host", _certificates, items=True
)


class Setting(NamedTuple):
    """One setting. `default` is as a user would write it; None is no value."""

    name: str
    kind: Kind
    default: Any
    help: str

    @property
    def env(self) -> str:
        """Its environment variable."""
        return "DASHCAM_" + self.name.replace(".", "_").upper()


SETTINGS: tuple[Setting, ...] = (
    Setting("store", TEXT, "sqlite:///recordings/dashcam.db", "Where runs are kept, as a URL."),
    Setting("listen", HOST_PORT, "127.0.0.1:8080", "Where the forward proxy listens."),
    Setting("api", HOST_PORT, "127.0.0.1:8081", "Where the gateway and the API listen."),
    Setting("workers", COUNT, 1, "How many processes share the traffic."),
    Setting(
        "durability",
        _one_of("durable", "strict", "fast"),
        "durable",
        "durable commits a call before its answer ends and counts what it could not store; strict"
        " refuses calls that it cannot record; fast may lose the last moments in a crash.",
    ),
    Setting("label", TEXT, "agent", "The label of runs that give none."),
    Setting("upstream_ca", PATH, None, "A PEM file of CAs that upstreams may be signed by, too."),
    Setting(
        "upstream_proxy",
        PROXY,
        None,
        "The proxy on the way to upstreams; direct takes none. Unless it is set, HTTPS_PROXY,"
        " HTTP_PROXY and ALL_PROXY of Dashcam's own environment count. NO_PROXY always does.",
    ),
    Setting(
        "client_certificates",
        CERTIFICATES,
        {},
        "Certificates that are shown to upstreams which ask for one, by host.",
    ),
    Setting(
        "upstream",
        NAMED_URLS,
        {},
        "Upstreams by name: NAME is a path of the gateway (/NAME/…); a NAME with a dot is also a"
        " host whose forwarded traffic goes to URL.",
    ),
    Setting("ignore", HOSTS, [], "Hosts that are tunnelled: neither opened nor recorded."),
    Setting(
        "allow",
        HOSTS,
        [],
        "Hosts that may be called when others than this machine may ask; * is any public one.",
    ),
    Setting(
        "vault",
        TEXT,
        None,
        "A key that seals what secrets were in a vault beside the store: a key file (see `dashcam"
        " vault init`), env:NAME for a variable that holds a key, or an age recipient (age1…).",
    ),
    Setting("replay", TEXTS, [], "Runs or recordings that requests are answered from."),
    Setting("replay_allow", HOSTS, [], "Hosts that a replay may contact."),
    Setting("pace", PACE, "instant", "How fast a replayed answer leaves."),
    Setting(
        "clock",
        _one_of("real", "recorded"),
        "real",
        "What time a replayed command sees: the true one, or that of the recording.",
    ),
    Setting(
        "match",
        _one_of("exact", "normalised", "sequence"),
        "normalised",
        "How a request finds its recorded call.",
    ),
    Setting(
        "ignore_rules",
        IGNORE_RULES,
        [],
        "What does not count when requests are compared, besides what recordings say:"
        " json $.metadata.id, or [GET crm.*] query t.",
    ),
    Setting(
        "checkpoints",
        TEXT,
        None,
        "Where signed checkpoints of the store are written: a file (which is added to), syslog, or"
        " - for stdout. See `dashcam checkpoint`.",
    ),
    Setting(
        "checkpoint_every",
        SECONDS,
        300,
        "Seconds between two of them; one more is written at the end.",
    ),
    Setting("idle_timeout", SECONDS, 300, "After this many quiet seconds a run is over."),
    Setting(
        "correlation",
        _list_of("a list of " + ", ".join((*WITNESSES, *LATER)), _witness),
        [*WITNESSES, *LATER],
        "What tells which run a request belongs to; the first that speaks wins.",
    ),
    Setting(
        "labels",
        LABELS,
        {},
        "What is expected of the runs with a label; see the outcomes' documentation.",
    ),
    Setting(
        "prices",
        PRICES,
        {},
        "Your own prices by model, or provider/model, * stands for any part: US dollars per million"
        " tokens as input, output, cache_read, cache_write. The first that fits counts.",
    ),
    Setting(
        "drain_timeout",
        SECONDS,
        8,
        "Seconds that calls under way may take to end once Dashcam is told to stop.",
    ),
    Setting("connect_timeout", SECONDS, 10, "Seconds to reach an upstream."),
    Setting("response_timeout", SECONDS, 600, "Seconds that an upstream may be silent."),
    Setting("header_timeout", SECONDS, 10, "Seconds that a client may take to send its headers."),
    Setting("max_header_bytes", COUNT, 262144, "Longer request heads are refused."),
    Setting("home", PATH, "~/.dashcam", "Where Dashcam keeps what is not a recording."),
    Setting(
        "ca_dir", PATH, None, "The folder of the certificate authority; default: `ca` in home."
    ),
    Setting("redaction.patterns", TEXTS, [], "Regular expressions; what they match is a secret."),
    Setting("redaction.headers", TEXTS, [], "Headers whose values are secrets, besides the known."),
    Setting(
        "redaction.json_paths", TEXTS, [], "JSON paths whose values are secrets: $.user.token."
    ),
    Setting(
        "redaction.allow_headers",
        TEXTS,
        [],
        "If given, only these headers (and those that framing needs) are stored as they are.",
    ),
    Setting("redaction.pii", SWITCH, False, "Also replace mail addresses, phone and card numbers."),
    Setting(
        "schemas.folder", PATH, "schemas", "The folder of the schemas that are declared for tools."
    ),
    Setting(
        "schemas.openapi",
        TEXTS,
        [],
        "OpenAPI documents elsewhere, each FILE, or HOST=FILE where its servers are others.",
    ),
    Setting(
        "schemas.warn",
        TEXTS,
        [],
        "Names of schemas, * stands for any part: what breaks them is also told at once, in the"
        " log.",
    ),
    Setting(
        "schemas.enforce",
        TEXTS,
        [],
        "Names of schemas, * stands for any part: a call that breaks them is not sent, an answer"
        " that does is not passed on. mcp:SERVER/TOOL is what MCP servers declare of their tools.",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(slots=True, frozen=True)
class Redaction:
    """What is secret beyond what is always known to be."""

    patterns: tuple[str, ...]
    headers: tuple[str, ...]
    json_paths: tuple[str, ...]
    allow_headers: tuple[str, ...]
    pii: bool


@dataclass(slots=True, frozen=True)
class Schemas:
    """Where schemas are declared, and which are meant strictly, by globs of their names."""

    folder: Path
    openapi: tuple[str, ...]
    warn: tuple[str, ...]
    enforce: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Settings:
    """What holds. `pace` is seconds of replay per recorded second; times are seconds."""

    store: str
    listen: HostPort
    api: HostPort
    workers: int
    durability: str
    label: str
    upstream_ca: Path | None
    upstream_proxy: str | None
    client_certificates: Mapping[str, tuple[Path, Path | None]]
    upstream: Mapping[str, str]
    ignore: tuple[str, ...]
    allow: tuple[str, ...]
    vault: str | None
    replay: tuple[str, ...]
    replay_allow: tuple[str, ...]
    pace: float
    clock: str
    match: str
    ignore_rules: tuple[str, ...]
    checkpoints: str | None
    checkpoint_every: float
    idle_timeout: float
    correlation: tuple[str, ...]
    labels: Mapping[str, Mapping[str, Any]]
    prices: Mapping[str, Mapping[str, float]]
    drain_timeout: float
    connect_timeout: float
    response_timeout: float
    header_timeout: float
    max_header_bytes: int
    home: Path
    ca_dir: Path
    redaction: Redaction
    schemas: Schemas
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, values: Mapping[str, Any], origins: Mapping[str, Origin]) -> Self:
        """From one value a row of SETTINGS."""
        tables: dict[str, dict[str, Any]] = {"": {}}
        for name, value in values.items():
            table, _, key = name.rpartition(".")
            tables.setdefault(table, {})[key] = value
        plain = tables[""]
        if plain["ca_dir"] is None:
            plain["ca_dir"] = plain["home"] / "ca"
        redaction, schemas = Redaction(**tables["redaction"]), Schemas(**tables["schemas"])
        return cls(**plain, redaction=redaction, schemas=schemas, origins=origins)

    def of_replay(self) -> Self:
        """For a replay that contacts nothing: its own record can be made again at any time."""
        origin = self.origins.get("durability")
        told = origin is not None and origin.source != "default"
        return self if told else replace(self, durability="fast")

    def value(self, name: str) -> Any:
        """The value of a row of SETTINGS."""
        found: Any = self
        for part in name.split("."):
            found = getattr(found, part)
        return found


def load(
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """What holds, and where each value came from.

    Args:
        flags: Values given on the command line, by setting name; None is not given.
        env: The environment; the process's own when None.
        file: The file of `--config`; else that of `DASHCAM_CONFIG`, else dashcam.toml in the
            current folder if it is there.

    Raises:
        ConfigError: An unknown key or a value that cannot be used; names where it stands.
    """
    env = os.environ if env is None else env
    given = dict(flags or {})
    named = file or (Path(env["DASHCAM_CONFIG"]) if env.get("DASHCAM_CONFIG") else None)
    path = named or Path(FILE)
    in_file = _read_file(path) if named or path.is_file() else {}
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for setting in SETTINGS:
        name = setting.name
        if given.get(name) not in (None, ()):
            origin, raw = Origin("flag", "the command line"), given[name]
        elif env.get(setting.env):
            origin, raw = Origin("env", setting.env), _split(setting, env[setting.env])
        elif name in in_file:
            origin, raw = Origin("file", str(path)), in_file[name]
        else:
            origin, raw = Origin("default"), setting.default
        values[name] = None if raw is None else _value(setting, raw, origin)
        origins[name] = origin
    return Settings.of(values, origins)


def _split(setting: Setting, text: str) -> Any:
    if not setting.kind.items:
        return text
    return [item.strip() for item in text.split(",") if item.strip()]


def _value(setting: Setting, raw: Any, origin: Origin) -> Any:
    try:
        return setting.kind.read(raw)
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        where = str(origin) if origin.source == "env" else f"{origin}: {setting.name}"
        raise ConfigError(
            f"{where} cannot be {raw!r}", hint=f"it takes {setting.kind.words}"
        ) from error


def _read_file(path: Path) -> dict[str, Any]:
    """The values of a file by setting name."""
    import tomllib  # noqa: PLC0415 - most folders have no such file

    try:
        with path.open("rb") as opened:
            tree = tomllib.load(opened)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and key not in _BY_NAME:
            found.update({f"{key}.{inner}": item for inner, item in value.items()})
        else:
            found[key] = value
    for name in found:
        if name not in _BY_NAME:
            raise ConfigError(f"{path}: there is no setting {name}", hint=_closest(name))
    return found


def _closest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way out

    near = get_close_matches(name, _BY_NAME, n=1)
    return f"did you mean {near[0]}?" if near else "`dashcam config` lists all settings"
