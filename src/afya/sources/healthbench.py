"""HealthBench: conversations about health, and what physicians say a good next reply does and does not do.

Origin: openai/simple-evals; examples in alvinrajkomar/healthbenchviewer, which states no licence. Licence: MIT. Size:
5,000 conversations; 30 examples. Citation: Arora RK, Wei J, Soskin Hicks R, et al. HealthBench: Evaluating Large
Language Models Towards Improved Human Health. arXiv:2505.08775, 2025.

Formats: JSON lines (*_oss_eval.jsonl), or one object a file (*_oss_eval_example_*.json), with prompt_id, prompt (role,
content), rubrics (criterion, points, tags), example_tags, ideal_completions_data, canary. The item is a dialogue that
ends with the user: `question` is the last message, the reference is the ideal completion where there is one, and the
rubrics and the canary stand in extra. The language is not told: it is identified from what the user wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item, Turn
from afya.languages import registry
from afya.sources.files import Record, entries, identifier, json_file, json_lines, optional_text, record, text, texts
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

_ROLES = ("system", "user", "assistant")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        for row in _rows(reading, file):
            try:
                if isinstance(row, Malformed):
                    raise row
                item = _item(reading, row)
            except Malformed as fault:
                yield reading.reject(fault)
                continue
            if reading.wants(item.lang):
                yield item


def _rows(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    if file.suffix == ".jsonl":
        yield from json_lines(reading, file)
    else:
        yield from entries(reading, [json_file(reading, file)])


def _item(reading: Reading, row: Record) -> Item:
    turns = _turns(row)
    rubrics = row.get("rubrics")
    if not isinstance(rubrics, list) or not rubrics:
        raise Malformed("missing_answer", "there are no rubrics")
    about = record(row, "ideal_completions_data") if row.get("ideal_completions_data") is not None else {}
    ideal = optional_text(about, "ideal_completion")
    return reading.item(
        identifier(row, "prompt_id"),
        _language(turns, ideal),
        task="dialogue",
        split=reading.split("test"),
        question=turns[-1].text,
        turns=turns,
        answer_text=ideal,
        extra=extra(
            rubrics=[_rubric(rubric) for rubric in rubrics],
            tags=texts(row, "example_tags") or None,
            canary=optional_text(row, "canary"),
        ),
    )


def _turns(row: Record) -> tuple[Turn, ...]:
    prompt = row.get("prompt")
    if not isinstance(prompt, list) or not prompt or not all(isinstance(message, dict) for message in prompt):
        raise Malformed("empty_question", "'prompt' is no list of messages")
    turns = tuple(Turn(text(message, "role"), text(message, "content")) for message in prompt)
    strange = [turn.role for turn in turns if turn.role not in _ROLES]
    if strange:
        raise Malformed("unknown_role", f"'{strange[0][:20]}' is none of {', '.join(_ROLES)}")
    if turns[-1].role != "user":
        raise Malformed("misaligned", "the last message is not the user's, so no reply is due")
    return turns


def _rubric(rubric: object) -> dict[str, object]:
    if not isinstance(rubric, dict):
        raise Malformed("wrong_type", "a rubric is no object")
    points = rubric.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float):
        raise Malformed("wrong_type", "a rubric's points are no number")
    return {"criterion": text(rubric, "criterion"), "points": points, "tags": texts(rubric, "tags")}


def _language(turns: tuple[Turn, ...], ideal: str | None) -> str:
    """The language of the user's messages; where they alone do not tell, all messages and the ideal reply decide."""
    from afya.text.identify import identify

    asked = [turn.text for turn in turns if turn.role == "user"]
    for chosen in (asked, [turn.text for turn in turns], [ideal or ""]):
        found = identify("\n".join(chosen)).language
        if found in registry():
            return str(found)
    raise Malformed("unknown_language", "the language could not be told")


SOURCE = Source(
    name="healthbench",
    title="HealthBench",
    licence="MIT",
    url="https://github.com/openai/simple-evals",
    citation="Arora et al. 2025, HealthBench, arXiv:2505.08775",
    languages=tuple(registry()),
    tasks=("dialogue",),
    reads="*_oss_eval.jsonl, or *_oss_eval_example_*.json",
    patterns=("*_oss_eval.jsonl", "*_oss_eval_example_*.json"),
    read=read,
)
