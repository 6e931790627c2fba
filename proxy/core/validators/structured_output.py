"""The model's answer against the schema that the request asked it to keep to."""

from collections.abc import Iterator, Mapping
from typing import Any

from proxy.core import loose
from proxy.core.calls import Call
from proxy.core.dialect import REFUSED
from proxy.core.validators._api import Material, Violation
from proxy.core.validators._misfits import misfits

name = "structured_output"

# The answer is no answer then, and judged as that.
_WITHHELD = frozenset(("content_filter", "refusal", "safety", "recitation", "blocklist", "error"))
_JSON = ("json_object", "json", "application/json")
_FENCE = "```"


def check(given: Material) -> Iterator[Violation]:
    """Nothing where a tool was asked for, or where the model refused: there is no answer then."""
    call = given.call
    reply = call.reply
    if reply is None or call.kind != "llm_call" or reply.tool_uses or call.error is not None:
        return
    if call.output_schema is None and not _wants_json(call.settings):
        return
    if REFUSED in call.notes or (call.finish_reason or "").lower() in _WITHHELD:
        return
    parsed = loose.parse(reply.text)
    if parsed.value is None and parsed.note is not None:
        yield _broken(call, reply.text)
    elif call.output_schema is not None:
        yield from misfits(call.output_schema, parsed.value, side="response", subject="answer")


def _wants_json(settings: Mapping[str, Any]) -> bool:
    """Whether a request without a schema asks for JSON all the same."""
    config = {**settings, **loose.obj(settings.get("generationConfig"))}
    asked = loose.obj(config.get("response_format")).get("type")
    mime = config.get("responseMimeType", config.get("response_mime_type"))
    return any(said in _JSON for said in (asked, mime, config.get("format")) if said is not None)


def _broken(call: Call, text: str) -> Violation:
    if not text.strip():
        message, keyword = "the answer is empty, and JSON was asked for", "not_json"
    elif text.lstrip()[:1] in ("{", "[") and _ends_early(call, text):
        message, keyword = f"the JSON is cut off after {len(text)} characters", "cut_off"
    elif text.lstrip().startswith(_FENCE):
        message, keyword = "the JSON stands in a Markdown fence", "not_json"
    else:
        message, keyword = f"the answer is not JSON: it begins with {text[:40]!r}", "not_json"
    return Violation("$", message, keyword, subject="answer")


def _ends_early(call: Call, text: str) -> bool:
    limits = ("length", "max_tokens", "max_output_tokens", "incomplete")
    said = (call.finish_reason or "").lower() in limits
    return said or not call.complete or "end of data" in (loose.parse(text).note or "")
