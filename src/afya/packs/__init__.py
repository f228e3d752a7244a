"""Locale packs: a language as a folder of texts and phrases, its loader and its linter."""

from afya.packs.lint import Finding, lint
from afya.packs.pack import Pack, Topics, available, builtin_folder, load_pack
from afya.packs.phrases import Match, Phrases

__all__ = ["Finding", "Match", "Pack", "Phrases", "Topics", "available", "builtin_folder", "lint", "load_pack"]
