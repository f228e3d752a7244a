"""Where a reply quotes an option's text, or names a label of inference or a yes or no, instead of giving a letter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from afya.bench.reading.extract_commitments import Commitment
from afya.bench.reading.extract_context import Seen
from afya.bench.reading.extract_fold import option_text, option_words, phrase, words
from afya.bench.reading.extract_labels import LabelReader
from afya.bench.reading.extract_words import Lexicon, lexicon

# How much of an option's text must be there for its beginning to stand for it.
_SHARE = 0.6
_LONG_WORD = 6
# A reply that tells an option in other words: at most so many characters, at least so many words and letters of the
# option, and so large a part of the sentence.
_REWORDED = 300
_FEWEST = 3
_FEWEST_LETTERS = 12
_LEAST = 0.35
_SHORT = 3
_WORD = re.compile(r"\w+")


@lru_cache(maxsize=16384)
def names(options: tuple[str, ...], lang: str) -> tuple[tuple[str, int], ...]:
    """What may be written for each option, longest first: its text, and the words for its class if it has one.

    Options that are the labels of an inference task, or yes, no and unknown, are known by the words of every language
    that is read beside the item's.
    """
    table = {option_text(option): place for place, option in enumerate(options) if option_text(option)}
    told = lexicon(lang)
    for classes in (told.inference, told.polar):
        found = [classes.get(phrase(option).strip(" ._")) for option in options]
        if None in found or len(set(found)) < len(found):
            continue
        place_of = {name: place for place, name in enumerate(found)}
        if "not_entailment" in place_of:
            # With two labels, whatever is not entailed is the other one.
            place_of.setdefault("contradiction", place_of["not_entailment"])
            place_of.setdefault("neutral", place_of["not_entailment"])
        for entry, name in classes.items():
            if name in place_of:
                table.setdefault(entry, place_of[str(name)])
        break
    return tuple(sorted(table.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def quoted(reader: LabelReader, low: str, options: tuple[str, ...], lang: str, several: bool) -> list[Commitment]:
    """Commitments to options by their texts."""
    table = names(options, lang)
    seen = _seen(reader, low, table)
    classes = len(table) > len(options)
    found = reader.commitments(seen, low, options, several, texts=True, classes=classes)
    if any(commitment.firm > 1 for commitment in found) or len({entry.chosen for entry in seen}) > 1:
        return found
    return _near(reader.words, low, options) or found


def _seen(reader: LabelReader, low: str, table: tuple[tuple[str, int], ...]) -> list[Seen]:
    spots: list[tuple[int, int, int]] = []
    taken: list[tuple[int, int]] = []
    for text, place in table:
        start = low.find(text)
        while start >= 0:
            end = start + len(text)
            if _whole(low, start, end) and not any(a < end and start < b for a, b in taken):
                spots.append((start, end, place))
                taken.append((start, end))
            start = low.find(text, end)
    spots.sort()
    seen: list[Seen] = []
    for start, end, place in spots:
        if seen and (joined := _joined(reader, low[seen[-1].end : start])):
            last = seen.pop()
            chosen = tuple(sorted({*last.chosen, place}))
            undecided = (last.undecided or joined == "either") and len(chosen) > 1
            line, alone = reader.line(low, last.start, end)
            seen.append(Seen(last.start, end, chosen, undecided, True, line, alone))
        else:
            line, alone = reader.line(low, start, end)
            seen.append(Seen(start, end, (place,), False, True, line, alone))
    return seen


def _whole(low: str, start: int, end: int) -> bool:
    """Whether a text stands as words of its own. Particles may follow it in scripts that write them on."""
    before, after = low[start - 1 : start], low[end : end + 1]
    if not (low[start].isalnum() and low[end - 1].isalnum()) and (before == low[start] or after == low[end - 1]):
        return False  # "↑" in "↑↑"
    left = not before or not before.isalnum() or low[start] > "\u2e80" or before > "\u2e80"
    right = not after or not after.isalnum() or low[end - 1] > "\u2e80" or after > "\u2e80"
    return left and right


def _joined(reader: LabelReader, between: str) -> str | None:
    """Whether two texts are joined ("both"), offered ("either"), or neither."""
    if len(between) > 24 or "\n" in between:
        return None
    bare = re.sub(r"[\s*_\"'()\[\]`«»「」$.]+|\b[a-j0-9][.):]", " ", between).strip(" ,;、")
    if bare in reader.words.either or bare == "/":
        return "either"
    if bare in reader.words.both or bare in ("&", "+") or (not bare and re.search(r"[,;、]", between)):
        return "both"
    return None


def _near(told: Lexicon, low: str, options: tuple[str, ...]) -> list[Commitment]:
    """Options that a whole line, or all that follows a marker, gives but for punctuation, spelling or the end."""
    texts = [option_words(option) for option in options]
    found: list[Commitment] = []
    place = 0
    for line in low.split("\n"):
        stripped = line.strip()
        if stripped and len(stripped) <= 400:
            for segment, firm in _segments(told, stripped):
                index = _matching(words(segment), texts)
                if index is not None:
                    found.append(Commitment(place, (index,), firm, "near"))
                    break
        place += len(line) + 1
    return found if len({commitment.chosen for commitment in found}) == 1 else []


def reworded(reader: LabelReader, low: str, options: tuple[str, ...]) -> list[Commitment]:
    """The option whose words a short reply holds, all and in their order, with others between them.

    "I'd give her oral rehydration solution plus zinc." Nothing may be denied, asked, doubted or supposed, no word that
    only another option has may occur, and the words must stand close together in one sentence.
    """
    if not reader.spaced or len(low) > _REWORDED:
        return []
    table = _telling(reader.lang, options)
    # Most replies hold no option's words, and need not be looked at further.
    if not any(_enough(own) and all(word in low for word in own) for own in table) or not reader.asserts(low):
        return []
    said = [(match[0], match.start(), match.end()) for match in _WORD.finditer(low)]
    spoken = {word for word, _, _ in said}
    found: list[Commitment] = []
    for place, own in enumerate(table):
        if not _enough(own) or not spoken.issuperset(own):
            continue
        if any(set(other) <= set(own) or spoken & set(other) - set(own) for other in table if other is not own):
            return []
        start, end = _span(said, own)
        wide = len(option_words(options[place])) * 1.5 + 12
        whole = reader.clause(low, start, end)
        if start >= 0 and end - start <= wide and whole is not None and end - start >= _LEAST * whole:
            found.append(Commitment(start, (place,), 1, "reworded"))
    return found if len(found) == 1 else []


@lru_cache(maxsize=256)
def _small_words(lang: str) -> frozenset[str]:
    """Joining words, articles and links, and the short words in phrases that say why or therefore: "ainsi que"."""
    told = lexicon(lang)
    listed = (*told.because.listed, *told.conclusions.listed, *told.both)
    short = (word for entry in listed for word in words(entry).split() if len(word) <= _SHORT)
    return frozenset((*told.both, *told.either, *told.articles, *told.links.listed, *short))


@lru_cache(maxsize=16384)
def _telling(lang: str, options: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The words of each option that tell it: all but joining words, articles, links and the shortest."""
    small = _small_words(lang)
    return tuple(
        tuple(
            word for word in option_words(option).split() if word not in small and (len(word) > 2 or word[0].isdigit())
        )
        for option in options
    )


