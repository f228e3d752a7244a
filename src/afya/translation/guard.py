"""The one way the rest of afya asks an engine: every text gets exactly one answer, in order, whatever the engine does.

Texts of several lines or sentences go piece by piece and are put together again (`afya.translation.segments`). An
engine that raises, gives too few or too many answers, empty ones, ones that are no text or far too long, is asked again
in halves; what still fails is the error of its own text. Whether a translation is right (changed numbers, another
language, nothing translated) is not judged here but by `afya.translation.checks`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import regex

from afya.errors import AfyaError, ConfigError, EngineDownError, EngineError, MissingDependencyError
from afya.items import blank
from afya.languages import language
from afya.translation.base import Hint, Translation, Translator
from afya.translation.segments import Piece, cut, join, reading_of

MAX_RATIO = 8.0
"""Characters of a translation for one of its source: a text in Chinese characters grows five times in Latin letters."""

_SPARE = 200
_CHUNK = 1024
_CHUNK_CHARACTERS = 400_000
# How often texts whose answers were empty or far too long are asked for again.
_AGAIN = 2
_QUOTED = 40
_NOTES = 3

_SURROGATE = regex.compile(r"\p{Cs}")
_LINES = regex.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")

Key = tuple[str, tuple[Hint, ...]]
_PROBE: Key = ("OK", ())


def translate(
    translator: Translator,
    texts: Sequence[str],
    source: str,
    target: str,
    *,
    hints: Sequence[Sequence[Hint]] | None = None,
    max_ratio: float = MAX_RATIO,
) -> list[Translation]:
    """Exactly one Translation for each text, in the order of the texts.

    Blank texts and pieces without a letter ("38.5") come back as they are. A piece that stands in the texts several
    times is asked for once. Of a text in several pieces the score is the mean by length, and one failed piece is the
    text's error.

    Args:
        hints: for each text the glossary entries found in it.
        max_ratio: an answer with more characters than its source's times this, and 200 to spare, is refused.

    Raises:
        ConfigError: the engine does not have the pair.
        EngineError: the engine says that it can answer nothing, and neither the first nor the last text alone is
            answered, or it is down (EngineDownError): whoever called can go on later where it stopped.
        ValueError: `hints` are not as many as the texts.
    """
    source, target = language(source).code, language(target).code
    given: list[tuple[Hint, ...]] = [()] * len(texts)
    if hints is not None:
        if len(hints) != len(texts):
            raise ValueError(f"{len(hints)} lists of hints for {len(texts)} texts")
        if translator.uses_hints:
            given = [tuple(entry) for entry in hints]
    reading = reading_of(translator)
    pieces = [cut(text, source, reading) for text in texts]
    keys = [
        [_key(piece, entry, alone=len(row) == 1) for piece in row] for row, entry in zip(pieces, given, strict=True)
    ]
    wanted = list(dict.fromkeys(key for row in keys for key in row if key is not None))
    asked = _Asked(translator, source, target, max_ratio, with_hints=any(given))
    answers: dict[Key, Translation] = {}
    for chunk in _chunks(wanted):
        answers.update(zip(chunk, asked.ask(chunk), strict=True))
    name = translator.identity.name
    return [
        _whole(row, [None if key is None else answers[key] for key in own], name, source, target)
        for row, own in zip(pieces, keys, strict=True)
    ]


def _key(piece: Piece, hints: tuple[Hint, ...], *, alone: bool) -> Key | None:
    """What is asked of the engine for a piece; None where nothing is."""
    if not piece.core:
        return None
    if alone:
        return piece.core, hints
    folded = piece.core.casefold()
    return piece.core, tuple(hint for hint in hints if hint.source.casefold() in folded)


def _chunks(keys: Sequence[Key]) -> Iterator[list[Key]]:
    """The keys in lists of bounded length: what an engine loses when it dies in mid-batch."""
    chunk: list[Key] = []
    characters = 0
    for key in keys:
        if chunk and (len(chunk) == _CHUNK or characters + len(key[0]) > _CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk.append(key)
        characters += len(key[0])
    if chunk:
        yield chunk


class _Asked:
    """One direction of an engine, asked so that every text gets an answer of its own."""

    def __init__(self, translator: Translator, source: str, target: str, max_ratio: float, *, with_hints: bool) -> None:
        self.translator = translator
        self.source, self.target = source, target
        self.max_ratio = max_ratio
        self.with_hints = with_hints
        self.name = translator.identity.name

    def ask(self, keys: list[Key]) -> list[Translation]:
        """One answer a key. Raises ConfigError for an unsupported pair, EngineError where nothing is answered."""
        found = self._try(keys)
        if isinstance(found, EngineError):
            # The word of an engine that nothing can be answered is tried at both ends before it is believed, and of one
            # text with another: a server that is down must stop a build, not reject its rows one by one.
            others = [keys[0], keys[-1]] if len(keys) > 1 else [_PROBE]
            if all(isinstance(self._try([other]), EngineError) for other in others):
                raise found
        return self._settle(keys, found, _AGAIN)

    def _try(self, keys: list[Key]) -> list[Translation | str] | Exception | str:
        """Each key's answer or what is wrong with it; or what went wrong with all of them."""
        hints = [entry for _, entry in keys] if self.with_hints else None
        try:
            answers = self.translator.translate([text for text, _ in keys], self.source, self.target, hints=hints)
            # No more than one too many: an engine may not fill the memory either.
            listed = list(islice(answers, len(keys) + 1))
        except (ConfigError, MissingDependencyError, EngineDownError):
            raise
        except Exception as error:
            return error
        if len(listed) != len(keys):
            count = f"more than {len(keys)}" if len(listed) > len(keys) else str(len(listed))
            return f"the engine gave {count} answer(s) for {len(keys)} text(s)"
        return [self._checked(text, answer) for (text, _), answer in zip(keys, listed, strict=True)]

    def _settle(
        self, keys: list[Key], found: list[Translation | str] | Exception | str, again: int
    ) -> list[Translation]:
        """`found` with every fault asked for again in halves, and turned into an error in the end."""
        if not isinstance(found, list):
            if len(keys) > 1:
                middle = len(keys) // 2
                return [answer for half in (keys[:middle], keys[middle:]) for answer in self._settled(half, again)]
            return [self._failed(found if isinstance(found, str) else f"the engine failed ({_told(found)})")]
        bad = [place for place, answer in enumerate(found) if isinstance(answer, str)]
        if bad and again and len(keys) > 1:
            middle = (len(bad) + 1) // 2
            for half in (bad[:middle], bad[middle:]):
                if half:
                    redone = self._settled([keys[place] for place in half], again - 1)
                    for place, answer in zip(half, redone, strict=True):
                        found[place] = answer
        return [self._failed(answer) if isinstance(answer, str) else answer for answer in found]

    def _settled(self, keys: list[Key], again: int) -> list[Translation]:
        return self._settle(keys, self._try(keys), again)

    def _failed(self, error: str) -> Translation:
        return Translation("", self.name, error=error)

    def _checked(self, source_text: str, answer: object) -> Translation | str:
        """A usable answer, or what is wrong with it. An error that the engine gives itself stands."""
        if not isinstance(answer, Translation):
            return f"the engine gave a {type(answer).__name__} where a translation was expected"
        if answer.error is not None:
            return replace(answer, text="", error=answer.error or "the engine failed without a word")
        text = answer.text
        if not isinstance(text, str):
            return f"the engine gave a {type(text).__name__} where a text was expected"
        limit = self.max_ratio * len(source_text) + _SPARE
        if len(text) > limit:
            return (
                f"the engine gave {len(text):,} characters for a text of {len(source_text):,} (at most {limit:,.0f} "
                "are taken)"
            )
        if _SURROGATE.search(text):
            return "the engine gave a text that is no valid Unicode"
        if blank(text):
            return "the engine gave an empty translation"
        if not _LINES.search(source_text):
            # One line stays one line: whoever counts lines counts on it.
            text = _LINES.sub(" ", text)
        score = answer.score
        if score is not None and not (isinstance(score, (int, float)) and math.isfinite(score)):
            score = None
        return replace(answer, text=text.strip(), score=score)


