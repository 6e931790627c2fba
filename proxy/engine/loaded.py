"""What is loaded once and stays, which the garbage collector need not look through."""

import gc

from proxy.core import pricing, validators


def load() -> None:
    """Loads what the first exchange needs to be understood."""
    pricing.prepare()
    validators.prepare()
    stays()


def stays() -> None:
    """What is in memory stays: to look through all of it would hold all traffic up."""
    gc.freeze()
