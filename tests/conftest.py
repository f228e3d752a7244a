"""What all tests share: where the real files are, when they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and models; tests that need it skip where it is absent (AFYA_SHARED names another)."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent (set AFYA_SHARED to the folder of real files)")
    return SHARED
