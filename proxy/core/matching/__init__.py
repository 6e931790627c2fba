"""Matching: `MATCHERS` maps the names that users may choose to functions.

`sequence` is not among them: it is a way of playing back (see proxy.core.replay), not a key.
"""

from collections.abc import Mapping
from typing import Final

from proxy.core.matching import exact, normalised
from proxy.core.matching._api import IgnoreRule, Key, Matcher, MatchRequest, Volatile

__all__ = ["MATCHERS", "IgnoreRule", "Key", "MatchRequest", "Matcher", "Volatile"]

MATCHERS: Final[Mapping[str, Matcher]] = {
    "exact": exact.key,
    "normalised": normalised.key,
}
