"""ApolloCorpus: questions and answers for instruction tuning, medical and general, in six languages.

Origin: FreedomIntelligence/ApolloCorpus; general and medical instructions, mostly written by models from books, papers
and websites. Licence: Apache-2.0. Size: 2.5 billion tokens, of which these files are the part in question-and-answer
form. Citation: Wang X, Chen N, Chen J, et al. Apollo: A Lightweight Multilingual Medical LLM towards Democratizing
Medical AI to 6B People. arXiv:2403.03640, 2024.

Format: {source}_{lang}.json and {source}_{lang}_qa.json, a JSON array of conversations, each a list of texts by turns:
[question, answer, question, answer, ...]. Two texts are an instruction; more are a dialogue, whose `question` is the
user's last message. The files with running text (_text.json) are not read. There is no id: the file's name and the
entry's number are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.items import Item, Turn
from afya.sources.files import json_file
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LANGUAGES = ("en", "zh", "fr", "es", "ar", "hi")
_TEXT = "text"
_ROLES = ("user", "assistant")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        lang, words = _language(file)
        if words[-1] != _TEXT and reading.wants(lang):
            yield from _file(reading, file, lang)


def _language(file: Path) -> tuple[str, list[str]]:
    words = file.stem.split("_")
    found = [word for word in words if word in _LANGUAGES]
    if not found:
        raise DataError(
            f"{file}: the name does not say the language.",
            hint=f"{SOURCE.title} is read from {SOURCE.reads}; the languages are {', '.join(_LANGUAGES)}.",
        )
    return found[-1], words


def _file(reading: Reading, file: Path, lang: str) -> Iterator[Outcome]:
    def make(texts: list[str]) -> Item:
        if len(texts) < 2 or len(texts) % 2:
            raise Malformed("missing_answer", f"{len(texts)} texts, but questions and answers come in pairs")
        for text in texts:
            if not text.strip():
                raise Malformed("empty_value", "a turn has no text")
        turns = tuple(Turn(_ROLES[number % 2], text) for number, text in enumerate(texts))
        return reading.item(
            f"{file.stem}-{reading.line}",
            lang,
            task="instruction" if len(texts) == 2 else "dialogue",
            split=reading.split("train"),
            question=texts[-2],
            answer_text=texts[1] if len(texts) == 2 else None,
            turns=turns if len(texts) > 2 else None,
            extra=extra(part=file.stem),
        )

    yield from outcomes(reading, _conversations(reading, file), make)


def _conversations(reading: Reading, file: Path) -> Iterator[list[str] | Malformed]:
    content = json_file(reading, file)
    if not isinstance(content, list):
        raise DataError(f"{file}: a JSON array was expected.", hint=f"{SOURCE.title} is read from {SOURCE.reads}.")
    for number, value in enumerate(content, 1):
        reading.stand(file, number, "entry")
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            yield Malformed("wrong_type", "the conversation is no list of texts")
            continue
        try:
            "".join(value).encode("utf-8")
        except UnicodeEncodeError:
            yield Malformed("wrong_encoding", "the text holds something that is no character in UTF-8")
        else:
            yield value


SOURCE = Source(
    name="apollo-corpus",
    title="ApolloCorpus",
    licence="Apache-2.0",
    url="https://huggingface.co/datasets/FreedomIntelligence/ApolloCorpus",
    citation="Wang et al. 2024, Apollo, arXiv:2403.03640",
    languages=_LANGUAGES,
    tasks=("instruction", "dialogue"),
    reads="{source}_{lang}.json and {source}_{lang}_qa.json",
    patterns=tuple(f"*_{lang}{end}.json" for lang in _LANGUAGES for end in ("", "_qa")),
    read=read,
)
