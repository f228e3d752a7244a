"""What is wrong with a pack: missing texts, broken placeholders, phrases that cannot be found, faults of other files.

The English pack is the reference for keys and placeholders; which texts are needed is told by the caller (the
protocols, the assistant), since a pack stands below them. `lint` reads what every pack must have;
`inspect` reads every file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from string import Formatter

from afya.errors import ConfigError
from afya.packs.finding import Finding
from afya.packs.lint_danger import inspect_danger
from afya.packs.lint_parts import inspect_parts
from afya.packs.lint_texts import inspect_text
from afya.packs.pack import CHILD, TEACHING, TOPIC_GROUPS, Pack, load_pack
from afya.text.words import Phrases

REFERENCE = "en"

Wordings = Mapping[str, tuple[str, ...]]


def placeholders(template: str) -> frozenset[str]:
    """The names in {braces} of a text. Raises ValueError when the braces do not pair."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def lint(pack: Pack, needed: Iterable[str] = (), *, reference: Pack | None = None) -> list[Finding]:
    """The faults of `pack`: every key of the reference and every `needed` message must have a sound text.

    Codes: missing_text, extra_text, bad_braces, placeholder, missing_phrases, extra_phrases, bad_phrase, same_text,
    not_translated.
    """
    base = reference or load_pack(REFERENCE)
    if pack.view is not None and pack.view in base.protocol_texts:
        base = base.for_protocol(pack.view)
    found: list[Finding] = []
    found += _named(pack, base, _texts("messages.yaml", _single(pack.messages), _single(base.messages), needed))
    found += _texts("vignettes.yaml", pack.sentences, base.sentences, ())
    if pack.teaching:
        found += _texts(TEACHING, pack.teaching, base.teaching, ())
    found += _phrase_lists(pack.lang, "danger.yaml", "rules", pack.danger, base.danger)
    for group in TOPIC_GROUPS:
        lists, reference_lists = getattr(pack.topics, group), getattr(base.topics, group)
        found += _phrase_lists(pack.lang, "topics.yaml", group, lists, reference_lists)
    found += _same_options(pack)
    if pack.code != base.code:
        found += _untranslated("messages.yaml", pack.messages, base.messages)
    return found


def inspect(pack: Pack, needed: Iterable[str] = (), *, reference: Pack | None = None) -> list[Finding]:
    """All that `lint` finds, and the faults of every other file and of the wording of each text, errors first.

    Further codes: unreadable, missing_file, missing_protocol, those of `lint_texts`, `lint_danger` and `lint_parts`.
    """
    base = reference or load_pack(REFERENCE)
    found = lint(pack, needed, reference=base)
    if not pack.teaching:
        found.append(
            Finding("error", "missing_file", TEACHING, "-", "there is no such file; teaching material needs it")
        )
    found += _protocol_files(pack, base)
    for file, texts, english in _all_texts(pack, base):
        for key, variants in texts.items():
            for text in variants:
                found += inspect_text(pack, file, key, text, english.get(key, ("",))[0])
    found += _claims(pack)
    found += inspect_danger(pack, base)
    found += inspect_parts(pack, base)
    return sorted(dict.fromkeys(found), key=lambda finding: (finding.level != "error", finding.file))


def _named(pack: Pack, base: Pack, found: list[Finding]) -> list[Finding]:
    """The findings of a protocol's view, each with the file in which its text belongs."""
    if pack.view is None:
        return found
    own = set(base.protocol_texts.get(pack.view, {})) | set(pack.protocol_texts.get(pack.view, {}))
    file = f"protocols/{pack.view}.yaml"
    return [replace(finding, file=file) if finding.key in own else finding for finding in found]


def _single(texts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {key: (text,) for key, text in texts.items()}


def _all_texts(pack: Pack, base: Pack) -> Iterator[tuple[str, Wordings, Wordings]]:
    yield "messages.yaml", _single(pack.messages), _single(base.messages)
    yield "vignettes.yaml", pack.sentences, base.sentences
    yield TEACHING, pack.teaching, base.teaching
    try:
        told, reference = pack.protocol_texts, base.protocol_texts
    except ConfigError:
        return  # _protocol_files has said so
    for name, texts in told.items():
        yield f"protocols/{name}.yaml", _single(texts), _single(reference.get(name, {}))


def _protocol_files(pack: Pack, base: Pack) -> list[Finding]:
    try:
        told = pack.protocol_texts
    except ConfigError as error:
        return [Finding("error", "unreadable", "protocols/", "-", str(error))]
    found: list[Finding] = []
    for name, english in base.protocol_texts.items():
        file = f"protocols/{name}.yaml"
        if name not in told:
            message = f"there is no such file; {len(english)} texts are to be translated"
            found.append(Finding("error", "missing_file", file, "-", message))
            continue
        found += _texts(file, _single(told[name]), _single(english), ())
        if pack.code != base.code:
            found += _untranslated(file, told[name], english)
    for name in sorted(set(told) - set(base.protocol_texts) - {CHILD}):
        message = "the English pack has no such protocol; nothing uses it"
        found.append(Finding("warning", "extra_text", f"protocols/{name}.yaml", "-", message))
    return found


def _claims(pack: Pack) -> list[Finding]:
    """A review that is claimed for a machine's texts, which nobody can have corrected and left as they were."""
    if pack.reviewed and pack.origin == "machine":
        message = "reviewed is true and origin is machine: texts that a person has corrected are of human origin"
        return [Finding("warning", "reviewed_machine", "pack.yaml", "reviewed", message)]
    return []


def _texts(file: str, texts: Wordings, base: Wordings, needed: Iterable[str]) -> list[Finding]:
    wanted = set(needed)
    missing = sorted((set(base) | wanted) - set(texts))
    found = [Finding("error", "missing_text", file, key, "there is no text") for key in missing]
    for key, variants in texts.items():
        if key not in base and key not in wanted:
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


def _phrase_lists(lang: str, file: str, group: str, lists: Wordings, base: Wordings) -> list[Finding]:
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


def _untranslated(file: str, texts: Mapping[str, str], base: Mapping[str, str]) -> list[Finding]:
    found: list[Finding] = []
    for key, text in texts.items():
        # One or two words can be the same in two languages (ORS, Zinc); a sentence cannot.
        if len(text.split()) > 3 and base.get(key) == text:
            found.append(Finding("warning", "not_translated", file, key, "is the English text"))
    return found
