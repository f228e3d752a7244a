"""Whether a draft is in the language that was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from afya.assistant.checks.draft import Draft, SourcePassage
from afya.languages import language
from afya.text.identify import identify, is_language
from afya.text.normalise import normalise
from afya.text.words import words


def fault(draft: Draft, passages: Sequence[SourcePassage], lang: str) -> str | None:
    """Why the draft counts as being in another language; None where it is surely in `lang`, as a whole.

    The words of passages in `lang` are further evidence: a short sentence may have none of the language's small words.
    """
    known = {word.plain for passage in passages if passage.lang == lang for word in words(normalise(passage.text))}
    vocabulary = {lang: frozenset(known)}
    whole = normalise(draft.text)
    if is_language(whole, lang, vocabulary=vocabulary) is not True:
        return f"not surely {language(lang).name} ({identify(whole).reason})."
    for place, sentence in enumerate(draft.sentences, start=1):
        if is_language(normalise(sentence.text), lang, vocabulary=vocabulary) is False:
            return f"sentence {place} is not {language(lang).name}."
    return None
