"""Names of drugs: each one of the source is in the translation, and the translation has none of its own.

`drug_names` says what is a name and what spells it. Where a language has no known form of a name and its script writes
no sounds (Chinese), the check cannot judge, and says so, unless the Latin name was kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from afya.languages import language
from afya.translation.checks.drug_names import Medicine, medicines, named, spellings, spelt
from afya.translation.checks.lexicon import DRUG, lexicon
from afya.translation.checks.reading import reading
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "drugs"
_PASSED = Verdict(NAME, True)

Named = dict[str, Medicine]


def make(source: str, target: str) -> PairCheck:
    """The check for one direction."""
    marks_here, marks_there = lexicon(source).marks, lexicon(target).marks
    forms_here, forms_there = _forms(source), _forms(target)
    sounded_here, sounded = (language(code).script not in ("Hans", "Hant") for code in (source, target))

    def check(source_text: str, translation: str) -> Verdict:
        here = _named(source_text, marks_here(source_text), forms_here)
        there = _named(translation, marks_there(translation), forms_there)
        if not here and not there:
            return _PASSED
        lost, unknown = _missing(here, there, translation, target, sounded)
        # A word that only looks like a medicine may be two words typed as one.
        listed = {name: drug for name, drug in there.items() if name in medicines()}
        added = _missing(listed, here, source_text, source, sounded_here)[0]
        said = [f"{what}: {', '.join(names)}" for what, names in (("lost", lost), ("added", added)) if names]
        if said:
            return Verdict(NAME, False, "; ".join(said))
        if unknown:
            names = ", ".join(unknown)
            return Verdict(NAME, False, f"no {language(target).name} form is known of: {names}", judged=False)
        return _PASSED

    return check


def _named(text: str, marks: int, forms: tuple[re.Pattern[str], Named] | None) -> Named:
    """The medicines that `text` names, by name."""
    found: Named = {}
    if marks & DRUG:
        found = {drug.name: drug for token in reading(text).tokens for drug in named(token)}
    if forms is not None:
        pattern, by_form = forms
        for form in pattern.findall(text):
            found[by_form[form].name] = by_form[form]
    return found


@cache
def _forms(lang: str) -> tuple[re.Pattern[str], Named] | None:
    """A pattern for the forms listed for a language, and what each stands for; None where none is listed."""
    forms = {form: drug for drug in medicines().values() for form in drug.forms.get(lang, ())}
    # The longest first, so that 去甲肾上腺素 is not read as 肾上腺素.
    ordered = sorted(forms, key=len, reverse=True)
    return (re.compile("|".join(map(re.escape, ordered))), forms) if ordered else None


def _missing(
    wanted: Mapping[str, Medicine], found: Mapping[str, Medicine], text: str, lang: str, sounded: bool
) -> tuple[list[str], list[str]]:
    """The wanted names that `text` has in no spelling, and those of which that cannot be said."""
    lost: list[str] = []
    unknown: list[str] = []
    spelling: list[str] | None = None
    for name, drug in wanted.items():
        if name in found:
            continue
        if spelling is None:
            spelling = spellings(text)
        if spelt(drug, spelling):
            continue
        (lost if sounded or drug.forms.get(lang) else unknown).append(name)
    return lost, unknown
