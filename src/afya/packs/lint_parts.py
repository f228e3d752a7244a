"""Faults of a pack's other files: spellings, glossary, units, referral, culture, passages, tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from afya.errors import ConfigError
from afya.packs.finding import Finding
from afya.packs.pack import Pack
from afya.text.normalise import fold_marks
from afya.text.words import Phrases, words


def inspect_parts(pack: Pack, base: Pack) -> list[Finding]:
    """The faults of every optional file; one that cannot be read is told and the others are still looked at.

    Codes: unreadable, missing_file, right_word, hides_danger, same_spelling, missing_term, extra_term, other_word,
    no_words, no_volume, other_volume, missing_name, no_country, missing_passage, few_sections, missing_rows, few_tests,
    unknown_rule, no_language_file.
    """
    found: list[Finding] = []
    parts: tuple[tuple[str, Callable[[Pack, Pack], list[Finding]]], ...] = (
        ("spellings.yaml", _spellings),
        ("glossary.yaml", _glossary),
        ("units.yaml", _units),
        ("referral.yaml", _referral),
        ("culture.yaml", _culture),
        ("formulary.yaml", _formulary),
        ("harm.yaml", _harm),
        ("privacy.yaml", _nothing_more),
        ("kb/", _passages),
        ("tests.jsonl", _tests),
        ("text/", _language_files),
    )
    for file, look in parts:
        try:
            if not file.endswith("/") and base.has(file) and not pack.has(file):
                found.append(Finding("error", "missing_file", file, "-", "there is no such file"))
            else:
                found += look(pack, base)
        except ConfigError as error:
            found.append(Finding("error", "unreadable", file, "-", str(error)))
    return found


def _spellings(pack: Pack, base: Pack) -> list[Finding]:
    """A form that is a right word, or that belongs to a danger sign, would change what the message says."""
    file = "spellings.yaml"
    found: list[Finding] = []
    danger = Phrases(pack.code, [(rule, phrase) for rule, listed in pack.danger.items() for phrase in listed])
    plain = _plain_forms(pack)
    for name, group in pack.spellings.groups():
        for right, forms in group.items():
            meant = {match.key for match in danger.find(right)}
            for form in forms:
                key = f"{name}.{right}"
                said = {match.key for match in danger.find(form)}
                folded = fold_marks(form)
                if folded == fold_marks(right):
                    message = f"'{form}' differs in case or marks only, which are ignored"
                    found.append(Finding("warning", "same_spelling", file, key, message))
                elif said - meant:
                    message = f"'{form}' is a phrase of the danger sign {', '.join(sorted(said - meant))}"
                    found.append(Finding("error", "hides_danger", file, key, message))
                elif folded in plain and not said and name != "code_mixed":
                    message = f"'{form}' is itself a right word ({plain[folded]})"
                    found.append(Finding("error", "right_word", file, key, message))
    return found


def _plain_forms(pack: Pack) -> dict[str, str]:
    """Whole phrases and right words of the pack, folded, with where they stand."""
    forms: dict[str, str] = {}

    def add(texts: Iterable[str], place: str) -> None:
        for text in texts:
            if "*" not in text and "..." not in text:
                forms.setdefault(fold_marks(text), place)

    for _, group in pack.spellings.groups():
        add(group, "spellings.yaml")
    for rule, phrases in pack.danger.items():
        add(phrases, f"danger.yaml, {rule}")
    for name in ("sections", "signs", "values", "protocols"):
        for key, phrases in getattr(pack.topics, name).items():
            add(phrases, f"topics.yaml, {name}.{key}")
    try:
        for term in pack.glossary:
            add((*term.here, *term.plain), f"glossary.yaml, {term.en[0]}")
    except ConfigError:
        pass  # told for its own file
    return forms


def _glossary(pack: Pack, base: Pack) -> list[Finding]:
    file = "glossary.yaml"
    here = {term.en[0]: term for term in pack.glossary}
    there = {term.en[0]: term for term in base.glossary}
    found = [
        Finding("warning", "missing_term", file, name, "there is no word for it")
        for name in there
        if name not in here or not here[name].here
    ]
    found += [
        Finding("warning", "extra_term", file, name, "the English glossary has no such term")
        for name in here
        if name not in there
    ]
    if pack.code != base.code:
        found += _other_words(pack, base)
    return found


def _other_words(pack: Pack, base: Pack) -> list[Finding]:
    """Terms that the English texts name and that the pack's texts of the same keys name otherwise, each time."""
    found: list[Finding] = []
    english = {key: " ".join(word.plain for word in words(text)) for key, text in base.messages.items()}
    own = {key: fold_marks(text) for key, text in pack.messages.items()}
    for term in pack.glossary:
        forms = [fold_marks(form) for form in (*term.here, *term.plain)]
        if not forms:
            continue
        names = [" ".join(word.plain for word in words(name)) for name in term.en]
        keys = [
            key for key, text in english.items() if key in own and any(f" {name} " in f" {text} " for name in names)
        ]
        if len(keys) > 1 and not any(_stem(form) in own[key] for form in forms for key in keys):
            message = f"'{term.here[0]}' stands in none of the {len(keys)} texts that say '{term.en[0]}', as {keys[0]}"
            found.append(Finding("warning", "other_word", "glossary.yaml", term.en[0], message))
    return found


