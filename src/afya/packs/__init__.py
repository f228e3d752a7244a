"""Locale packs: a language as a folder of texts, phrases and local knowledge.

`pack` reads one, `lint` says what is wrong with it, `coverage` how much of it there is, `making` begins a new one.
"""

from afya.packs.finding import Finding
from afya.packs.lint import inspect, lint
from afya.packs.pack import CHILD, Pack, Topics, load_pack
from afya.packs.places import available, builtin_folder, regional

__all__ = [
    "CHILD",
    "Finding",
    "Pack",
    "Topics",
    "available",
    "builtin_folder",
    "inspect",
    "lint",
    "load_pack",
    "regional",
]
