"""All checks on a translation, made ready once for a direction, and their verdicts always in one order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.items import Item
from afya.languages import language
from afya.translation.checks import (
    adherence,
    back_translation,
    drugs,
    length,
    options,
    placeholders,
    polarity,
    quantities,
    repetition,
    residue,
    speech,
)
from afya.translation.checks.verdict import PairCheck, Verdict
from afya.translation.slots import slots, text_at

if TYPE_CHECKING:
    from afya.translation.base import Translator
    from afya.translation.glossary import Glossary

_MAKERS: Mapping[str, Callable[[str, str], PairCheck]] = {
    "quantities": quantities.make,
    "polarity": polarity.make,
    "options": options.make,
    "drugs": drugs.make,
    "placeholders": placeholders.make,
    "language": speech.make,
    "length": length.make,
    "residue": residue.make,
    "repetition": repetition.make,
}
GLOSSARY = "glossary"
BACK = "back_translation"

CHECKS: tuple[str, ...] = (*_MAKERS, GLOSSARY, BACK)
"""The names of all checks, in the order of the verdicts. The last two are made only where a glossary, or an engine for
the way back, is given."""


class Checker:
    """The checks of one direction.

    `checks` names those to make (None: all that can be made); `glossary` adds adherence to it, `back`, a translator
    from `target` to `source`, adds the comparison of the text translated back, which costs a translation a text.

    Raises:
        ConfigError: an unknown language or check, the same language twice, or a check named without what it needs.
    """

    def __init__(
        self,
        source: str,
        target: str,
        *,
        checks: Sequence[str] | None = None,
        glossary: Glossary | None = None,
        back: Translator | None = None,
    ) -> None:
        self.source, self.target = language(source).code, language(target).code
        if source == target:
            raise ConfigError(f"Source and target are both '{source}'.", hint="A translation is checked between two.")
        named = parse_checks(checks)
        given = {GLOSSARY: glossary is not None, BACK: back is not None}
        if checks is not None:
            for name in named:
                if not given.get(name, True):
                    raise ConfigError(
                        f"The check '{name}' was asked for without what it needs.",
                        hint="It needs a glossary." if name == GLOSSARY else "It needs an engine for the way back.",
                    )
        self._checks: list[tuple[str, PairCheck]] = []
        for name in named:
            if name in _MAKERS:
                self._checks.append((name, _MAKERS[name](source, target)))
            elif name == GLOSSARY and glossary is not None:
                self._checks.append((name, adherence.make(source, target, glossary)))
        self._back = back if BACK in named else None
        self.names = tuple(name for name, _ in self._checks) + ((BACK,) if self._back is not None else ())

    def check(self, source_text: str, translation: str) -> list[Verdict]:
        """The verdicts on one pair, in the order of `names`. Never raises for any text."""
        if self._back is not None:
            return self.check_pairs([source_text], [translation])[0]
        return self._verdicts(source_text, translation)

    def check_pairs(self, source_texts: Sequence[str], translations: Sequence[str]) -> list[list[Verdict]]:
        """The verdicts on each pair; the engine of the way back is asked once for all of them.

        Raises:
            ValueError: the two are not of one length.
        """
        pairs = list(zip(source_texts, translations, strict=True))
        found = [self._verdicts(source_text, translation) for source_text, translation in pairs]
        if self._back is not None:
            returned = back_translation.compare(self._back, source_texts, translations, self.source, self.target)
            for verdicts, verdict in zip(found, returned, strict=True):
                verdicts.append(verdict)
        return found

    def check_item(self, source: Item, translated: Item) -> list[Verdict]:
        """One verdict a check on a whole item: failed where a text of it fails, and the detail names that text."""
        missing, pairs = _paired(source, translated)
        places = [place for place, _, _ in pairs]
        rows = self.check_pairs([text for _, text, _ in pairs], [text for _, _, text in pairs])
        found = []
        for index, name in enumerate(self.names):
            verdicts = [(place, row[index]) for place, row in zip(places, rows, strict=True)]
            if name == "options":
                verdicts.append(("", options.of_items(source, translated)))
                verdicts += [("", Verdict(name, False, fault)) for fault in missing]
            found.append(_together(name, verdicts))
        return found

    def _verdicts(self, source_text: str, translation: str) -> list[Verdict]:
        try:
            return [check(source_text, translation) for _, check in self._checks]
        except Exception:
            # One of them has a fault: which is found out by making them one by one.
            return [self._guarded(name, check, source_text, translation) for name, check in self._checks]

    @staticmethod
    def _guarded(name: str, check: PairCheck, source_text: str, translation: str) -> Verdict:
        try:
            return check(source_text, translation)
        except Exception as error:
            # Fail closed: a check with a fault must not pass a translation, nor stop a build of millions.
            fault = f"the check could not be made ({type(error).__name__}: {error})"
            return Verdict(name, False, fault, judged=False)


def parse_checks(names: Sequence[str] | None) -> tuple[str, ...]:
    """The named checks in the order of `CHECKS`; None stands for all.

    Raises:
        ConfigError: a name is unknown (the nearest is named), or there is none.
    """
    if names is None:
        return CHECKS
    import difflib

    for name in names:
        if name not in CHECKS:
            near = difflib.get_close_matches(name, CHECKS, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(CHECKS)}."
            raise ConfigError(f"Unknown check '{name}'.", hint=hint)
    if not names:
        raise ConfigError("No check was named.", hint=f"There are: {', '.join(CHECKS)}.")
    return tuple(name for name in CHECKS if name in names)


def _paired(source: Item, translated: Item) -> tuple[list[str], list[tuple[str, str, str]]]:
    """What one side lacks, and the texts both have as (place, source text, translation)."""
    ours, theirs = ({slot.name: slot.text for slot in slots(item)} for item in (source, translated))
    # A text that repeats another one of its item is no slot of its own, but in the other item it may be.
    theirs |= {place: found for place in ours.keys() - theirs.keys() if (found := text_at(translated, place))}
    ours |= {place: found for place in theirs.keys() - ours.keys() if (found := text_at(source, place))}
    missing = [f"{place}: there is no translation" for place in ours if place not in theirs]
    missing += [f"{place}: the source has no such text" for place in theirs if place not in ours]
    return missing, [(place, text, theirs[place]) for place, text in ours.items() if place in theirs]


def _together(name: str, verdicts: Sequence[tuple[str, Verdict]]) -> Verdict:
    failed = [(place, verdict) for place, verdict in verdicts if not verdict.passed]
    if not failed:
        return Verdict(name, True)
    details = [f"{place}: {verdict.detail}" if place else str(verdict.detail) for place, verdict in failed]
    # One text that was judged and failed is a finding; only where none was, nothing could be judged.
    return Verdict(name, False, "; ".join(dict.fromkeys(details)), judged=any(v.judged for _, v in failed))