def _stem(form: str) -> str:
    """Enough of a form to meet its endings: all but the last quarter, at most two letters."""
    return form[: len(form) - min(2, len(form) // 4)]


def _units(pack: Pack, base: Pack) -> list[Finding]:
    file = "units.yaml"
    found: list[Finding] = []
    for key, unit in pack.units.items():
        if not unit.words:
            found.append(Finding("warning", "no_words", file, key, "there are no words for it"))
        reference = base.units.get(key)
        if unit.ml is None and unit.g is None:
            found.append(Finding("error", "no_volume", file, key, "needs ml or g, so that an amount can be told"))
        elif reference is not None and (unit.ml, unit.g) != (reference.ml, reference.g):
            message = f"holds {unit.ml or unit.g:g}, the English pack says {reference.ml or reference.g or 0:g}"
            found.append(Finding("warning", "other_volume", file, key, f"{message}; give it a key of its own"))
    found += [
        Finding("warning", "missing_rows", file, key, "the measure of the English pack is not there")
        for key in base.units
        if key not in pack.units
    ]
    return found


def _referral(pack: Pack, base: Pack) -> list[Finding]:
    file = "referral.yaml"
    found = [
        Finding("error", "missing_name", file, f"levels.{level.id}", "there is no name for it")
        for level in pack.referral.levels
        if not level.name
    ]
    known = {level.id for level in pack.referral.levels}
    found += [
        Finding("error", "missing_rows", file, f"levels.{level.id}", "the level of the English pack is not there")
        for level in base.referral.levels
        if level.id not in known
    ]
    for entry in pack.referral.emergency:
        if pack.region is None:
            message = "an emergency number belongs to a country: put it into a regional pack"
            found.append(Finding("error", "no_country", file, f"emergency.{entry.number}", message))
        elif entry.country != pack.region:
            message = f"is a number of {entry.country}, the pack is of {pack.region}"
            found.append(Finding("error", "no_country", file, f"emergency.{entry.number}", message))
    return found


def _culture(pack: Pack, base: Pack) -> list[Finding]:
    culture = pack.culture
    return [
        Finding("warning", "missing_rows", "culture.yaml", name, "nothing is written here")
        for name in ("illnesses", "taboo", "euphemisms", "foods")
        if not getattr(culture, name)
    ]


def _formulary(pack: Pack, base: Pack) -> list[Finding]:
    return [
        Finding("error", "no_source", "formulary.yaml", name, "a strength needs its source")
        for name, entry in pack.formulary.items()
        if entry.strength and not entry.source
    ]


def _harm(pack: Pack, base: Pack) -> list[Finding]:
    found = [
        Finding("error", "missing_phrases", "harm.yaml", key, "there are no phrases")
        for key in sorted(set(base.harm) - set(pack.harm))
    ]
    found += [
        Finding("warning", "extra_phrases", "harm.yaml", key, "the English pack has no such key")
        for key in sorted(set(pack.harm) - set(base.harm))
    ]
    return found


def _nothing_more(pack: Pack, base: Pack) -> list[Finding]:
    """Of a file that another room reads, only whether it is there is told here."""
    return []


def _passages(pack: Pack, base: Pack) -> list[Finding]:
    found = [
        Finding("warning", "missing_passage", "kb/", f"{name}.md", "the passage of the English pack is not there")
        for name in sorted({path.stem for path in base.kb} - {path.stem for path in pack.kb})
    ]
    reference = {passage.name: passage for passage in base.passages}
    for path in pack.kb:
        from afya.packs.passages import read_passage

        try:
            passage = read_passage(path)
        except ConfigError as error:
            found.append(Finding("error", "unreadable", f"kb/{path.name}", "-", str(error)))
            continue
        if passage.header.reviewed and not passage.header.reviewers:
            message = "reviewed is true, but no reviewer is named"
            found.append(Finding("error", "no_reviewer", f"kb/{path.name}", "reviewed", message))
        english = reference.get(passage.name)
        if english is None:
            continue
        if len(passage.sections) != len(english.sections):
            message = f"has {len(passage.sections)} sections, the English passage {len(english.sections)}"
            found.append(Finding("warning", "few_sections", f"kb/{path.name}", "-", message))
        elif pack.code != base.code:
            found += _passage_texts(pack, passage.name, zip(passage.sections, english.sections, strict=True))
        if passage.header.topic != english.header.topic:
            message = f"is '{passage.header.topic}', the English passage has '{english.header.topic}'; topics are keys"
            found.append(Finding("error", "other_topic", f"kb/{path.name}", "topic", message))
    return found


def _passage_texts(pack: Pack, name: str, pairs: Iterable[tuple[object, object]]) -> list[Finding]:
    from afya.packs.lint_texts import inspect_text
    from afya.packs.passages import Section

    found: list[Finding] = []
    for number, (own, english) in enumerate(pairs, 1):
        assert isinstance(own, Section)
        assert isinstance(english, Section)
        found += inspect_text(pack, f"kb/{name}.md", f"section {number}", own.text, english.text)
    return found


def _tests(pack: Pack, base: Pack) -> list[Finding]:
    file = "tests.jsonl"
    found = [
        Finding("error", "unknown_rule", file, test.id, f"'{rule}' is no danger rule of the English pack")
        for test in pack.tests
        for rule in test.danger
        if rule not in base.danger
    ]
    if base.tests and len(pack.tests) < len(base.tests):
        message = f"{len(pack.tests)} tests are filled, the English pack has {len(base.tests)}"
        found.append(Finding("warning", "few_tests", file, "-", message))
    return found


def _language_files(pack: Pack, base: Pack) -> list[Finding]:
    from afya.text.literals import text_literals

    try:
        text_literals(pack.code)
    except ConfigError as error:
        return [Finding("error", "no_language_file", "text/lang.yaml", "-", str(error))]
    return []
