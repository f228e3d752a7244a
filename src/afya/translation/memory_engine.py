"""The engine memory: a translation memory's exact matches, then near ones, and a second engine for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import validate
from afya.runs import canonical, sha256_path, sha256_text
from afya.translation import guard
from afya.translation.base import EngineIdentity, Hint, Translation, Translator
from afya.translation.codes import unsupported
from afya.translation.load import load_translator
from afya.translation.memory import CUTOFF, Match, Memory, same_facts
from afya.translation.segments import Reading

_SHOWN = 80


class MemoryOptions(BaseModel):
    """Settings. `cutoff` is the least similarity of a near match, per cent (100: exact ones only).

    `then` is the spec of an engine for texts without a match; without it they are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: float = Field(default=CUTOFF, gt=0, le=100)
    then: str | None = None


OPTIONS = frozenset(MemoryOptions.model_fields)


def load(name: str, options: Mapping[str, object]) -> Translator:
    """The engine over the memory in the file `name`.

    Raises:
        DataError: the file is missing or no translation memory.
        ConfigError: an option is not known, or `then` names no engine.
    """
    settings = validate(dict(options), MemoryOptions, f"memory:{name}")
    then = load_translator(settings.then) if settings.then else None
    return MemoryTranslator(Memory(name, read_only=True), cutoff=settings.cutoff, then=then)


class MemoryTranslator:
    """A translation memory behind the `Translator` protocol. It reads texts whole, as people translated them.

    A near match is used as it is, with its similarity as the score and its source in the note; never where numbers or
    negations differ from the text's.
    """

    reading: Reading = "texts"

    def __init__(self, memory: Memory, *, cutoff: float = CUTOFF, then: Translator | None = None) -> None:
        self.memory = memory
        self.cutoff = cutoff
        self.then = then
        name = f"memory:{memory.path.name}"
        shaping = {"file": sha256_path(memory.path), "cutoff": cutoff}
        if then is None:
            self.identity = EngineIdentity(name, "memory", sha256_text(canonical(shaping)))
        else:
            told = then.identity
            sha256 = sha256_text(canonical({**shaping, "then": told.sha256}))
            # What the second engine may not be used for holds for rows that it may have made.
            self.identity = EngineIdentity(f"{name}+{told.name}", "memory", sha256, told.licence, told.non_commercial)

    @property
    def uses_hints(self) -> bool:
        """Whether the second engine takes hints."""
        return self.then is not None and self.then.uses_hints

    def pairs(self) -> frozenset[tuple[str, str]]:
        """The directions of the memory's entries and of the second engine."""
        own = frozenset(self.memory.pairs())
        return own | self.then.pairs() if self.then is not None else own

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        """One answer a text. Raises ConfigError for a direction that neither memory nor second engine has."""
        known = self.pairs()
        if (source, target) not in known:
            raise unsupported(self.identity.name, source, target, known)
        answers = [self._found(text, source, target) for text in texts]
        rest = [place for place, answer in enumerate(answers) if answer.error is not None]
        if self.then is not None and rest and (source, target) in self.then.pairs():
            given = None if hints is None else [hints[place] for place in rest]
            made = guard.translate(self.then, [texts[place] for place in rest], source, target, hints=given)
            for place, answer in zip(rest, made, strict=True):
                answers[place] = answer
        return answers

    def close(self) -> None:
        """Close the memory and the second engine."""
        self.memory.close()
        if self.then is not None:
            self.then.close()

    def _found(self, text: str, source: str, target: str) -> Translation:
        name = f"memory:{self.memory.path.name}"
        if not text.strip():
            return Translation(text, name)
        exact = self.memory.exact(text, source, target)
        if exact is not None:
            return Translation(exact.entry.target_text, name, score=1.0, note=f"exact match ({exact.entry.origin})")
        near = self.memory.fuzzy(text, source, target, cutoff=self.cutoff) if self.cutoff < 100 else []
        usable = next((match for match in near if same_facts(text, match.entry.source_text, source)), None)
        if usable is not None:
            return Translation(usable.entry.target_text, name, score=usable.similarity / 100, note=_shown(usable))
        if near:
            error = f"the nearest entry has other numbers or negations ({_shown(near[0])})"
        else:
            error = f"the memory has no entry that is {self.cutoff:g}% like the text"
        return Translation("", name, error=error)


def _shown(match: Match) -> str:
    text = " ".join(match.entry.source_text.split())
    short = text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
    # Rounded down: 99.6% is not the same text.
    return f"{int(match.similarity)}% like: '{short}'"
