"""What a handler needs: its imports, theirs, and so on; and the files that these modules read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

from infra.packaging.sources import Source

PACKAGES = ("functions", "shared")
"""All that may run on Lambda."""


@dataclass(frozen=True)
class Closure:
    files: frozenset[Path]
    """Our modules and the data that they read."""
    modules: frozenset[str]
    external: Mapping[str, str]
    """Top-level modules of others, each with one of ours that imports it."""
    services: frozenset[str]
    """AWS services that a client is made of."""


class Imports:
    """Every import statement of our code, those inside functions included, those for type checkers left out."""

    def __init__(self, root: Path) -> None:
        self._graph = grimp.build_graph(
            *PACKAGES, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
        )
        self._root = root
        self._sources: dict[str, Source] = {}

    def closure(self, starts: Iterable[str]) -> Closure:
        """All that can be reached from `starts`, without what stands in a `try` with an `except ImportError`.

        So skia stays out, which cannot load on Lambda (it needs the system's libGL), and resvg, which its `except`
        imports, comes in.
        """
        waiting, modules, external = list(starts), set[str](), dict[str, str]()
        while waiting:
            module = waiting.pop()
            if module in modules:
                continue
            modules.add(module)
            if parent := module.rpartition(".")[0]:
                waiting.append(parent)  # whoever imports a module runs its package's __init__ as well
            for imported in sorted(self._graph.find_modules_directly_imported_by(module)):
                top = imported.partition(".")[0]
                if top in sys.stdlib_module_names or self._is_optional(module, imported):
                    continue
                if top in PACKAGES:
                    waiting.append(imported)
                else:
                    external.setdefault(top, module)
        sources = [self._source(module) for module in sorted(modules)]
        return Closure(
            files=frozenset(s.path for s in sources).union(*(s.data_files for s in sources)),
            modules=frozenset(modules),
            external=external,
            services=frozenset[str]().union(*(s.services for s in sources)),
        )

    def _is_optional(self, importer: str, imported: str) -> bool:
        optional = self._source(importer).optional_lines
        details = self._graph.get_import_details(importer=importer, imported=imported)
        return bool(optional) and all(detail["line_number"] in optional for detail in details)

    def _source(self, module: str) -> Source:
        if module not in self._sources:
            self._sources[module] = Source(self._root, module)
            self._sources[module].check_imports()
        return self._sources[module]
