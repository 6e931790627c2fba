"""The recording: loss-free, text, made for git. docs/recordings.md describes it."""

from proxy.core.recording import dump as export

__all__ = ["export"]
