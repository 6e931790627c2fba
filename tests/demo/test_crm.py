"""The CRM: tokens, customers, refunds."""

import json
from typing import Any

import pytest

from proxy.demo.crm import EXPIRED_TOKEN, REFRESH_TOKEN, VALID_TOKEN, Crm, token
from proxy.demo.http1 import Request, Response

REFUND = {"chargeId": "ch_3313", "amount": 4900}


def ask(method: str, target: str, body: Any = None, bearer: str | None = VALID_TOKEN) -> Request:
    headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
    return Request(method, target, headers, json.dumps(body).encode())


def read(response: Response) -> Any:
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("bearer", "message"),
    [(EXPIRED_TOKEN, "token expired"), ("other", "no valid token"), (None, "no valid token")],
)
def test_only_the_valid_token_opens(bearer: str | None, message: str) -> None:
    crm = Crm()
    answers = [
        crm.customer(ask("GET", "/customers/cus_18422", bearer=bearer)),
        crm.refund(ask("POST", "/refunds", REFUND, bearer=bearer)),
    ]
    for answer in answers:
        assert answer.status == 401
        assert read(answer) == {"error": "Unauthorized", "message": message, "code": 401}
        assert message in answer.headers["www-authenticate"]


def test_customers_are_read_and_changed() -> None:
    crm = Crm()
    assert read(crm.customer(ask("GET", "/customers/cus_18422")))["email"] == "jane@acme.com"
    change = {"plan": "free", "note": "called"}
    changed = read(crm.customer(ask("PATCH", "/customers/cus_18422", change)))
    assert (changed["plan"], changed["notes"]) == ("free", ["called"])
    assert read(crm.customer(ask("GET", "/customers/cus_18422"))) == changed
    assert crm.customer(ask("GET", "/customers/cus_0")).status == 404
    assert read(Crm().customer(ask("GET", "/customers/cus_18422")))["plan"] == "team"


def test_a_charge_is_refunded_once_and_in_full() -> None:
    crm = Crm()
    assert crm.refund(ask("POST", "/refunds", {**REFUND, "amount": 1})).status == 422
    done = crm.refund(ask("POST", "/refunds", REFUND))
    assert done.status == 201
    assert read(done)["currency"] == "eur"
    assert crm.refund(ask("POST", "/refunds", REFUND)).status == 409
    assert crm.refund(ask("POST", "/refunds", {"chargeId": "ch_0"})).status == 404
    charges = read(crm.customer(ask("GET", "/customers/cus_18422")))["charges"]
    assert [charge["id"] for charge in charges if charge.get("refunded")] == ["ch_3313"]


def test_a_refresh_token_buys_a_token() -> None:
    grant = {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}
    assert read(token(ask("POST", "/oauth/token", grant)))["access_token"] == VALID_TOKEN
    assert token(ask("POST", "/oauth/token", {**grant, "refresh_token": "x"})).status == 400
    assert token(ask("POST", "/oauth/token", {"refresh_token": REFRESH_TOKEN})).status == 400
