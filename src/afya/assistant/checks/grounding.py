"""Whether the content of a sentence stands in the passages that it cites.

Compared are the beginnings of its content words, with the whole of a passage and with three neighbouring sentences of
it, and the medicines it names. Numbers and denials have checks of their own. What this cannot see: words of the passage
put together to something that it does not say, beyond what numbers, denials and contraries give away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afya.assistant.checks.draft import Sentence, SourcePassage
from afya.assistant.checks.medicine_names import Known, mentions
from afya.assistant.checks.overlap import stems, thresholds
from afya.text.normalise import fold_marks, normalise
from afya.text.sentences import sentences

_WINDOW = 3


def fault(
    sentence: Sentence,
    cited: Sequence[SourcePassage],
    lang: str,
    medicines: Mapping[str, Known],
    right: Sequence[tuple[int, int]] = (),
) -> str | None:
    """What of the sentence its passages do not say; None where they say it.

    `right`: places of doses that the formulary allows; of these the passages need to name only the medicine.
    """
    bounds = thresholds()
    text = normalise(sentence.text)
    rest = "".join(sign for at, sign in enumerate(text) if not any(low <= at < high for low, high in right))
    content = stems(rest, lang)
    if not content and not right:
        return "the sentence has no words that could be compared."
    foreign = [passage.passage_id for passage in cited if passage.lang.partition("-")[0] != lang.partition("-")[0]]
    if foreign:
        return f"passage {foreign[0]} is in another language, so the sentence cannot be compared with it."
    given = frozenset[str]().union(*(stems(normalise(passage.text), lang) for passage in cited))
    share = len(content & given) / len(content) if content else 1.0
    if share < bounds.support:
        missing = ", ".join(sorted(content - given)[:6])
        return f"{share:.0%} of its content words stand in the passages (missing: {missing})."
    near = max((_window(content, passage.text, lang) for passage in cited), default=0.0) if content else 1.0
    if near < bounds.window_support:
        return f"no place of the passages has more than {near:.0%} of its content words."
    named = {_folded(one.name) for one in mentions(text, lang, medicines)}
    known = {_folded(one.name) for passage in cited for one in mentions(normalise(passage.text), lang, medicines)}
    if named - known:
        return f"the passages do not name {', '.join(sorted(named - known))}."
    return None


def _window(content: frozenset[str], text: str, lang: str) -> float:
    pieces = [stems(piece, lang) for piece in sentences(normalise(text), lang) if piece.strip()]
    places = range(max(1, len(pieces) - _WINDOW + 1))
    return max(
        (len(content & frozenset[str]().union(*pieces[at : at + _WINDOW])) / len(content) for at in places), default=0.0
    )


def _folded(name: str) -> str:
    return fold_marks(name)
