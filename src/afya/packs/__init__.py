"""Locale packs: a language as a folder of texts and phrases, its loader and its linter."""

from afya.packs.lint import Finding, lint
from afya.packs.pack import Pack, Topics, available, builtin_folder, load_pack

__all__ = ["Finding", "Pack", "Topics", "available", "builtin_folder", "lint", "load_pack"]
