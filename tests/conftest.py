"""What all tests share: where the real files are, when they are there, and a server that speaks as it is told."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from scripted_server import Answering, Server, Step, serving

# Tiny models are quickest on one thread, more wait for each other in turning. Read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of training compute on one thread, and the garbage collector passes over what is there before them.

    CTranslate2 and llama.cpp leave torch with as many threads as they take themselves. A training run collects
    garbage twice a stage, which among the modules of torch and transformers takes longer than all else that a
    tiny run does.
    """
    if item.path.parent.name == "training":
        gc.freeze()
        if "torch" in sys.modules:
            import torch

            torch.set_num_threads(1)


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
