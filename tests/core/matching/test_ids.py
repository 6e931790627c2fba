import pytest

from proxy.core.matching import ids

A = "550e8400-e29b-41d4-a716-446655440000"


def marked(text: str, before: str = "") -> str:
    return ids.uuids(text, lambda *_: "#", before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A, "#"),
        (A.upper(), "#"),
        (f"x {A}, {A}.", "x #, #."),
        (f"sess_{A}_x", "sess_#_x"),
        (f"a{A}", f"a{A}"),
        (f"{A}0", f"{A}0"),
        (f"run-{A}-0", "run-#-0"),
        (f"customer-{A}", f"customer-{A}"),
        ("x 01JMYZ3G4H4Y7J2R9N4F4M1WQK.", "x #."),
        ("run_01JMYZ3G4H4Y7J2R9N4F4M1WQK", "run_#"),
        ("01JMYZ3G4H4Y7J2R9N4F4M1WQKX", "01JMYZ3G4H4Y7J2R9N4F4M1WQKX"),
        ("A01JMYZ3G4H4Y7J2R9N4F4M1WQK", "A01JMYZ3G4H4Y7J2R9N4F4M1WQK"),
        ("order 01JMYZ3G4H4Y7J2R9N4F4M1WQK", "order 01JMYZ3G4H4Y7J2R9N4F4M1WQK"),
        (A.replace("-", ""), "#"),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
        (f"01JMYZ3G4H4Y7J2R9N4F4M1WQK {A}", "# #"),
        (f"{A} 01JMYZ3G4H4Y7J2R9N4F4M1WQK", "# #"),
        (A.replace("-41d4", "-91d4"), A.replace("-41d4", "-91d4")),
        ("-e29b-41d4-a716-446655440000", "-e29b-41d4-a716-446655440000"),
        (f"customer {A}", f"customer {A}"),
        (f'"order_id": "{A}', f'"order_id": "{A}'),
        (f"user_abc_account_{A}_session_{A}", f"user_abc_account_{A}_session_#"),
    ],
)
def test_uuids(text: str, expected: str) -> None:
    assert marked(text) == expected


def test_the_field_counts_where_nothing_stands_before() -> None:
    assert marked(A, "customer_id") == A
    assert marked(A, "session_id") == "#"
    assert marked(f"id {A}", "customer_id") == "id #"


@pytest.mark.parametrize(
    "before",
    [
        "customer",
        "user id",
        "the order with number ",
        "Ticket#",
        "document_ids",
        "for account `",
        "file: ",
    ],
)
def test_words_that_name_a_thing(before: str) -> None:
    assert ids.names_a_thing(before)


@pytest.mark.parametrize(
    "before", ["session", "request id", "run", "trace_id=", "in order to see ", ""]
)
def test_words_that_do_not(before: str) -> None:
    assert not ids.names_a_thing(before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call_Ab12Cd34", "#"),
        ("toolu_01A09q90qw90lq917835lq9", "#"),
        ("tooluse_kZJMlvQmRJ6eAyJE5GIl7Q", "#"),
        ("chatcmpl-tool-9f2c0a1b2c3d", "#"),
        ("functions.get_weather:0", "#"),
        ("pyd_ai_9f2c0a1b-2c3d", "#"),
        ("see call_abcDEF, please", "see #, please"),
        ("call_customer_service", "call_customer_service"),
        ("recall_Ab12Cd34", "recall_Ab12Cd34"),
        ("call_ab1", "call_ab1"),
    ],
)
def test_calls(text: str, expected: str) -> None:
    assert ids.calls(text, lambda *_: "#") == expected


def test_traces_and_billing() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert ids.traces(f"<{trace}>", lambda *_: "#") == "<#>"
    billing = "x-anthropic-billing-header: cc_version=2.1.37; cc_entrypoint=cli; cch=a1b2c;"
    assert ids.traces(f"{billing}\nYou are", lambda *_: "#") == "#\nYou are"
    assert ids.traces("nothing-here", lambda *_: "#") == "nothing-here"


def test_pseudonyms() -> None:
    text = "Bearer SECRET-openai-9f2c41d07ab3, SECRET-x"
    assert ids.secrets(text, lambda kind, found: f"<{kind} {found[-4:]}>") == (
        "Bearer <secret 7ab3>, SECRET-x"
    )


def test_tokens() -> None:
    assert ids.is_token(A)
    assert ids.is_token("93fA0c21bQ77xx41")
    assert not ids.is_token("1234567890123456")
    assert not ids.is_token("short1")
    assert not ids.is_token("averylongwordwithout")
    assert not ids.is_token("two words and 12 more")


def test_snake() -> None:
    assert [ids.snake(name) for name in ("checkInDate", "due-date", "ID", "x")] == [
        *("check_in_date", "due_date", "id", "x")
    ]
