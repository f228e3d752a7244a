"""The engine llm: any language model of afya, asked to translate by a prompt made for the target language.

The prompt is data (prompts/template.yaml and each target language's notes). A reply counts only with a marked block in
it; one without is asked for again, then it is an error of its text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from uuid import uuid4

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model, validate
from afya.errors import ConfigError, EngineDownError
from afya.languages import language, parse_codes, registry
from afya.models.base import Generation, LanguageModel, Message, Prompt, Sampling
from afya.models.load import ENGINES, load_model, parse_spec
from afya.runs import canonical, sha256_text
from afya.translation.base import EngineIdentity, Hint, Translation, Translator
from afya.translation.codes import unsupported
from afya.translation.licensing import licence_of
from afya.translation.segments import Reading

_TEXT_TAG, _TAG = "text", "translation"
_THOUGHT = regex.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", regex.DOTALL | regex.IGNORECASE)
_FENCE = regex.compile(r"\A```[^\n]*\n(.*?)\n?```\Z", regex.DOTALL)
_LINE_BREAK = regex.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_SHOWN = 60


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Template(_Strict):
    """prompts/template.yaml."""

    system: str
    user: str
    notes: str
    glossary: str
    term: str
    kept: str
    again: str


class Notes(_Strict):
    """prompts/{code}.yaml: how the language is to be written."""

    language: str
    reviewed: bool
    notes: tuple[str, ...]


class LlmOptions(_Strict):
    """Settings of the translation; a model's own settings (`HfOptions`, `OpenAIOptions`) may stand beside them.

    A reply may have 64 tokens and `tokens_a_character` for each of the text's, at most `max_tokens`, and
    `thinking_tokens` more for models that think first; one without a translation in it is asked for again `retries`
    times. `languages` names those the model is trusted with (codes with commas; None: the whole registry). `licence` is
    the SPDX identifier of the model's licence where its card is not at hand.
    """

    temperature: float = Field(default=0.0, ge=0)
    seed: int = 0
    tokens_a_character: float = Field(default=4.0, gt=0)
    max_tokens: int = Field(default=8192, ge=1)
    thinking_tokens: int = Field(default=0, ge=0)
    retries: int = Field(default=1, ge=0, le=5)
    languages: str | None = None
    licence: str | None = None


_OWN = frozenset(LlmOptions.model_fields)
OPTIONS = _OWN | frozenset(name for engine in ENGINES.values() for name in engine().option_names())


def load(name: str, options: Mapping[str, object]) -> Translator:
    """The translator over the language model with this spec, such as "hf:FOLDER" or "openai:NAME".

    Raises:
        ConfigError: the spec or an option is not known. EngineError: the model cannot be loaded.
    """
    kind, model_name = parse_spec(name)
    settings = validate({key: value for key, value in options.items() if key in _OWN}, LlmOptions, f"llm:{name}")
    model = load_model(name, **{key: value for key, value in options.items() if key not in _OWN})
    if settings.licence is None and kind == "hf" and Path(model_name).is_dir():
        licence, non_commercial = licence_of(Path(model_name), "llm", model_name)
    else:
        licence = settings.licence
        non_commercial = None if licence is None else "NC" in licence.upper().split("-")
    return LlmTranslator(model, settings, licence=licence, non_commercial=non_commercial)


class LlmTranslator:
    """A language model behind the `Translator` protocol. Glossary entries go into its prompts."""

    uses_hints = True
    reading: Reading = "lines"

    def __init__(
        self,
        model: LanguageModel,
        options: LlmOptions | None = None,
        *,
        licence: str | None = None,
        non_commercial: bool | None = None,
    ) -> None:
        self.model = model
        self.options = options or LlmOptions()
        codes = tuple(registry()) if self.options.languages is None else parse_codes(self.options.languages)
        self._pairs = frozenset((one, two) for one in codes for two in codes if one != two)
        told = model.identity
        shaping = {
            "model": told.sha256,
            "prompts": {"template": template().model_dump(), "notes": {code: _notes(code) for code in codes}},
            "options": self.options.model_dump(exclude={"languages", "licence"}),
        }
        name = f"llm:{told.engine}:{told.name}"
        self.identity = EngineIdentity(name, "llm", sha256_text(canonical(shaping)), licence, non_commercial)

    def pairs(self) -> frozenset[tuple[str, str]]:
        """All pairs of the languages that the model is trusted with."""
        return self._pairs

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        """One answer a text.

        Raises:
            ConfigError: the pair is not among the trusted languages'.
            EngineDownError: the model answers nothing any more. EngineError: it cannot be asked at all.
        """
        if (source, target) not in self._pairs:
            raise unsupported(self.identity.name, source, target, self._pairs)
        answers: list[Translation | None] = [
            None if text.strip() else Translation(text, self.identity.name) for text in texts
        ]
        prompts = {
            place: translation_prompt(texts[place], source, target, hints[place] if hints is not None else ())
            for place, answer in enumerate(answers)
            if answer is None
        }
        for left in range(self.options.retries, -1, -1):
            replies = self._ask(prompts, texts)
            for place, reply in replies.items():
                found = read_reply(reply, texts[place])
                if isinstance(found, str):
                    answers[place] = Translation(found, self.identity.name)
                    del prompts[place]
                elif not found.again or not left:
                    answers[place] = Translation("", self.identity.name, error=found.told)
                    del prompts[place]
                else:
                    prompts[place] = _reminded(prompts[place], reply.text, texts[place])
        return [answer for answer in answers if answer is not None]

    def close(self) -> None:
        """Let go of the model's connections, where it has some."""
        close = getattr(self.model, "close", None)
        if close is not None:
            close()

    def _ask(self, prompts: Mapping[int, Prompt], texts: Sequence[str]) -> dict[int, Generation]:
        """The replies by place. Texts of like length go together, since a batch has one limit of tokens."""
        groups: dict[int, list[int]] = defaultdict(list)
        for place in prompts:
            groups[self._limit(texts[place])].append(place)
        replies: dict[int, Generation] = {}
        for limit, places in sorted(groups.items()):
            sampling = Sampling(max_tokens=limit, temperature=self.options.temperature, seed=self.options.seed)
            replies.update(zip(places, self.model.generate([prompts[at] for at in places], sampling), strict=True))
        lost = [reply.error for reply in replies.values() if reply.finish_reason == "unavailable"]
        if lost and not self._is_up():
            # Otherwise every text that is left would be given up, one by one.
            raise EngineDownError(
                f"{self.identity.name} does not answer ({lost[0]}).",
                hint="When it is back, run the same command again.",
            )
        return replies

    def _is_up(self) -> bool:
        """Whether the model answers at all; what it is asked was never asked before, so that no record answers."""
        prompt = Prompt((Message("user", f"Say yes. {uuid4().hex}"),))
        (reply,) = self.model.generate([prompt], Sampling(max_tokens=16, temperature=0.0))
        return reply.finish_reason != "unavailable"

    def _limit(self, text: str) -> int:
        """The most tokens of a reply, a power of two so that few batches differ."""
        wanted = 64 + int(self.options.tokens_a_character * len(text))
        return min(1 << (wanted - 1).bit_length(), self.options.max_tokens) + self.options.thinking_tokens


