from typing import Any

import pytest

from proxy.core.complaints import complaint, is_nothing

TEXT = [{"type": "text", "text": "Error: boom"}]


@pytest.mark.parametrize(
    ("content", "is_error", "expected"),
    [
        ('{"error": "token expired"}', None, "token expired"),
        ({"error": {"message": "boom", "code": 7}}, None, "boom"),
        ({"errors": [{"message": "boom"}]}, None, "boom"),
        ({"ok": False, "message": "boom"}, None, "boom"),
        ({"success": False}, None, "it failed"),
        ({"status": "error", "detail": "boom"}, None, "boom"),
        ({"output": {"error": "boom"}}, None, "boom"),
        (TEXT, None, "Error: boom"),
        ("Error: boom", None, "Error: boom"),
        ("ValueError: boom", None, "ValueError: boom"),
        ("Traceback (most recent call last):\n  x\nKeyError: 'a'", None, "KeyError: 'a'"),
        ("401 Unauthorized", None, "401 Unauthorized"),
        ("Tool call timed out after 30s", None, "Tool call timed out after 30s"),
        ("Failed to fetch", None, "Failed to fetch"),
        ("exit 1", True, "exit 1"),
        ("", True, "it said so"),
        ({"exit": 1}, True, '{"exit":1}'),
        (7, True, "7"),
        ("exit 1", None, None),
        ('{"error": null, "name": "Jo"}', None, None),
        ('{"errors": []}', None, None),
        ({"id": 7, "status": "failed"}, None, None),
        ("Error handling in Python: use try", None, None),
        ("There was no error", None, None),
        ("404 pages were found", None, None),
        (None, None, None),
        ([1, 2], None, None),
    ],
)
def test_complaint(content: Any, is_error: bool | None, expected: str | None) -> None:
    assert complaint(content, is_error) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", True),
        ("[]", True),
        ("null", True),
        ("No results found.", True),
        ("no matching documents were found", True),
        ([], True),
        (None, True),
        ({"results": [], "total": 0}, True),
        ([{"type": "text", "text": "{}"}], True),
        ("No results found for 2024, but 3 for 2025", False),
        ("0.5", False),
        ({"results": [1]}, False),
        ("." * 100_000 + "a", False),
    ],
)
def test_is_nothing(content: Any, expected: bool) -> None:
    assert is_nothing(content) is expected


def test_long_texts_cost_little() -> None:
    assert complaint("error " * 100_000, None) is None
    assert complaint("{" * 5000, None) is None
