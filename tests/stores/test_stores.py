import pytest

from proxy.errors import ConfigError
from proxy.stores import STORES, open_store
from proxy.stores.memory import MemoryStore


@pytest.mark.parametrize("url", ["postgresql://db/x", "recordings/dashcam.db", "sqlite", "", ":"])
def test_a_kind_of_store_that_is_not_there(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_store(url)
    assert refused.value.hint is not None
    assert all(f"{scheme}:" in refused.value.hint for scheme in STORES)
    assert refused.value.exit_code == 2


def test_a_store_in_memory_is_its_openers_own() -> None:
    one, other = open_store("memory:"), open_store("memory:")
    assert isinstance(one, MemoryStore)
    assert one is not other
