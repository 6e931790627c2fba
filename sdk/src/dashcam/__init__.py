"""Name runs, phases and outcomes for Dashcam.

Inside `run`, `group` and `step` every call made with httpx, httpx2, requests, aiohttp, urllib3,
urllib or `http.client` says which run, phase and step it belongs to. Without a Dashcam in the way
all of this does nothing.
"""

from .contexts import Block, Run, group, run, step
from .reports import Verdict, event, flush, outcome, retrieval
from .settings import configure
from .values import state, value

__all__ = [
    "Block",
    "Run",
    "Verdict",
    "configure",
    "event",
    "flush",
    "group",
    "outcome",
    "retrieval",
    "run",
    "state",
    "step",
    "value",
]
