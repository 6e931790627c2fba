"""The CRM: customers, notes, refunds, and access tokens of which one has expired."""

import copy
import hashlib
from http import HTTPStatus
from typing import Any

from proxy.demo.http1 import Request, Response, json_response

EXPIRED_TOKEN = "crm-2025-11"  # noqa: S105 - a made-up token of a made-up service
VALID_TOKEN = "crm-2026-02"  # noqa: S105 - a made-up token of a made-up service
REFRESH_TOKEN = "crm-refresh"  # noqa: S105 - a made-up token of a made-up service

_CUSTOMERS: dict[str, dict[str, Any]] = {
    "cus_18422": {
        "id": "cus_18422",
        "name": "Jane Doe",
        "email": "jane@acme.com",
        "plan": "team",
        "notes": [],
        "charges": [
            {"id": "ch_3301", "description": "February", "amount": 4900, "currency": "eur"},
            {"id": "ch_3312", "description": "March", "amount": 4900, "currency": "eur"},
            {"id": "ch_3313", "description": "March", "amount": 4900, "currency": "eur"},
        ],
    },
    "cus_20077": {
        "id": "cus_20077",
        "name": "Ali Demir",
        "email": "ali@example.com",
        "plan": "free",
        "notes": [],
        "charges": [],
    },
}


class Crm:
    """The CRM's state: it starts the same every time."""

    def __init__(self) -> None:
        self._customers = copy.deepcopy(_CUSTOMERS)

    def customer(self, request: Request) -> Response:
        """`GET /customers/{id}`, and `PATCH` with `note` or `plan`."""
        if (refusal := _refuse(request)) is not None:
            return refusal
        customer = self._customers.get(request.path.rpartition("/")[2])
        if customer is None:
            return _error(HTTPStatus.NOT_FOUND, "no such customer")
        if request.method == "PATCH":
            change = request.json()
            customer["plan"] = change.get("plan", customer["plan"])
            customer["notes"] += [change["note"]] if "note" in change else []
        return json_response(HTTPStatus.OK, customer)

    def refund(self, request: Request) -> Response:
        """`POST /refunds` with `chargeId` and `amount`; a charge is refunded once."""
        if (refusal := _refuse(request)) is not None:
            return refusal
        asked = request.json()
        for customer in self._customers.values():
            for charge in customer["charges"]:
                if charge["id"] == asked.get("chargeId"):
                    return _refund(charge, asked.get("amount"))
        return _error(HTTPStatus.NOT_FOUND, "no such charge")


def token(request: Request) -> Response:
    """`POST /oauth/token` with `grant_type=refresh_token`: a token that works."""
    asked = request.json()
    known = asked.get("grant_type") == "refresh_token" and asked.get("refresh_token")
    if known != REFRESH_TOKEN:
        return json_response(HTTPStatus.BAD_REQUEST, {"error": "invalid_grant"})
    granted = {"access_token": VALID_TOKEN, "token_type": "bearer", "expires_in": 3600}
    return json_response(HTTPStatus.OK, granted)


def _refund(charge: dict[str, Any], amount: Any) -> Response:
    if charge.get("refunded"):
        return _error(HTTPStatus.CONFLICT, "already refunded")
    if amount != charge["amount"]:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "the amount is not the charge's")
    charge["refunded"] = True
    digest = hashlib.sha256(charge["id"].encode()).hexdigest()
    refund = {
        "id": f"re_{digest[:8]}",
        "chargeId": charge["id"],
        "amount": amount,
        "currency": charge["currency"],
    }
    return json_response(HTTPStatus.CREATED, refund)


def _refuse(request: Request) -> Response | None:
    """A 401 unless the request carries the token that works."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and given == VALID_TOKEN:
        return None
    message = "token expired" if given == EXPIRED_TOKEN else "no valid token"
    challenge = {"www-authenticate": f'Bearer error="invalid_token", error_description="{message}"'}
    return _error(HTTPStatus.UNAUTHORIZED, message, challenge)


def _error(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": status.phrase, "message": message, "code": status.value}
    return json_response(status, body, headers)