def _told(error: Exception) -> str:
    """An exception in one line."""
    text = " ".join((error.message if isinstance(error, AfyaError) else str(error)).split())
    name = "" if isinstance(error, AfyaError) else type(error).__name__
    return ": ".join(part for part in (name, text[:300].rstrip(".")) if part)


def _whole(
    pieces: Sequence[Piece], answers: Sequence[Translation | None], name: str, source: str, target: str
) -> Translation:
    """A text's translation from those of its pieces."""
    made = [(piece, answer) for piece, answer in zip(pieces, answers, strict=True) if answer is not None]
    if not made:
        text = "".join(piece.before + piece.core + piece.after for piece in pieces)
        return Translation(text, name, note="The text has no words.")
    for number, (piece, answer) in enumerate(made, 1):
        if answer.error is not None:
            if len(made) == 1:
                return answer
            return replace(
                answer, text="", error=f"sentence {number} of {len(made)} ('{_shortened(piece.core)}'): {answer.error}"
            )
    text = join(pieces, [None if answer is None else answer.text for answer in answers], source, target)
    if len(made) == 1:
        return replace(made[0][1], text=text)
    weights = [len(piece.core) for piece, _ in made]
    scores = [answer.score for _, answer in made if answer.score is not None]
    score = None
    if len(scores) == len(made):
        score = sum(value * weight for value, weight in zip(scores, weights, strict=True)) / sum(weights)
    engines = {answer.engine for _, answer in made}
    return Translation(text, engines.pop() if len(engines) == 1 else name, score=score, note=_notes(made))


def _notes(made: Sequence[tuple[Piece, Translation]]) -> str | None:
    notes: Mapping[str, None] = dict.fromkeys(answer.note for _, answer in made if answer.note)
    listed = list(notes)
    more = f" ... and {len(listed) - _NOTES} more" if len(listed) > _NOTES else ""
    return "; ".join(listed[:_NOTES]) + more if listed else None


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED else text[: _QUOTED - 3] + "..."
