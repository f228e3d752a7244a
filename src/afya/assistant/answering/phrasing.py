"""A language model's wording of the advice, and the checks it must pass before anyone sees it.

The pack's own text is always shown; the model's stands below it, marked as such. A check that cannot be made counts as
failed. The checks: the model ended by itself; no number that the advice lacks; no medicine that the advice lacks; the
chosen language, surely; no denial lost ("no antibiotic"); length; and that most of its words are the advice's.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex

from afya.assistant.context import Phrasing
from afya.assistant.limits import Limits
from afya.assistant.resources import Resources, drug_names
from afya.languages import language
from afya.text.identify import is_language
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks, normalise
from afya.text.quantities import Units, quantities
from afya.text.words import Phrases, words


def phrase(resources: Resources, question: str, advice: str) -> Phrasing:
    """The model's wording of `advice`, or why there is none. Raises what the model raises when it cannot run at all."""
    from afya.models import Message, Prompt, Sampling

    model = resources.model
    assert model is not None
    pack = resources.chosen.pack
    content = "\n".join(
        [
            pack.text("prompt.instruction"),
            f"{pack.text('prompt.question')} {' '.join(question.split())}",
            pack.text("prompt.advice"),
            advice,
        ]
    )
    sampling = Sampling(max_tokens=resources.limits.model_tokens)
    reply = model.generate([Prompt((Message("user", content),))], sampling)[0]
    name = model.identity.name
    if reply.error is not None:
        return Phrasing(name, None, error=reply.error)
    text = reply.text.strip()
    failed = check(text, advice, resources)
    if reply.finish_reason != "stop":
        failed = ("ended", *failed)
    return Phrasing(name, None if failed else text, failed)


def check(text: str, advice: str, resources: Resources) -> tuple[str, ...]:
    """The names of the checks that a model's `text` fails against the advice it was to put into words; () when none."""
    lang = resources.chosen.code
    bounds = resources.limits
    written, given = normalise(text), normalise(advice)
    failed = []
    if not words(written) or len(written) > bounds.model_length * len(given):
        failed.append("length")
    if not _numbers(written, resources) <= _numbers(given, resources):
        failed.append("numbers")
    medicines = [value for key, value in resources.chosen.pack.messages.items() if key.startswith("medicine.")]
    if not named_drugs(written, medicines) <= named_drugs(given, medicines):
        failed.append("medicines")
    if is_language(written, lang, vocabulary={lang: resources.chosen.words}) is not True:
        failed.append("language")
    if _denials(written, lang) < _denials(given, lang):
        failed.append("denials")
    if not _grounded(written, given, lang, bounds):
        failed.append("support")
    return tuple(failed)


def _numbers(text: str, resources: Resources) -> set[float]:
    found = quantities(text, Units(resources.chosen.code, {}))
    values = {quantity.value for quantity in found} | {
        quantity.upper for quantity in found if quantity.upper is not None
    }
    # What `quantities` leaves out (fractions, digits inside words) counts by its digits.
    return values | {float(digits) for digits in regex.findall(r"\d+", text)}


def named_drugs(text: str, medicines: Sequence[str]) -> set[str]:
    """The medicines `text` names: known beginnings, INN stems, and the given names' longer words, as found."""
    names, stems = drug_names()
    own = {word.plain for name in medicines for word in words(name) if len(word.plain) >= 5}
    found = set()
    for word in words(text):
        plain = word.plain
        beginning = next((name for name in (*names, *own) if plain.startswith(name)), None)
        if beginning is not None:
            found.add(beginning)
        elif plain.endswith(stems) or any(stem in plain for stem in stems if len(stem) >= 6):
            found.add(plain)
    # In scripts without spaces a medicine's name is a piece of a longer run.
    folded = fold_marks(text)
    return found | {name for name in map(fold_marks, medicines) if not name.isascii() and name in folded}


def _denials(text: str, lang: str) -> int:
    negation = text_literals(lang).negation
    count, reached = 0, 0
    # Cues lie on one another ("not", "not had"): a place counts once.
    for match in Phrases(lang, [("no", cue) for cue in (*negation.before, *negation.after)]).find(text):
        count += match.start >= reached
        reached = max(reached, match.end)
    return count


def _grounded(text: str, advice: str, lang: str, bounds: Limits) -> bool:
    written, given = _stems(text, lang, bounds), _stems(advice, lang, bounds)
    if not written or not given:
        return False
    shared = written & given
    return len(shared) / len(written) >= bounds.model_support and len(shared) / len(given) >= bounds.model_coverage


def _stems(text: str, lang: str, bounds: Limits) -> set[str]:
    """The first letters of the longer words; in scripts without spaces, the pairs of neighbouring characters."""
    listed = [word.plain for word in words(text)]
    if language(lang).spaced:
        least = 2 if language(lang).script == "Hang" else bounds.model_word_letters
        return {word[: bounds.model_stem_letters if least > 2 else 2] for word in listed if len(word) >= least}
    return {word[place : place + 2] for word in listed for place in range(len(word) - 1)}
