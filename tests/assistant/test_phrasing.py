"""A language model's wording of the advice: what is delivered, and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from afya.assistant import Assistant
from afya.assistant.answering.phrasing import check
from afya.assistant.resources import Resources, load
from afya.errors import EngineError
from afya.models import Generation, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.packs import load_pack

QUESTION = "10 months, cough for 2 days, 36 breaths per minute, no danger signs, no chest indrawing, no stridor"
ADVICE = (
    "Cough or cold\nGive no antibiotic.\nSoothe the throat and the cough with a safe home remedy. "
    "See the child again in 5 days if the child is not better."
)


class Endpoint:
    """Stands for a remote model: says what it is told to say, or fails."""

    identity = ModelIdentity("endpoint", "test", "0")
    scores_options = False

    def __init__(self, text: str = "", *, error: str | None = None, broken: bool = False) -> None:
        self.text, self.error, self.broken = text, error, broken
        self.prompts: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        if self.broken:
            raise EngineError("The endpoint is gone.")
        self.prompts += prompts
        return [Generation(self.text, "error" if self.error else "stop", 1, 1, 0.0, error=self.error) for _ in prompts]

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        raise NotImplementedError


@pytest.fixture(scope="module")
def english() -> Resources:
    return load("en")


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("It is a cough or cold. Give no antibiotic. Soothe the throat with a safe home remedy. "
         "See the child again in 5 days if the child is not better.", set()),
        ("It is a cough or cold. Give no antibiotic; soothe the throat. See the child in 7 days if not better.",
         {"numbers"}),
        ("It is a cough or cold. Give no antibiotic; soothe the throat. See the child in seven days if not better.",
         {"numbers"}),
        ("It is a cough or cold. Give an antibiotic and soothe the throat. See the child again in 5 days, if better.",
         {"denials"}),
        ("It is a cough or cold. Give no antibiotic but amoxicillin, not more. Soothe the throat with a safe remedy.",
         {"medicines"}),
        ("Ni kikohozi au mafua. Usimpe mtoto dawa. Mpe kitu cha kutuliza koo. Mwone mtoto tena baada ya siku 5.",
         {"language", "denials", "support"}),
        ("Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
         "No, no, not today, said her mother, we will not go.", {"support"}),
        ("", {"length", "language", "denials", "support"}),
        (ADVICE * 3, {"length"}),
    ],
)  # fmt: skip
def test_only_what_passes_every_check_is_fit_to_show(text: str, failed: set[str], english: Resources) -> None:
    assert set(check(text, ADVICE, english)) == failed


def test_a_text_that_passes_stands_below_the_packs_and_is_marked() -> None:
    text = (
        "It is a cough or cold. Give no antibiotic. Soothe the throat and cough with a safe home remedy, give no cough "
        "medicine. Tell the mother to come back at once if the child cannot drink or gets sicker. See the child again "
        "in 5 days if the child is not better."
    )
    model = Endpoint(text)
    answer = Assistant("en", model=model).ask(QUESTION)
    pack = load_pack("en")
    kinds = [block.kind for block in answer.blocks]
    assert [block.text for block in answer.blocks if block.origin == "model"] == [text]
    assert kinds.index("model") > kinds.index("action")
    assert pack.text("notice.model_text") in answer.text
    assert pack.text("action.no_antibiotic") in model.prompts[0].messages[0].content


@pytest.mark.parametrize(
    ("model", "notice"),
    [
        (Endpoint("Give amoxicillin 250 mg."), "notice.model_withheld"),
        (Endpoint(error="context too long"), "notice.model_unavailable"),
        (Endpoint(broken=True), "notice.model_unavailable"),
    ],
)
def test_otherwise_the_packs_text_stands_alone_with_a_note(model: Endpoint, notice: str) -> None:
    answer = Assistant("en", model=model).ask(QUESTION)
    pack = load_pack("en")
    assert answer.colour == "green"
    assert {block.origin for block in answer.blocks} == {"pack"}
    assert pack.text(notice) in answer.text
    assert pack.text("action.no_antibiotic") in answer.text


@pytest.mark.parametrize("question", ["the child is convulsing", "How do I mend a bicycle?", "hello", ""])
def test_a_model_is_never_asked_about_danger_or_what_is_not_known(question: str) -> None:
    model = Endpoint("anything")
    answer = Assistant("en", model=model).ask(question)
    assert not model.prompts
    assert {block.origin for block in answer.blocks} == {"pack"}


def test_a_real_model_that_tells_stories_is_not_delivered(shared: Path) -> None:
    pytest.importorskip("torch")
    folder = shared / "models" / "stories260k"
    if not folder.is_dir():
        pytest.skip("stories260k is not at hand")
    from afya.models import load_model

    answer = Assistant("en", model=load_model(f"hf:{folder}")).ask(QUESTION)
    assert {block.origin for block in answer.blocks} == {"pack"}
    assert (
        load_pack("en").text("notice.model_withheld") in answer.text
        or load_pack("en").text("notice.model_unavailable") in answer.text
    )
