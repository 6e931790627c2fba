from addons.pooled import PooledServer
from proxy.core.decisions import Address
from proxy.engine.upstream import Connection


def test_a_connection_that_others_had_is_reused() -> None:
    address = Address("https", "a.test", 443, "a.test")
    server = PooledServer(address=("a.test", 443), target=address)
    assert not server.reused
    server.connection = Connection(address)
    assert not server.reused
    server.connection.uses = 1
    assert server.reused
