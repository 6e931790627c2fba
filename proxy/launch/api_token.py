"""The token that this install's API asks for: made once, in a file that only its owner can read.

Who may read the file may ask the API: the commands and the SDK on the same machine find it there by
themselves. It is sent to no other machine.
"""

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from proxy.errors import DashcamError
from proxy.stores import private_files

NAME = "api-token"
HOME = "~/.dashcam"  # the default of the setting `home`
_BYTES = 32


def load_or_make(home: Path) -> str:
    """The token in `home`, made now if there is none. DashcamError for one that others may read."""
    path = home / NAME
    try:
        if not path.exists():
            _make(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DashcamError(
            f"the token in {path} cannot be read: {error}", hint="set `home` to a folder of yours"
        ) from error
    if mode & 0o077:
        raise DashcamError(
            f"{path} is open to others (mode {mode:04o}); who has it can read every recording",
            hint=f"make a new one: remove {path}",
        )
    if not token:
        raise DashcamError(f"{path} is empty", hint=f"make a new one: remove {path}")
    return token


def _make(path: Path) -> None:
    """Whole or not at all, and of two that make one the first one's."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    private_files.make(fresh)
    try:
        fresh.write_text(f"{secrets.token_urlsafe(_BYTES)}\n", "ascii")
        with suppress(FileExistsError):
            path.hardlink_to(fresh)
    finally:
        fresh.unlink()


def known(host: str, env: Mapping[str, str] = os.environ) -> str:
    """What to send to the API at `host`: DASHCAM_TOKEN, here the file's token, or ""."""
    if token := env.get("DASHCAM_TOKEN"):
        return token
    if not is_loopback(host):
        return ""
    with suppress(OSError, UnicodeDecodeError):
        home = Path(env.get("DASHCAM_HOME") or HOME).expanduser()
        return (home / NAME).read_text("ascii").strip()
    return ""


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant by a host's name or address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
