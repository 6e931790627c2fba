"""OpenAPI documents as declared schemas."""

from typing import Any

import pytest

from proxy.core.model import RequestHead, ResponseHead
from proxy.core.schemas import Book, checking
from proxy.core.schemas.openapi import read

JSON = ((b"content-type", b"application/json"),)
CUSTOMER = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string"},
        "secret": {"type": "string", "writeOnly": True},
        "parent": {"$ref": "#/components/schemas/Customer"},
        "note": {"type": "string", "nullable": True},
        "tier": {"type": "string", "nullable": True, "enum": ["a", "b"]},
        "boss": {"allOf": [{"$ref": "#/components/schemas/Customer"}], "nullable": True},
    },
}
THREE: dict[str, Any] = {
    "openapi": "3.0.3",
    "servers": [
        {"url": "https://{where}.example.com/v1", "variables": {"where": {"default": "crm"}}}
    ],
    "paths": {
        "/customers/{id}": {
            "parameters": [{"$ref": "#/components/parameters/Verbose"}],
            "get": {
                "operationId": "getCustomer",
                "responses": {"200": {"$ref": "#/components/responses/Customer"}},
            },
        },
        "/customers": {
            "post": {
                "x-dashcam-mode": "enforce",
                "parameters": [
                    {
                        "in": "query",
                        "name": "limit",
                        "required": True,
                        "schema": {"type": "integer"},
                    },
                    {"in": "header", "name": "x", "required": True, "schema": {}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json; charset=utf-8": {
                            "schema": {"$ref": "#/components/schemas/Customer"}
                        }
                    },
                },
                "responses": {
                    "2XX": {"$ref": "#/components/responses/Customer"},
                    "default": {"description": "an error"},
                },
            }
        },
    },
    "components": {
        "parameters": {
            "Verbose": {"in": "query", "name": "verbose", "schema": {"type": "boolean"}}
        },
        "responses": {
            "Customer": {
                "content": {
                    "text/plain": {},
                    "application/hal+json": {"schema": {"$ref": "#/components/schemas/Customer"}},
                }
            }
        },
        "schemas": {"Customer": CUSTOMER},
    },
}
TWO: dict[str, Any] = {
    "swagger": "2.0",
    "host": "crm.example.com:443",
    "basePath": "/v1/",
    "schemes": ["https"],
    "paths": {
        "/customers": {
            "post": {
                "parameters": [
                    {
                        "in": "body",
                        "name": "b",
                        "required": True,
                        "schema": {"$ref": "#/definitions/C"},
                    },
                    {"in": "query", "name": "limit", "type": "integer", "required": True},
                ],
                "responses": {"200": {"schema": {"$ref": "#/definitions/C"}}},
            }
        }
    },
    "definitions": {"C": {"type": "object", "required": ["name"]}},
}


def request(target: str, body: bytes = b"", method: str = "POST") -> RequestHead:
    return RequestHead(method, "https", "crm.example.com", 443, target, headers=JSON)


def wrong(document: dict[str, Any], target: str, sent: bytes, got: bytes) -> list[tuple[str, str]]:
    head = request(target, method="POST" if sent else "GET")
    declared = Book(read(document, "f", host="crm.example.com")).of_request(head)
    assert declared is not None
    found = checking.of_request(declared, head, sent)
    found += checking.of_response(declared, head, ResponseHead(200, headers=JSON), got)
    return [(one.side, f"{one.path} {one.keyword}") for one in found]


@pytest.mark.parametrize(
    ("target", "sent", "got", "said"),
    [
        ("/v1/customers?limit=5", b'{"name":"A"}', b'{"id":1,"name":"A","note":null}', []),
        (
            "/v1/customers",
            b'{"name":"A"}',
            b'{"id":1,"name":"A"}',
            [("request", "$.query.limit required")],
        ),
        (
            "/v1/customers?limit=x",
            b'{"name":1}',
            b'{"id":1,"name":"A","parent":{"id":"2","name":"B"}}',
            [
                ("request", "$.query.limit type"),
                ("request", "$.name type"),
                ("response", "$.parent.id type"),
            ],
        ),
        (
            "/v1/customers?limit=5",
            b'{"name":"A"}',
            b'{"name":"A"}',
            [("response", "$.id required")],
        ),
        (
            "/v1/customers?limit=5",
            b'{"name":"A","tier":null,"boss":null}',
            b'{"id":1,"name":"A","tier":"c"}',
            [("response", "$.tier enum")],
        ),
        ("/v1/customers/7?verbose=true", b"", b'{"id":1,"name":"A"}', []),
        (
            "/v1/customers/7?verbose=maybe",
            b"",
            b'{"id":1}',
            [("request", "$.query.verbose type"), ("response", "$.name required")],
        ),
    ],
)
def test_both_sides_of_an_operation(
    target: str, sent: bytes, got: bytes, said: list[tuple[str, str]]
) -> None:
    assert wrong(THREE, target, sent, got) == said


def test_swagger_two() -> None:
    assert wrong(TWO, "/v1/customers?limit=5", b'{"name":1}', b'{"name":1}') == []
    assert wrong(TWO, "/v1/customers?limit=x", b"{}", b"[]") == [
        ("request", "$.query.limit type"),
        ("request", "$.name required"),
        ("response", "$ type"),
    ]


def test_names_modes_and_hosts() -> None:
    found = read(THREE, "f")
    assert [(one.name, one.mode, one.route and one.route.host) for one in found] == [
        ("getCustomer", "observe", "crm.example.com"),
        ("POST crm.example.com/v1/customers", "enforce", "crm.example.com"),
    ]
    assert read(TWO, "f")[0].name == "POST crm.example.com/v1/customers"
    moved = read({**THREE, "servers": [{"url": "/v2"}]}, "f", host="localhost:9000")
    assert moved[0].route is not None
    assert (moved[0].route.host, moved[0].route.segments[0]) == ("localhost:9000", "v2")


def test_a_reference_to_another_file_is_not_followed() -> None:
    document = {
        "openapi": "3.1.0",
        "paths": {
            "/a": {
                "get": {
                    "responses": {
                        "200": {
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "http://127.0.0.1:9/x.json"}
                                }
                            }
                        }
                    }
                }
            }
        },
    }
    (declared,) = read(document, "f", host="h")
    head = RequestHead("GET", "https", "h", 443, "/a")
    (found,) = checking.of_response(declared, head, ResponseHead(200), b"{}")
    assert found.keyword == "unchecked"


def test_references_that_go_round_end() -> None:
    ring = {"$ref": "#/components/schemas/A"}
    document = {
        "openapi": "3.1.0",
        "paths": {"/a": {"get": {"responses": {"200": {"$ref": "#/components/responses/R"}}}}},
        "components": {
            "schemas": {"A": ring},
            "responses": {"R": {"$ref": "#/components/responses/R"}},
        },
    }
    (declared,) = read(document, "f", host="h")
    assert declared.responses == {}
