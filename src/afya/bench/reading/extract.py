"""Reading the chosen option out of free text, in any language that has words of commitment. It never guesses.

An answer counts when the reply commits to it: behind an answer marker ("Answer: B", "Jibu: B", "答案：B"), before a
verdict ("B is correct", "Bが正解"), on a line of its own, as its opening, in bold or a box, under an answer key of
JSON, or by quoting one option's text. The last commitment wins; what stands in a thinking block is no commitment. A
letter that merely occurs in a sentence is no answer, and neither is "A or C".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from afya.bench.reading.extract_commitments import Commitment
from afya.bench.reading.extract_fold import CIRCLED, folded, has_circled, option_text, spoken
from afya.bench.reading.extract_json import json_choice
from afya.bench.reading.extract_labels import label_reader
from afya.bench.reading.extract_quotes import quoted, reworded
from afya.bench.reading.extract_tables import table_choice

Reason = Literal["refused", "several", "truncated", "empty", "no_answer"]
REASONS: tuple[str, ...] = get_args(Reason)

# Engines say in different words that a reply was cut, or withheld.
_CUT = frozenset({"length", "max_tokens", "MAX_TOKENS"})
_WITHHELD = frozenset({"filtered", "content_filter", "refusal", "SAFETY"})
# Characters of a reply that is worth remembering.
_SHORT = 80


@dataclass(frozen=True, slots=True)
class Extraction:
    """The options chosen (indices, ascending), or None with the reason why there is no answer and what was seen.

    `how`: what the reply committed itself by (marker, verdict, line, conclusion, opening, bold, json, near, mention).
    """

    chosen: tuple[int, ...] | None
    reason: Reason | None = None
    detail: str | None = None
    how: str | None = None


def extract(
    text: str,
    options: Sequence[str],
    lang: str,
    letters: Sequence[str],
    *,
    several: bool = False,
    finish_reason: str = "stop",
) -> Extraction:
    """The option(s) that a reply commits to.

    Args:
        text: the reply as it came.
        options: the options' texts, in order.
        lang: the item's language; its words are read, those of the languages named in its file, English and Chinese.
        letters: the labels that stood before the options in the prompt; Latin letters and the labels of
            alphabets.yaml are read as well where they do not clash.
        several: whether several options may be chosen; if not, a reply that chooses several has no answer.
        finish_reason: how the reply ended; of one cut at its length limit only what it says outright counts.

    Raises:
        ConfigError: the language has no words of commitment.
    """
    # Short replies come again and again: many models, the same item.
    read = _remembered if len(text) <= _SHORT else _read
    return read(text, tuple(options), lang, tuple(letters), several, finish_reason)


def _read(
    text: str, choices: tuple[str, ...], lang: str, letters: tuple[str, ...], several: bool, finish_reason: str
) -> Extraction:
    cut = finish_reason in _CUT
    said = spoken(text)
    digits, circled = _free_signs(choices)
    reader = label_reader(lang, letters, len(choices), digits, circled)
    bare = text.strip(" \n.*()")
    if bare in reader.index:
        # Most replies to "write the letter and nothing else" are just that.
        return Extraction((reader.index[bare],), how="line")
    if said.unfinished:
        return Extraction(None, "truncated", "the reply ended inside its thinking")
    reply = reader.prepared(folded(said.text).strip())
    if not any(character.isalnum() or character in CIRCLED for character in reply) and not _signs_told(reply, choices):
        if finish_reason in _WITHHELD:
            return Extraction(None, "refused", "the provider withheld the reply")
        if cut:
            return Extraction(None, "truncated", "the length limit was reached before anything was said")
        return Extraction(None, "empty", "nothing follows its thinking" if said.thought else None)
    if "{" in reply and (under_key := json_choice(reader, said.text, choices)):
        return _one_or_several(under_key, several, "json")
    low = reply.lower()
    found = reader.read(reply, low, choices, several)
    if reply.count("|") > len(choices) and (table := table_choice(reader, low, choices, several)):
        found = sorted([*found, table], key=lambda commitment: commitment.start)
    if not any(commitment.firm > 1 for commitment in found):
        found = found + quoted(reader, low, choices, lang, several)
    if not found:
        found = reworded(reader, low, choices)
    last = _last(found, several, len(choices))
    if last is not None and last.firm > 1:
        return _one_or_several(last.chosen, several, last.how)
    refusal = next((phrase for phrase in reader.words.refusals if phrase in low), None)
    if refusal is not None or finish_reason in _WITHHELD:
        return Extraction(None, "refused", refusal or "the provider withheld the reply")
    if cut:
        return Extraction(None, "truncated", "the reply was cut off at its length limit before it said an answer")
    if last is not None:
        return _one_or_several(last.chosen, several, last.how)
    return Extraction(None, "no_answer", "no option is chosen")


_remembered = lru_cache(maxsize=65536)(_read)


@lru_cache(maxsize=65536)
def _free_signs(options: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether digits and circled signs may be labels: not where the options hold such signs themselves."""
    return not any(character.isdigit() for option in options for character in option), not has_circled(options)


def _signs_told(reply: str, options: Sequence[str]) -> bool:
    """Whether a reply without letters holds an option that has none either: "↓"."""
    texts = [option_text(option) for option in options]
    return any(text in reply for text in texts if text and not any(map(str.isalnum, text)))


def _last(found: Sequence[Commitment], several: bool, count: int) -> Commitment | None:
    """The commitment that decides: of the firmest kind the last one. What is only supposed gives way to what is said.

    Where several are asked for and each option got its verdict, those approved together are the answer.
    """
    if not found:
        return None
    firmest = (
        max(commitment.firm for commitment in found if not commitment.supposed)
        if any(not commitment.supposed for commitment in found)
        else 0
    )
    said = [commitment for commitment in found if not commitment.supposed and commitment.firm == firmest]
    if not said:
        # Suppositions that disagree ("if A ..., if B ...") are no answer.
        return found[-1] if len({commitment.chosen for commitment in found}) == 1 else None
    if several and len(said) > 1 and all(commitment.how == "verdict" for commitment in said):
        union = tuple(sorted({index for commitment in said for index in commitment.chosen}))
        return Commitment(said[0].start, union, firmest, "verdict")
    return said[-1]


def _one_or_several(chosen: tuple[int, ...], several: bool, how: str) -> Extraction:
    if not chosen:
        return Extraction(None, "several", "one option or another", how)
    if len(chosen) > 1 and not several:
        return Extraction(None, "several", "several options where one is asked for", how)
    return Extraction(chosen, how=how)
