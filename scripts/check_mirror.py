"""Every module has its test file: proxy/core/x.py has tests/core/test_x.py, and so on.

Private modules (`_x.py`) are tested through what uses them. What else has no test file of its own
stands in EXEMPT, with the reason.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {"proxy": "tests", "addons": "tests/addons", "sdk/src/dashcam": "tests/sdk"}
EXEMPT: dict[str, str] = {
    "proxy/__main__.py": "one call; the end-to-end tests start Dashcam through it",
    "proxy/errors.py": "class definitions only",
    "proxy/core/calls.py": "value types only; every wire format's tests fill them",
    "proxy/core/decisions.py": "value types only",
    "proxy/demo/__main__.py": "one call; the demo's tests go through it",
}


def missing() -> list[str]:
    """The modules that lack a test file, each with where it should be."""
    found = []
    for source, tests in SOURCES.items():
        for module in sorted((ROOT / source).rglob("*.py")):
            name = module.relative_to(ROOT).as_posix()
            inside = module.relative_to(ROOT / source)
            private = any(part.startswith("_") for part in inside.parts)
            if private or name in EXEMPT or "files" in inside.parts:
                continue
            test = ROOT / tests / inside.parent / f"test_{inside.name}"
            if not test.exists():
                found.append(f"{name}: no {test.relative_to(ROOT)}")
    return found


def main() -> int:
    """Prints what is missing; 1 if anything is."""
    lacking = missing()
    stale = [name for name in EXEMPT if not (ROOT / name).exists()]
    for line in [*lacking, *(f"{name}: exempt, but not there" for name in stale)]:
        print(line)
    return 1 if lacking or stale else 0


if __name__ == "__main__":
    sys.exit(main())
