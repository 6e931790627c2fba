import pytest

from proxy.core.validators._drift import lookalike


@pytest.mark.parametrize(
    ("name", "present", "meant"),
    [
        ("customerId", ["name", "customer_id"], "customer_id"),
        ("customer_id", ["CustomerID"], "CustomerID"),
        ("customer-id", ["customerId"], "customerId"),
        ("get_weather", ["get_wether", "search"], "get_wether"),
        ("address", ["adress"], "adress"),
        ("customerId", ["orderId", "name"], None),
        ("id", ["ix", "ad"], None),
        ("id", ["ID"], "ID"),
        ("a", ["a"], None),
        ("", ["x"], None),
        ("created", [], None),
        ("___", ["---"], None),
        ("x" * 10_000, ["y" * 10_000] * 10_000, None),
    ],
)
def test_lookalikes(name: str, present: list[str], meant: str | None) -> None:
    assert lookalike(name, present) == meant
