"""`follows`: the run makes the recorded calls: all and no others (true), or up to a number.

Up to call N means: none of the recorded calls 1 to N is left out, and nothing that was not recorded
is asked for before N was served.
"""

from collections.abc import Iterator
from typing import Any, Final

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import number

_SHOWN: Final = 5


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """Left out, asked for in addition, asked for in another way."""
    if wanted is False:
        return
    last = None if wanted is True else number("follows", wanted, 1)
    for call in trial.report.get("unused", ()):
        if last is None or call["seq"] <= last:
            yield f"recorded call {call['seq']} was not made: {call['step']}"
    if last is None:
        yield from (
            f"call {call['seq']} was made otherwise: {call['step']}"
            for call in trial.report.get("diverged", ())
        )
    places = [trial.origin.get(str(event.data.get("servedFrom"))) for event in trial.calls]
    until = places.index(last) if last in places and last is not None else len(places)
    new = [trial.calls[place] for place in trial.new() if place < until]
    for event in new[:_SHOWN]:
        url = event.data.get("url")
        yield f"a call was made that is not recorded: {event.data.get('method')} {url}"
    if len(new) > _SHOWN:
        yield f"and {len(new) - _SHOWN} more that are not recorded"
