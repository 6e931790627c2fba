"""What test files say, read strictly."""

from typing import Any

from proxy.errors import ConfigError


def texts(check: str, wanted: Any) -> list[str]:
    """One text, or a list of them."""
    found = wanted if isinstance(wanted, list) else [wanted]
    if not all(isinstance(one, str) and one for one in found):
        raise ConfigError(f"{check} takes a text or a list of texts, not {wanted!r}")
    return found


def number(check: str, wanted: Any, least: int) -> int:
    """A whole number."""
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < least:
        raise ConfigError(f"{check} takes a whole number from {least}, not {wanted!r}")
    return wanted
