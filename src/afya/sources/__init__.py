"""Public datasets: a module each, from its published files to Items, and the import into a dataset folder."""

from __future__ import annotations

from afya.sources.catalogue import SOURCES, source
from afya.sources.importing import ImportResult, import_source
from afya.sources.source import Malformed, Reading, Source

__all__ = ["SOURCES", "ImportResult", "Malformed", "Reading", "Source", "import_source", "source"]
