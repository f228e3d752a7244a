"""A translator in a process of its own, with the interface of any translator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from afya.assistant.engines.process import COMMAND, EngineProcess, Unavailable
from afya.assistant.limits import Limits
from afya.runs import sha256_text
from afya.translation.base import EngineIdentity, Hint, Translation
from afya.translation.load import parse_spec

# Of a stage's time: it is to say why there is no answer, and not to be late itself.
_SHARE = 0.9


class TranslatorProcess:
    """The engine of a spec as `afya translate` takes it. Its process starts with the first text, or `warm`.

    Raises:
        ConfigError: the spec is not known. What the engine itself refuses is said by the errors of the translations.
    """

    def __init__(self, spec: str, limits: Limits, *, command: Sequence[str] = COMMAND, **options: object) -> None:
        kind, _ = parse_spec(spec)
        self._identity = EngineIdentity(spec, kind, sha256_text(spec))
        self._limits = limits
        self.process = EngineProcess({"kind": "translator", "spec": spec, "options": options}, limits, command=command)

    @property
    def identity(self) -> EngineIdentity:
        """The engine's own identity once it is loaded; the spec's until then."""
        ready = self.process.ready
        return self._identity if ready is None else EngineIdentity(**ready["identity"])

    @property
    def uses_hints(self) -> bool:
        """Whether glossary hints change anything; False until the engine is loaded."""
        ready = self.process.ready
        return False if ready is None else bool(ready["uses_hints"])

    def pairs(self) -> frozenset[tuple[str, str]]:
        """The engine's pairs; none while it is not available."""
        if self.process.ready is None:
            self.process.start()
        ready = self.process.ready
        return frozenset() if ready is None else frozenset((source, target) for source, target in ready["pairs"])

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        """One translation a text. Where the process gives none, each says why, and nothing is raised."""
        request = {
            "do": "translate",
            "texts": list(texts),
            "source": source,
            "target": target,
            "hints": None if hints is None else [[[hint.source, hint.target] for hint in entry] for entry in hints],
        }
        answer = self.process.ask(request, self._limits.translation_seconds * _SHARE)
        blank = Translation("", self.identity.name)
        if isinstance(answer, Unavailable):
            return [replace(blank, error=answer.reason) for _ in texts]
        return [Translation(**reply) for reply in answer]

    def warm(self) -> Unavailable | None:
        """Load the engine now; None when it is ready, else why it is not."""
        return self.process.start()

    def close(self) -> None:
        """End the process."""
        self.process.close()