def _enough(own: Sequence[str]) -> bool:
    return len(own) >= _FEWEST and sum(map(len, own)) >= _FEWEST_LETTERS


def _span(said: Sequence[tuple[str, int, int]], own: Sequence[str]) -> tuple[int, int]:
    """Where the words begin and end that stand in the reply in this order; (-1, -1) where they do not."""
    begin = end = -1
    wanted = list(own)
    for word, start, stop in said:
        if wanted and word == wanted[0]:
            begin = start if begin < 0 else begin
            end = stop
            wanted.pop(0)
    return (-1, -1) if wanted else (begin, end)


def _segments(told: Lexicon, line: str) -> list[tuple[str, int]]:
    segments = [(line, 2)]
    for match in re.finditer(r"[:=]|(?<=[^\W\d])\s", line):
        if told.markers.ends(line, match.start()) and not told.denied.ends(line, match.start()):
            rest = line[match.end() :]
            segments += [(rest, 3), (re.split(r"[.!?;。]", rest, maxsplit=1)[0], 3)]
    return segments


def _matching(segment: str, texts: Sequence[str]) -> int | None:
    """The one option that a segment is: the same words, its beginning, or a spelling of it."""
    if not segment:
        return None
    same = [place for place, text in enumerate(texts) if text == segment]
    if len(same) == 1:
        return same[0]
    begun = [
        place
        for place, text in enumerate(texts)
        if text.startswith(segment) and len(segment) >= max(8, _SHARE * len(text)) and text[len(segment) :][:1] in " "
    ]
    if len(begun) == 1 and sum(text.startswith(segment) for text in texts) == 1:
        return begun[0]
    spelt = [place for place, text in enumerate(texts) if _spelt(segment, text)]
    return spelt[0] if len(spelt) == 1 else None


def _spelt(one: str, other: str) -> bool:
    """Whether two texts differ by a letter too many or too few inside long words: "diarrhea" for "diarrhoea".

    A letter exchanged, or one at the front, may make another word of medicine: abduction, adduction; afebrile.
    """
    left, right = one.split(), other.split()
    if len(left) != len(right) or abs(len(one) - len(other)) > 2:
        return False
    return all(a == b or _one_more(a, b) or _one_more(b, a) for a, b in zip(left, right, strict=True))


def _one_more(long: str, short: str) -> bool:
    if len(long) != len(short) + 1 or len(short) < _LONG_WORD or long[0] != short[0] or not long.isalpha():
        return False
    split = next((place for place in range(len(short)) if long[place] != short[place]), len(short))
    return long[split + 1 :] == short[split:]
