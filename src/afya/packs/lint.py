"""What is wrong with a pack: missing texts, broken placeholders, phrases that cannot be found.

The English pack is the reference for placeholders; which texts are needed is told by the caller (the protocols, the
assistant), since a pack stands below them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from string import Formatter
from typing import Literal

from afya.errors import ConfigError
from afya.packs.pack import TEACHING, TOPIC_GROUPS, Pack, load_pack
from afya.text.words import Phrases

REFERENCE = "en"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a pack. `code` is stable; an error makes the pack unusable for what needs the text."""

    level: Literal["error", "warning"]
    code: str
    file: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.message}"


def placeholders(template: str) -> frozenset[str]:
    """The names in {braces} of a text. Raises ValueError when the braces do not pair."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def lint(pack: Pack, needed: Iterable[str] = (), *, reference: Pack | None = None) -> list[Finding]:
    """The faults of `pack`: every key of the reference and every `needed` message must have a sound text.

    Codes: missing_text, extra_text, bad_braces, placeholder, missing_phrases, extra_phrases, bad_phrase, same_text,
    not_translated.
    """
    base = reference or load_pack(REFERENCE)
    found: list[Finding] = []
    found += _texts(
        "messages.yaml",
        {key: (text,) for key, text in pack.messages.items()},
        {key: (text,) for key, text in base.messages.items()},
        needed,
    )
    found += _texts("vignettes.yaml", dict(pack.sentences), dict(base.sentences), ())
    if pack.teaching:
        found += _texts(TEACHING, dict(pack.teaching), dict(base.teaching), ())
    found += _phrase_lists(pack.lang, "danger.yaml", "rules", dict(pack.danger), dict(base.danger))
    for group in TOPIC_GROUPS:
        lists, reference_lists = dict(getattr(pack.topics, group)), dict(getattr(base.topics, group))
        found += _phrase_lists(pack.lang, "topics.yaml", group, lists, reference_lists)
    found += _same_options(pack)
    if pack.lang != base.lang:
        found += _untranslated(pack, base)
    return found


def _texts(
    file: str,
    texts: dict[str, tuple[str, ...]],
    base: dict[str, tuple[str, ...]],
    needed: Iterable[str],
) -> list[Finding]:
    missing = sorted((set(base) | set(needed)) - set(texts))
    found = [Finding("error", "missing_text", file, key, "there is no text") for key in missing]
    for key, variants in texts.items():
        if key not in base and key not in set(needed):
            found.append(
                Finding("warning", "extra_text", file, key, "the English pack has no such key; nothing uses it")
            )
        for text in variants:
            try:
                names = placeholders(text)
            except ValueError as error:
                found.append(Finding("error", "bad_braces", file, key, f"{error}"))
                continue
            if key in base and names != (expected := placeholders(base[key][0])):
                found.append(
                    Finding("error", "placeholder", file, key, f"has {_braces(names)}, English has {_braces(expected)}")
                )
    return found


def _braces(names: frozenset[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names)) or "no placeholder"


def _phrase_lists(
    lang: str, file: str, group: str, lists: dict[str, tuple[str, ...]], base: dict[str, tuple[str, ...]]
) -> list[Finding]:
    found = [
        Finding("error", "missing_phrases", file, f"{group}.{key}", "there are no phrases")
        for key in sorted(set(base) - set(lists))
    ]
    found += [
        Finding("warning", "extra_phrases", file, f"{group}.{key}", "the English pack has no such key")
        for key in sorted(set(lists) - set(base))
    ]
    found += [
        Finding("error", "bad_phrase", file, f"{group}.{key}", f"'{phrase}' holds no word to look for")
        for key, phrases in lists.items()
        for phrase in phrases
        if not _can_be_found(lang, phrase)
    ]
    return found


def _can_be_found(lang: str, phrase: str) -> bool:
    try:
        Phrases(lang.partition("-")[0], [(phrase, phrase)])
    except ConfigError:
        return False
    return True


def _same_options(pack: Pack) -> list[Finding]:
    """Answer texts that read the same would give a question two right answers."""
    found: list[Finding] = []
    seen: dict[str, str] = {}
    for key, variants in pack.sentences.items():
        if not key.startswith("option."):
            continue
        other = seen.setdefault(variants[0].casefold(), key)
        if other != key:
            found.append(Finding("error", "same_text", "vignettes.yaml", key, f"reads the same as '{other}'"))
    return found


def _untranslated(pack: Pack, base: Pack) -> list[Finding]:
    found: list[Finding] = []
    for key, text in pack.messages.items():
        # One or two words can be the same in two languages (ORS, Zinc); a sentence cannot.
        if len(text.split()) > 3 and base.messages.get(key) == text:
            found.append(Finding("warning", "not_translated", "messages.yaml", key, "is the English text"))
    return found
