"""Change a module of somebody else's once it is there: now if it is imported already, else then."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_log = logging.getLogger("dashcam")

Patch = Callable[[Any], None]
"""Takes the module; may raise, which leaves the module as it is."""


class Hooks:
    """Patches by module name, each applied once. It is a finder on `sys.meta_path`."""

    def __init__(self, patches: Mapping[str, Patch]) -> None:
        self._patches = patches
        self._left = set(patches)
        self._finding: set[str] = set()

    def install(self) -> None:
        """Patch what is imported by now, and wait for the rest; may be called again and again."""
        for name in tuple(self._left):
            module = sys.modules.get(name)
            # one whose import is under way is not complete yet, and comes by `find_spec`
            if module is not None and not getattr(module.__spec__, "_initializing", False):
                self.patch(module)
        if self._left and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def patch(self, module: ModuleType) -> None:
        """Patch one module, never to raise."""
        self._left.discard(module.__name__)
        try:
            self._patches[module.__name__](module)
        except Exception:  # noqa: BLE001 - a library we do not know as well as we thought must still work
            _log.debug("calls made with %s will not be named", module.__name__, exc_info=True)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find one of our modules, and wait at its loader."""
        if name not in self._left or name in self._finding:
            return None
        self._finding.add(name)
        try:
            for finder in sys.meta_path:
                find = getattr(finder, "find_spec", None)
                spec: ModuleSpec | None = find(name, path, target) if find is not None else None
                if spec is not None:
                    self._attend(spec)
                    return spec
        finally:
            self._finding.discard(name)
        return None

    def _attend(self, spec: ModuleSpec) -> None:
        """Be called after the module's code has run; its loader keeps its type."""
        loader: Any = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            execute(module)
            if module.__name__ == spec.name:
                self.patch(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader with slots: the next `install` sees to the module
            return
