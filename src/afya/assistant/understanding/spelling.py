"""A copy of a message in which the pack's known misspellings, mixed-in and misheard words are put right.

Only triage, topics and facts read the copy. What is shown, searched for, translated and kept is what was typed.
"""

from __future__ import annotations

from collections.abc import Iterable

from afya.assistant.context import Spelled
from afya.text.normalise import fold_marks
from afya.text.words import Phrases


class Speller:
    """The pack's (form, right word) pairs, ready to be looked for.

    A form that differs from the right word by marks and case alone is left out: phrases do not see those.
    """

    def __init__(self, lang: str, pairs: Iterable[tuple[str, str]]) -> None:
        kept = [(right, form) for form, right in pairs if fold_marks(form) != fold_marks(right)]
        self._forms = Phrases(lang, kept) if kept else None

    def spell(self, text: str) -> Spelled:
        """`text` with every known form replaced; where two overlap, the first and longer one counts."""
        found = self._forms.find(text) if self._forms is not None else []
        pieces: list[str] = []
        changed: list[tuple[str, str]] = []
        reached = 0
        for match in found:
            if match.start < reached:
                continue
            pieces += [text[reached : match.start], match.key]
            changed.append((text[match.start : match.end], match.key))
            reached = match.end
        return Spelled("".join([*pieces, text[reached:]]), tuple(changed)) if changed else Spelled(text)
