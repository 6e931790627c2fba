"""mitmproxy lives here and nowhere else: interception, in small addons of one job each."""

from collections.abc import Callable, Mapping
from pathlib import Path

from addons.layers import Layers
from addons.limits import USUAL, ClientLimits
from addons.peers import Peers
from addons.pinned import Pinned
from addons.slow_lane import SlowLane
from addons.tls import Tls, cert_store
from proxy.engine.engine import Engine


def default_addons(
    engine: Engine,
    *,
    runs: Mapping[int, str],
    authority: Path,
    upstream_ca: Path | None,
    ignored: Callable[[str], bool],
    limits: ClientLimits = USUAL,
) -> list[object]:
    """The addons, in the order in which hooks reach them.

    `runs` maps listener ports to the runs they were opened for; `authority` is the PEM file with
    the key and certificate that sign leaves; `ignored` says which hosts are left alone.
    """
    peers = Peers(runs)
    pinned = Pinned(engine, peers)
    return [
        peers,
        pinned,
        Layers(engine, peers, pinned, ignored, limits),
        Tls(cert_store(authority), upstream_ca, engine.pool.certificates),
        SlowLane(engine, peers),
    ]
