"""Apollo's XMedBench: multiple choice gathered in six languages (zh es fr ar hi, and en in dev).

Origin: FreedomIntelligence/Apollo; Chinese from MedQA-MCMLE, CMB, CMExam and CMMLU, Spanish from HEAD-QA, French from
FrenchMedMCQA, English from MedQA, MedMCQA, MMLU and PubMedQA; Arabic and Hindi are machine translations of MMLU.
Licence: Apache-2.0, its parts keep theirs (each row's `licence`). Size: test zh 8,759, ar 1,088, hi 1,089 among others.
Citation: Wang X, Chen N, Chen J, et al. Apollo: A Lightweight Multilingual Medical LLM towards Democratizing Medical AI
to 6B People. arXiv:2403.03640, 2024.

Format: {dev,test}/<lang>.json, arrays of question, options "(A) ...\\n(B) ...", answer "(C)" or "(ACE)", source and
context. The publisher ended every option with a full stop; the texts are kept so. Where a question has four options, a
fifth of nothing but that full stop was added: it is left out. A row's place in its file is its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from afya.items import Item, Split
from afya.sources.files import Record, answer_index, json_array, optional_text, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "ABCDEFGH"
_MOST = 5
_LANGUAGES = ("zh", "es", "fr", "ar", "hi", "en")
_OPTION = re.compile(r"^\(([A-H])\)", re.MULTILINE)
_BLANK = frozenset((".", "。", "।", ""))
_LICENCES = {
    "cmmlu-medical": "CC-BY-NC-4.0",
    "headqa": "MIT",
    "medmcqa": "MIT",
    "medqa-mcmle": "MIT",
    "medqa-usmle": "MIT",
    "mmlu-medical": "MIT",
    "mmlu-medical-ar": "MIT",
    "mmlu-medical-hi": "MIT",
    "pubmedqa": "MIT",
}


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        lang, split, folder = file.stem, reading.split_of(file), file.parent.name
        if lang in _LANGUAGES and not reading.wants(lang):
            continue

        def make(row: Record, lang: str = lang, split: Split = split, folder: str = folder) -> Item:
            return _item(reading, row, lang, split, f"{lang}-{folder}-{reading.line}")

        yield from outcomes(reading, json_array(reading, file), make)


def _item(reading: Reading, row: Record, lang: str, split: Split, native_id: str) -> Item:
    options = _options(text(row, "options"))
    letters = text(row, "answer").strip().removeprefix("(").removesuffix(")")
    part = optional_text(row, "source")
    translated = lang in ("ar", "hi")
    return reading.item(
        native_id,
        lang,
        task="mcq",
        split=split,
        question=text(row, "question"),
        context=optional_text(row, "context"),
        options=options,
        answer=tuple(sorted(answer_index(letter, _LABELS, len(options)) for letter in letters)),
        origin="machine" if translated else "native",
        translated_from="en" if translated else None,
        licence=_LICENCES.get(part or ""),
        extra=extra(part=part),
    )


def _options(listed: str) -> tuple[str, ...]:
    """The options of "(A) ...\\n(B) ...". Raises Malformed unless they are labelled A, B, C and so on."""
    before, *parts = _OPTION.split(listed)
    labels, options = "".join(parts[::2]), [part.strip() for part in parts[1::2]]
    if before.strip() or not labels or labels != _LABELS[: len(labels)]:
        raise Malformed("missing_option", f"options labelled '{labels}' where (A), (B), ... were expected")
    if len(options) == _MOST and options[-1] in _BLANK:
        options.pop()
    if _BLANK & set(options):
        raise Malformed("missing_option", "an option has no text")
    return tuple(options)


SOURCE = Source(
    name="apollo",
    title="Apollo XMedBench",
    licence="Apache-2.0",
    url="https://github.com/FreedomIntelligence/Apollo",
    citation="Wang et al. 2024, Apollo, arXiv:2403.03640",
    languages=_LANGUAGES,
    tasks=("mcq",),
    reads="<lang>.json (zh es fr ar hi en) in folders named dev and test",
    patterns=tuple(f"{lang}.json" for lang in _LANGUAGES),
    read=read,
)
