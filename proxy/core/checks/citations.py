"""`citations`: the output cites what was retrieved, and nothing else.

`true` is at least one, a number at least so many; ids are documents that must be among them. A
citation is the id of a document or chunk that a search found, anywhere in the output, or `[2]` for
the second document found. `[doc-9]` of which no search knows is made up.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from proxy.core.checks._api import Trial
from proxy.core.checks._wanted import number, texts
from proxy.core.model import Event

_SHOWN: Final = 5
# No link, no footnote's definition; `[sic]` and `[x]` are words, and not ids.
_MARK: Final = re.compile(r"[\[【]([^\s\[\]【】^][^\s\[\]【】]{0,199})[\]】](?!\()")
_LIKE_AN_ID: Final = re.compile(r"[\d_/:#-]")


def check(trial: Trial, wanted: Any) -> Iterator[str]:
    """What is made up, what is missing."""
    if wanted is False:
        return
    asked = [] if isinstance(wanted, int) else texts("citations", wanted)
    least = 1 if wanted is True or asked else number("citations", wanted, 0)
    documents = _documents(trial.calls)
    known = {one: number for number, ids in enumerate(documents, 1) for one in ids}
    cited = {known[one] for one in known if _stands_in(one, trial.output)}
    made_up = []
    for mark in dict.fromkeys(_MARK.findall(trial.output)):
        if mark in known or not _LIKE_AN_ID.search(mark):
            continue
        if mark.isdecimal() and 0 < int(mark) <= len(documents):
            cited.add(int(mark))
        else:
            made_up.append(mark)
    for mark in made_up[:_SHOWN]:
        yield f"the output cites {mark!r}, which no search has found"
    if not asked and len(cited) < least:
        yield f"the output cites {len(cited)} of {len(documents)} documents found, not {least}"
    for one in asked:
        if known.get(one) not in cited:
            found = "was found, and" if one in known else "was not found, and"
            yield f"{one!r} {found} is not cited"


def _documents(calls: Any) -> list[tuple[str, ...]]:
    """What searches found, in order, each once: the ids of the document and of its chunk."""
    found: dict[tuple[str, ...], None] = {}
    for event in calls:
        for result in _results(event):
            ids = (result.get("docId"), result.get("chunkId"))
            if named := tuple(str(one) for one in ids if one not in {None, ""}):
                found[named] = None
    return list(found)


def _results(event: Event) -> list[dict[str, Any]]:
    call = event.data.get("call")
    retrieval = call.get("retrieval") if isinstance(call, dict) else None
    results = retrieval.get("results") if isinstance(retrieval, dict) else None
    return [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []


def _stands_in(one: str, text: str) -> bool:
    """Whether an id stands in a text, and not as a part of a longer one; a number only as `[7]`."""
    if one.isdecimal():
        return f"[{one}]" in text
    return re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text) is not None
