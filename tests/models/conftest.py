"""The scripted server as a fixture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from scripted_server import Answering, Server, Step, serving


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server with a script; all stop when the test ends."""
    with ExitStack() as running:

        def start(*script: Step | Answering) -> Server:
            return running.enter_context(serving(*script))

        yield start
