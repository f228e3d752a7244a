"""Models and translators that are listened to, and those that say again what was heard.

A tap stands before an engine and notes, for the turn that is running, what it was asked and what it gave. In a replay a
recorded engine stands in its place: it answers what was asked in that turn, and has no answer to anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

from afya.assistant.audit.outputs import asked_key
from afya.assistant.context import HEARD, Call
from afya.errors import EngineError
from afya.models.base import Generation, LanguageModel, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.translation.base import EngineIdentity, Hint, Translation, Translator

Identity = TypeVar("Identity", ModelIdentity, EngineIdentity)

_FAULT = "engine_error"
_NOT_HEARD = "this was not asked when the turn was recorded"


class _Named(Protocol):
    @property
    def identity(self) -> ModelIdentity | EngineIdentity: ...


class ModelTap:
    """A language model, with what it gives noted for the audit."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    @property
    def identity(self) -> ModelIdentity:
        return self._model.identity

    @property
    def scores_options(self) -> bool:
        return self._model.scores_options

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        try:
            replies = self._model.generate(prompts, sampling)
        except EngineError as error:
            for prompt in prompts:
                _note(_asked_model(self, prompt, sampling), _fault(error))
            raise
        for prompt, reply in zip(prompts, replies, strict=True):
            # How long it took and what it cost are no part of what was said.
            _note(_asked_model(self, prompt, sampling), asdict(reply) | {"latency_s": 0.0, "cost_usd": None})
        return replies

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        try:
            scores = self._model.score_options(requests)
        except EngineError as error:
            for request in requests:
                _note(_asked_options(self, request), _fault(error))
            raise
        for request, score in zip(requests, scores, strict=True):
            _note(_asked_options(self, request), asdict(score) | {"latency_s": 0.0})
        return scores

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class TranslatorTap:
    """A translator, with what it gives noted for the audit."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator

    @property
    def identity(self) -> EngineIdentity:
        return self._translator.identity

    @property
    def uses_hints(self) -> bool:
        return self._translator.uses_hints

    def pairs(self) -> frozenset[tuple[str, str]]:
        return self._translator.pairs()

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        asked = [
            _asked_translator(self, text, source, target, hints[place] if hints is not None else ())
            for place, text in enumerate(texts)
        ]
        try:
            made = self._translator.translate(texts, source, target, hints=hints)
        except EngineError as error:
            for each in asked:
                _note(each, _fault(error))
            raise
        for each, translation in zip(asked, made, strict=True):
            _note(each, asdict(translation))
        return made

    def close(self) -> None:
        self._translator.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._translator, name)


class RecordedModel:
    """Says again what a model said in one turn; an error for everything else."""

    scores_options = True

    def __init__(self, identity: ModelIdentity | str, given: Mapping[str, object]) -> None:
        self._identity = identity
        self._given = given

    @property
    def identity(self) -> ModelIdentity:
        if isinstance(self._identity, str):
            raise EngineError(self._identity)
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        return [self._recall(prompt, sampling) for prompt in prompts]

    def _recall(self, prompt: Prompt, sampling: Sampling) -> Generation:
        given = _recalled(self._given, _asked_model(self, prompt, sampling))
        if given is None:
            return Generation("", "unavailable", 0, 0, 0.0, error=_NOT_HEARD)
        return Generation(**given)

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        scores = []
        for request in requests:
            given = _recalled(self._given, _asked_options(self, request))
            if given is None:
                scores.append(OptionScores(None, (), 0, error=_NOT_HEARD))
                continue
            logprobs = None if given["logprobs"] is None else tuple(given["logprobs"])
            scores.append(OptionScores(**{**given, "logprobs": logprobs, "tokens": tuple(given["tokens"])}))
        return scores


class RecordedTranslator:
    """Says again what a translator gave in one turn; an error for everything else."""

    def __init__(
        self,
        identity: EngineIdentity | str,
        pairs: frozenset[tuple[str, str]],
        given: Mapping[str, object],
        *,
        uses_hints: bool = False,
    ) -> None:
        self.uses_hints = uses_hints
        self._identity = identity
        self._pairs = pairs
        self._given = given

    @property
    def identity(self) -> EngineIdentity:
        if isinstance(self._identity, str):
            raise EngineError(self._identity)
        return self._identity

    def pairs(self) -> frozenset[tuple[str, str]]:
        return self._pairs

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        made = []
        for place, text in enumerate(texts):
            asked = _asked_translator(self, text, source, target, hints[place] if hints is not None else ())
            given = _recalled(self._given, asked)
            missing = Translation("", self.identity.name, error=_NOT_HEARD)
            made.append(missing if given is None else Translation(**given))
        return made

    def close(self) -> None:
        """Nothing is held."""


def stand_ins(
    told: Mapping[str, Any], given: Mapping[str, object]
) -> tuple[RecordedModel | None, RecordedTranslator | None]:
    """The recorded engines of a turn (`inputs.engines_of`), None for those that it did not have."""
    model, translator = told.get("model"), told.get("translator")
    recorded_model, recorded_translator = None, None
    try:
        if model is not None:
            recorded_model = RecordedModel(_identity(ModelIdentity, model), given)
        if translator is not None:
            pairs = frozenset((source, target) for source, target in translator.get("pairs", ()))
            recorded_translator = RecordedTranslator(
                _identity(EngineIdentity, translator), pairs, given, uses_hints=bool(translator.get("uses_hints"))
            )
    except (TypeError, AttributeError, ValueError) as error:
        raise EngineError(f"The log describes an engine in a way that this afya does not read ({error}).") from None
    return recorded_model, recorded_translator


def _identity(kind: type[Identity], told: Mapping[str, Any]) -> Identity | str:
    """An engine's identity, or the error that it gave in place of one."""
    return kind(**told["identity"]) if "identity" in told else str(told.get("error"))


def _note(asked: Mapping[str, object], given: object) -> None:
    heard = HEARD.get()
    if heard is not None:
        heard.calls.append(Call(asked, given))


def _fault(error: EngineError) -> dict[str, object]:
    """What stands for an answer that did not come."""
    return {_FAULT: error.message}


def _recalled(given: Mapping[str, object], asked: Mapping[str, object]) -> dict[str, Any] | None:
    """What an engine gave to this; None when it was not asked. Raises EngineError where it raised one."""
    found = given.get(asked_key(asked))
    if not isinstance(found, dict):
        return None
    if _FAULT in found:
        raise EngineError(str(found[_FAULT]))
    return found


def _sha(engine: _Named) -> str | None:
    """The hash of what an engine is; None for one that could not be started and does not say."""
    try:
        return engine.identity.sha256
    except EngineError:
        return None


def _asked_model(engine: _Named, prompt: Prompt, sampling: Sampling) -> dict[str, object]:
    return {"engine": "model", "sha256": _sha(engine), "prompt": asdict(prompt), "sampling": asdict(sampling)}


def _asked_options(engine: _Named, request: OptionRequest) -> dict[str, object]:
    return {"engine": "model options", "sha256": _sha(engine), "request": asdict(request)}


def _asked_translator(engine: _Named, text: str, source: str, target: str, hints: Sequence[Hint]) -> dict[str, object]:
    return {
        "engine": "translator",
        "sha256": _sha(engine),
        "text": text,
        "source": source,
        "target": target,
        "hints": [asdict(hint) for hint in hints],
    }
