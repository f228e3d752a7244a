"""What all tests share: where the real files are, when they are there, and a server that speaks as it is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from scripted_server import Answering, Server, Step, serving

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and models; tests that need it skip where it is absent (AFYA_SHARED names another)."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent (set AFYA_SHARED to the folder of real files)")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFYA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server with a script; all stop when the test ends."""
    with ExitStack() as running:

        def start(*script: Step | Answering) -> Server:
            return running.enter_context(serving(*script))

        yield start
