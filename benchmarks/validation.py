"""What enforcing a schema costs for a body of 20 KB: python -m benchmarks.validation [ROUNDS].

`jsonschema` alone, as it comes, is the measure; CPU time, the least of some rounds.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

from proxy.core import loose
from proxy.core.model import RequestHead
from proxy.core.schemas import Book, Declared
from proxy.core.schemas.book import Enforced
from proxy.core.schemas.enforcing import Case, refused_request
from proxy.core.validators._schema import check

ORDER = {
    "type": "object",
    "required": ["id", "customerId", "total", "currency", "lines", "createdAt"],
    "properties": {
        "id": {"type": "string", "pattern": "^ord-[0-9]+$"},
        "customerId": {"type": "string", "minLength": 3},
        "total": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "GBP"]},
        "createdAt": {"type": "string", "format": "date-time"},
        "lines": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": {"type": "string"},
                    "quantity": {"type": "integer", "minimum": 1},
                    "price": {"type": ["number", "null"]},
                },
                "additionalProperties": False,
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["orders"],
    "properties": {"orders": {"type": "array", "items": ORDER}},
}
JSON = ((b"content-type", b"application/json"),)


def order(number: int) -> dict[str, Any]:
    lines = [{"sku": f"sku-{number}-{n}", "quantity": n + 1, "price": 9.5} for n in range(3)]
    return {
        "id": f"ord-{number}",
        "customerId": f"cust-{number:04}",
        "total": 28.5,
        "currency": "EUR",
        "createdAt": "2026-02-12T09:41:22Z",
        "lines": lines,
    }


def payload(size: int) -> dict[str, Any]:
    orders: list[Any] = []
    while len(json.dumps({"orders": orders})) < size:
        orders.append(order(len(orders)))
    return {"orders": orders}


def least(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of CPU; each round does it ten times."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(10):
            work()
        found.append((time.process_time() - began) * 100)
    return min(found)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    good = payload(20_000)
    body = json.dumps(good).encode()
    bad = {"orders": [*good["orders"][:-1], {**order(7), "customerId": 7}]}
    broken = json.dumps(bad).encode()
    book = Book([Declared("orders", tool="orders", mode="enforce", request=SCHEMA)])
    head = RequestHead("POST", "https", "crm.test", 443, "/orders", headers=JSON)
    other = RequestHead(
        "POST", "https", "api.openai.com", 443, "/v1/chat/completions", headers=JSON
    )
    enforced = Enforced(book)
    reference = Draft202012Validator(SCHEMA)
    assert refused_request(Case(book, {}, head, None, body)) is None
    assert refused_request(Case(book, {}, head, None, broken)) is not None

    def alone() -> object:
        return list(reference.iter_errors(json.loads(body)))

    rows: list[tuple[str, Callable[[], object]]] = [
        ("jsonschema alone, with json.loads", alone),
        (
            "a good call is checked and goes on",
            lambda: refused_request(Case(book, {}, head, None, body)),
        ),
        (
            "a bad call is refused, in words",
            lambda: refused_request(Case(book, {}, head, None, broken)),
        ),
        ("the check alone, good", lambda: check(SCHEMA, good)),
        ("reading the JSON alone", lambda: loose.parse(body)),
        ("a call under no enforced schema", lambda: enforced.holds(other)),
    ]
    measure = least(alone, rounds)
    print(f"a body of {len(body)} bytes; ms of CPU, the least of {rounds} rounds")
    for name, work in rows:
        took = least(work, rounds)
        print(f"{name:40} {took:9.4f} ms  {measure / took:9.1f} times as fast")


if __name__ == "__main__":
    main()
