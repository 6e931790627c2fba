"""One table of settings, read from flags, then `DASHCAM_*`, then dashcam.toml, then defaults.

In the file, a name with a dot is a key in a table: `redaction.pii` is `pii` in `[redaction]`. In
an environment variable, a list is separated by commas. Paths and the store's URL are relative to
the current folder, `~` is the home folder.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self, override

from proxy.config._kinds import HostPort
from proxy.config._table import SETTINGS, Setting
from proxy.errors import ConfigError

__all__ = [
    "FILE",
    "SETTINGS",
    "HostPort",
    "Origin",
    "Redaction",
    "Schemas",
    "Setting",
    "Settings",
    "load",
]

FILE = "dashcam.toml"
_BY_NAME = {setting.name: setting for setting in SETTINGS}


class Origin(NamedTuple):
    """Where a value came from: flag, env, file or default; `detail` names the variable or file."""

    source: str
    detail: str = ""

    @override
    def __str__(self) -> str:
        return self.detail or self.source


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
    vault_bodies: bool
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