class Unusable(BaseModel):
    """Why a reply gives no translation, and whether asking again may help."""

    model_config = ConfigDict(frozen=True)

    told: str
    again: bool


def translation_prompt(text: str, source: str, target: str, hints: Sequence[Hint] = ()) -> Prompt:
    """The prompt for one text. Its marks are others where the text holds the usual ones."""
    parts = template()
    names = {"source": _named(source), "target": _named(target)}
    opened, tag = _tags(text)
    notes = "".join(f"- {note}\n" for note in _notes(target))
    terms = "".join(
        (parts.kept if hint.target is None else parts.term).format(source=hint.source, target=hint.target) + "\n"
        for hint in hints
    )
    user = parts.user.format(
        **names,
        open=opened,
        tag=tag,
        text=text,
        notes=f"{parts.notes.format(**names)}\n{notes}" if notes else "",
        glossary=f"{parts.glossary}\n{terms}" if terms else "",
    )
    return Prompt((Message("system", parts.system.format(**names).strip()), Message("user", user.strip())))


def read_reply(reply: Generation, text: str) -> str | Unusable:
    """The translation in a reply to the prompt for `text`, or why there is none."""
    if reply.error is not None or reply.finish_reason == "error":
        return Unusable(told=f"the model did not answer: {reply.error or 'no reason given'}", again=False)
    if reply.finish_reason == "filtered":
        return Unusable(told="the model's provider refused the text or its translation", again=False)
    if reply.finish_reason == "length":
        return Unusable(told=f"the reply was cut off after {reply.completion_tokens} tokens", again=False)
    tag = _tags(text)[1]
    said = _THOUGHT.sub("", reply.text)
    blocks = regex.findall(
        rf"<\s*{tag}\s*>((?:(?!<\s*/?\s*{tag}\s*>).)*)<\s*/\s*{tag}\s*>", said, regex.DOTALL | regex.IGNORECASE
    )
    found = {_unfenced(block) for block in blocks} - {""}
    if len(found) > 1:
        return Unusable(told=f"the model gave {len(found)} different translations", again=True)
    if not found:
        shown = " ".join(reply.text.split())
        short = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "..."
        return Unusable(told=f"the model's reply has no marked translation ('{short}')", again=True)
    made = found.pop()
    if len(_LINE_BREAK.findall(text.strip())) == 0:
        return _LINE_BREAK.sub(" ", made)
    return made


def _reminded(prompt: Prompt, reply: str, text: str) -> Prompt:
    """The prompt once more, with the beginning of the unusable reply and what was wrong with it."""
    again = template().again.format(tag=_tags(text)[1]).strip()
    said = reply.strip()[:2000] or "..."
    return Prompt((*prompt.messages, Message("assistant", said), Message("user", again)))


def _tags(text: str) -> tuple[str, str]:
    """The marks around the text and around the answer, such as the text itself does not hold."""
    number = 1
    folded = text.casefold()
    while True:
        ending = "" if number == 1 else f"-{number}"
        opened, tag = f"{_TEXT_TAG}{ending}", f"{_TAG}{ending}"
        if f"{opened}>" not in folded and f"{tag}>" not in folded:
            return opened, tag
        number += 1


def _unfenced(block: str) -> str:
    inner = block.strip()
    fenced = _FENCE.match(inner)
    return fenced[1].strip() if fenced else inner


def _named(code: str) -> str:
    entry = language(code)
    return entry.name if entry.endonym == entry.name else f"{entry.name} ({entry.endonym})"


@cache
def template() -> Template:
    """The prompt's template. Raises ConfigError when the file is wrong."""
    with as_file(files("afya.translation") / "prompts" / "template.yaml") as path:
        return read_model(path, Template)


@cache
def _notes(code: str) -> tuple[str, ...]:
    with as_file(files("afya.translation") / "prompts" / f"{code}.yaml") as path:
        if not path.exists():
            return ()
        found = read_model(path, Notes)
        if found.language != code:
            raise ConfigError(f"{path}: language is '{found.language}', the file's name says '{code}'.")
        return found.notes
