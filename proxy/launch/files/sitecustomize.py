# Not a package: its folder is put on the PYTHONPATH of a recorded child. It must parse under any
# Python, and pathlib is more than a bare interpreter has loaded.
# ruff: noqa: INP001, ANN202, UP031, UP036, PTH100, PTH120
"""Loaded by every Python of a recorded run, before its program: see `dashcam_preload`.

It stands in front of the site's own `sitecustomize`, so it loads that one too, in its own name.
"""

import os
import sys


def _install():
    # type: () -> None
    if sys.version_info < (3, 8):
        return
    try:
        import dashcam_preload  # type: ignore[import-not-found]  # noqa: PLC0415 - beside us

        dashcam_preload.install(os.environ)
        if "DASHCAM_CLOCK_OFFSET" in os.environ:
            import dashcam_clock  # type: ignore[import-not-found]  # noqa: PLC0415 - beside us

            dashcam_clock.install(os.environ)
    except Exception as err:  # noqa: BLE001 - a recorder must never break what it records
        if os.environ.get("DASHCAM_DEBUG"):
            sys.stderr.write("dashcam: python preload: %r\n" % (err,))


def _chain():
    # type: () -> None
    """Load the `sitecustomize` that would have been found without us; its errors are its own."""
    here = os.path.dirname(os.path.abspath(__file__))
    ours = sys.modules.pop(__name__, None)
    hidden = [path for path in sys.path if os.path.abspath(path or ".") == here]
    kept = list(sys.path)
    sys.path[:] = [path for path in kept if path not in hidden]
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401, PLC0415
    except ImportError as err:
        if getattr(err, "name", None) != "sitecustomize":
            raise
        sys.modules[__name__] = ours  # type: ignore[assignment]
    finally:
        added = [path for path in sys.path if path not in kept]
        sys.path[:] = kept + added


_install()
_chain()
