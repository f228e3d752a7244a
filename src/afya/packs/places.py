"""Where packs lie: a folder of the user's, then those that come with afya."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from afya.errors import ConfigError

ENVIRONMENT = "AFYA_PACKS"


def builtin_folder() -> Path:
    """The folder of the packs that come with afya."""
    return Path(str(files("afya.packs")))


def roots(root: Path | None = None) -> tuple[Path, ...]:
    """The folders in which packs are looked for, in this order: `root` (else $AFYA_PACKS), those that come with afya.

    Raises ConfigError when the named folder is not there.
    """
    named = root
    if named is None and os.environ.get(ENVIRONMENT):
        named = Path(os.environ[ENVIRONMENT]).expanduser()
        if not named.is_dir():
            raise ConfigError(f"{ENVIRONMENT} names the folder {named}, which is not there.")
    return (builtin_folder(),) if named is None else (named, builtin_folder())


def available(root: Path | None = None) -> tuple[str, ...]:
    """The languages that have a pack, sorted; regional packs are told by `regional`."""
    return tuple(code for code in _codes(root) if "-" not in code)


def regional(root: Path | None = None) -> tuple[str, ...]:
    """The regional packs there are ("sw-KE"), sorted."""
    return tuple(code for code in _codes(root) if "-" in code)


def _codes(root: Path | None) -> tuple[str, ...]:
    return tuple(sorted({path.parent.name for base in roots(root) for path in base.glob("*/pack.yaml")}))
