from hashlib import sha256

from proxy.stores import digests


def test_digests_say_their_algorithm() -> None:
    leaves = [digests.leaf(b"a"), digests.leaf(b"b")]
    assert leaves[0] == sha256(b"a").digest()[:16]
    assert digests.fold(leaves) == b"\x01" + sha256(leaves[0] + leaves[1]).digest()
    assert digests.short_fold(leaves) == digests.fold(leaves)[:17]
    assert digests.of_blob(leaves, b"x") == digests.fold(leaves)[:17] + sha256(b"x").digest()[:8]
    assert digests.fold(leaves) != digests.fold(reversed(leaves))
