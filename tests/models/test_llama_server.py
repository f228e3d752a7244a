"""llama.cpp's own server, from its wheel, with stories260k as GGUF: a real endpoint says what the local model says."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gguf_model import write_gguf

from afya.models import Message, Prompt, Sampling, load_model

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("xllamacpp", "gguf")), reason="needs xllamacpp and gguf"
)
PROMPTS = [Prompt((Message("user", text),)) for text in ("Once upon a time", "The little dog", "Lily and Tom")]


@pytest.fixture(scope="module")
def address(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    xllamacpp = pytest.importorskip("xllamacpp")
    params: Any = xllamacpp.CommonParams()
    params.model.path = str(write_gguf(shared / "models" / "stories260k", tmp_path_factory.mktemp("gguf") / "s.gguf"))
    params.n_ctx = 1024
    params.n_parallel = 2
    params.port = 0
    params.warmup = False
    server: Any = xllamacpp.Server(params)
    yield str(server.listening_address)
    del server


def test_a_real_server_says_what_the_local_model_says(address: str, shared: Path) -> None:
    remote = load_model("openai:stories", base_url=f"{address}/v1", concurrency=2)
    local = load_model(f"hf:{shared / 'models' / 'stories260k'}", device="cpu")
    sampling = Sampling(max_tokens=24)
    said, expected = (model.generate(PROMPTS, sampling) for model in (remote, local))
    # The local tokenizer drops the space before a reply's first word, as it does at the beginning of any text.
    assert [reply.text.lstrip() for reply in said] == [reply.text.lstrip() for reply in expected]
    for one, other in zip(said, expected, strict=True):
        assert (one.finish_reason, one.prompt_tokens, one.completion_tokens) == ("length", other.prompt_tokens, 24)


def test_a_prompt_beyond_its_context_is_an_error_of_that_prompt_alone(address: str) -> None:
    model = load_model("openai:stories", base_url=f"{address}/v1")
    long = Prompt((Message("user", "Once upon a time " * 400),))
    replies = model.generate([PROMPTS[0], long], Sampling(max_tokens=4))
    assert replies[0].error is None
    assert replies[1].finish_reason == "error"
    assert "HTTP 400" in str(replies[1].error)
