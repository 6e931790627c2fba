"""The model's answer against the schema it was asked to keep to, in several providers' words."""

import pytest

from proxy.core.model import Exchange
from proxy.core.validators.structured_output import check
from tests.core.validators.payloads import anthropic, gemini, material, openai, responses

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"enum": ["yes", "no"]}, "why": {"type": "string"}},
    "required": ["verdict", "why"],
}
GEMINI = {
    "responseMimeType": "application/json",
    "responseSchema": {"type": "OBJECT", "properties": {"why": {"type": "STRING"}}},
}


def said(text: str) -> dict[str, object]:
    return {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


ANY = {"type": "json_object"}
FORMAT = {"format": {"type": "json_schema", "name": "v", "schema": SCHEMA}}
CASES: dict[str, tuple[Exchange, list[tuple[str, str]]]] = {
    "chat, good": (openai(text='{"verdict": "yes", "why": "x"}', schema=SCHEMA), []),
    "chat, every error": (
        openai(text='{"verdict": "maybe"}', schema=SCHEMA),
        [("enum", "$.verdict"), ("required", "$.why")],
    ),
    "chat, prose": (openai(text="Yes, I think", schema=SCHEMA), [("not_json", "$")]),
    "chat, a fence": (openai(text="```json\n{}\n```", schema=SCHEMA), [("not_json", "$")]),
    "chat, empty": (openai(text="", schema=SCHEMA), [("not_json", "$")]),
    "chat, out of tokens": (
        openai(text='{"verdict": "y', schema=SCHEMA, finish="length"),
        [("cut_off", "$")],
    ),
    "chat, a tool first": (openai(("crm_find", '{"customerId":"c"}'), schema=SCHEMA), []),
    "chat, withheld": (openai(text="", schema=SCHEMA, finish="content_filter"), []),
    "chat, any JSON": (openai(text="{}", schema={"type": "json_object"}), []),
    "chat, any JSON, none": (
        openai(text="no", schema={"type": "json_object"}),
        [("not_json", "$")],
    ),
    "chat, text is text": (openai(text="no"), []),
    "responses, good": (responses(said('{"verdict":"no","why":""}'), text=FORMAT), []),
    "responses, wrong": (
        responses(said('{"verdict":"no","why":7}'), text=FORMAT),
        [("type", "$.why")],
    ),
    "anthropic, wrong": (
        anthropic(
            {"type": "text", "text": '{"verdict":"no"}'},
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        ),
        [("required", "$.why")],
    ),
    "gemini, good": (gemini({"text": '{"why": "x"}'}, config=GEMINI), []),
    "gemini, wrong": (gemini({"text": '{"why": 1}'}, config=GEMINI), [("type", "$.why")]),
    "gemini, any JSON, none": (
        gemini({"text": "sure"}, config={"responseMimeType": "application/json"}),
        [("not_json", "$")],
    ),
}


@pytest.mark.parametrize(("made", "expected"), CASES.values(), ids=CASES)
def test_answers(made: Exchange, expected: list[tuple[str, str]]) -> None:
    found = list(check(material(made)))
    assert sorted((one.keyword, one.path) for one in found) == sorted(expected)
    assert {one.subject for one in found} <= {"answer"}


def test_the_words() -> None:
    def words(made: Exchange) -> str:
        return next(check(material(made))).message

    assert words(openai(text="", schema=SCHEMA)) == "the answer is empty, and JSON was asked for"
    assert words(openai(text="```\n{}", schema=SCHEMA)) == "the JSON stands in a Markdown fence"
    assert words(openai(text="Yes", schema=SCHEMA)) == (
        "the answer is not JSON: it begins with 'Yes'"
    )
    assert words(openai(text='{"a"', schema=SCHEMA)) == "the JSON is cut off after 4 characters"
