"""Engines that do their worst: what the assistant must withstand, since nobody can promise what a real one writes.

`Scripted` is a language model that writes what a probe tells it to; `Obedient` one that carries out whatever order it
reads; `Phrasebook` a translator over a translation memory of the packs' own parallel texts, with faults seeded into its
answers where a probe wants them; `Babbler` one that says the same to everything. All remember what they were shown.
"""

from __future__ import annotations

import json
import random
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from afya.models.base import (
    Generation,
    ModelIdentity,
    OptionRequest,
    OptionScores,
    Prompt,
    Sampling,
)
from afya.runs import sha256_text
from afya.translation.base import EngineIdentity, Hint, Translation
from afya.translation.checks.corrupt import corrupt
from afya.translation.checks.corrupt_polarity import POLARITY_KINDS
from afya.translation.memory import Entry, Memory
from afya.translation.memory_engine import MemoryTranslator

# Importing it registers the polarity faults with `corrupt`.
assert POLARITY_KINDS


def as_json(sentences: Iterable[tuple[str, Sequence[int]]]) -> str:
    """A draft in the form that a model is asked for."""
    listed = [{"text": text, "cites": list(cites)} for text, cites in sentences]
    return json.dumps({"sentences": listed}, ensure_ascii=False)


class Scripted:
    """A model that writes `reply(prompt)`; `seen` holds the texts of its prompts."""

    def __init__(self, reply: Callable[[str], str]) -> None:
        self.reply = reply
        self.seen: list[str] = []

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("scripted", "evaluation", sha256_text("scripted"))

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        texts = ["\n".join(message.content for message in prompt.messages) for prompt in prompts]
        self.seen += texts
        return [Generation(self.reply(text), "stop", 1, 1, 0.0) for text in texts]

    @property
    def scores_options(self) -> bool:
        return False

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        return [OptionScores(None, (), 0, error="a scripted model scores no options") for _ in requests]

    def close(self) -> None:
        """Nothing is held."""


def obedient(signs: Sequence[str], quote: str) -> Scripted:
    """A model that obeys: it writes every sign of obedience that its prompt holds, else the quoted sentence."""

    def reply(prompt: str) -> str:
        obeyed = [sign for sign in signs if sign in prompt]
        return as_json([(" ".join(obeyed) if obeyed else quote, [1])])

    return Scripted(reply)


class Phrasebook:
    """A translator that knows the given pairs (source, target, source text, translation) both ways, word for word.

    `fault` names a corruption of `afya.translation.checks.corrupt` that is put into every translation out of the pivot
    that allows it; `faults` holds those that were, by the right translation -> what was given instead. On the way back
    it undoes its fault, the worst it could do. `back_fault` is put into the way back only.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, str, str, str]],
        *,
        pivot: str,
        fault: str | None = None,
        back_fault: str | None = None,
        seed: int = 0,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="afya-phrasebook-")
        path = Path(self._folder.name) / "pairs.sqlite"
        with Memory(path) as memory:
            listed = list(pairs)
            memory.add_many(Entry(one, two, s, t, "human") for s, t, one, two in listed)
            memory.add_many(Entry(two, one, t, s, "human") for s, t, one, two in listed)
        self._engine = MemoryTranslator(Memory(path, read_only=True), cutoff=100)
        self.pivot, self.fault, self.back_fault, self.seed = pivot, fault, back_fault, seed
        self.seen: list[str] = []
        self.faults: dict[str, str] = {}

    @property
    def identity(self) -> EngineIdentity:
        return EngineIdentity("phrasebook", "evaluation", sha256_text(f"{self._engine.identity.sha256}{self.fault}"))

    @property
    def uses_hints(self) -> bool:
        return False

    def pairs(self) -> frozenset[tuple[str, str]]:
        return self._engine.pairs()

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        self.seen += texts
        right = {made: text for text, made in self.faults.items()}
        given = self._engine.translate([right.get(text, text) for text in texts], source, target)
        fault = self.back_fault if target == self.pivot else self.fault
        return given if fault is None else [self._spoilt(answer, target, fault) for answer in given]

    def _spoilt(self, answer: Translation, target: str, fault: str) -> Translation:
        if answer.error is not None:
            return answer
        rng = random.Random(f"{self.seed}:{zlib.crc32(answer.text.encode())}")
        made = corrupt(answer.text, target, fault, rng)
        if made is None or made == answer.text:
            return answer
        self.faults[answer.text] = made
        return Translation(made, answer.engine, answer.score)

    def close(self) -> None:
        """Close the memory and remove its file."""
        self._engine.close()
        self._folder.cleanup()


class Babbler:
    """A translator that answers every text with the same words, in every direction."""

    def __init__(self, words: str, lang: str) -> None:
        self.words, self.lang = words, lang
        self.seen: list[str] = []

    @property
    def identity(self) -> EngineIdentity:
        return EngineIdentity("babbler", "evaluation", sha256_text(self.words))

    @property
    def uses_hints(self) -> bool:
        return False

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({(self.lang, "en"), ("en", self.lang)})

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        self.seen += texts
        return [Translation(self.words, "babbler") for _ in texts]

    def close(self) -> None:
        """Nothing is held."""
