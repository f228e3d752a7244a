"""What people write, and what must come of it: the cases of cases/{lang}.yaml, for every language that has a pack.

Keys of a case: `text`; `danger` (the rules that must stand; none may stand when the key is absent); `colour`; `route`;
`protocol`; `findings` (each must be found so); `classification` (must be among the answer's); `notice` (must be said);
`needs` (another pack). Kinds: danger, negated, facts, question, unknown, language.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from afya.assistant import Answer, Assistant
from afya.datafiles import read_yaml
from afya.packs import available
from afya.text.literals import literal_codes

CASES = Path(__file__).parent / "cases"
LANGS = [lang for lang in sorted(path.stem for path in CASES.glob("*.yaml")) if lang in available()]
LANGS = [lang for lang in LANGS if lang in literal_codes()]
# The share of all expectations but the danger signs that must hold in a language nobody has reviewed yet.
LEAST_RIGHT = 0.85


@cache
def assistant(lang: str) -> Assistant:
    return Assistant(lang)


def cases(lang: str, *kinds: str) -> list[dict[str, Any]]:
    rows: Any = read_yaml(CASES / f"{lang}.yaml")
    return [row for row in rows if row["kind"] in kinds and row.get("needs", lang) in available()]


def faults(case: dict[str, Any], answer: Answer) -> list[str]:
    """What of the case's expectations, but for danger signs, does not hold."""
    pack = assistant(answer.lang).resources.chosen.pack
    said = {block.text for block in answer.blocks}
    found = []
    for name, value in case.get("findings", {}).items():
        if answer.findings.get(name) != value:
            found.append(f"{name} is {answer.findings.get(name)!r}, not {value!r}")
    for key, value in (("colour", answer.colour), ("route", answer.route), ("protocol", answer.protocol)):
        found += [f"{key} is {value}, not {case[key]}"] if case.get(key, value) != value else []
    if "classification" in case and pack.text(f"classification.{case['classification']}") not in said:
        found.append(f"not classified as {case['classification']}")
    if "notice" in case and pack.text(case["notice"]) not in said:
        found.append(f"does not say {case['notice']}")
    return found


def standing(answer: Answer) -> set[str]:
    return {sign.rule for sign in answer.signs if not sign.denied}


@pytest.mark.parametrize("lang", LANGS)
def test_danger_is_seen_and_answered_red(lang: str) -> None:
    missed = []
    for case in cases(lang, "danger", "language"):
        answer = assistant(lang).ask(case["text"])
        wanted = set(case.get("danger", ()))
        if not wanted <= standing(answer) or (wanted and answer.colour != "red"):
            missed.append(f"{case['id']}: saw {standing(answer) or 'nothing'}, not {wanted}")
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("lang", LANGS)
def test_denied_and_absent_danger_is_not_red(lang: str) -> None:
    raised = []
    for case in cases(lang, "negated", "facts", "question", "unknown"):
        answer = assistant(lang).ask(case["text"])
        if answer.colour == "red" or standing(answer):
            raised.append(f"{case['id']}: {standing(answer)}")
    assert not raised, "\n".join(raised)


@pytest.mark.parametrize("lang", LANGS)
def test_facts_routes_and_notices_are_right(lang: str) -> None:
    wrong, number = [], 0
    for case in cases(lang, "danger", "negated", "facts", "question", "unknown", "language"):
        found = faults(case, assistant(lang).ask(case["text"]))
        number += 1
        if found:
            wrong.append(f"{case['id']}: {'; '.join(found)}")
    least = 1.0 if lang == "en" else LEAST_RIGHT
    assert 1 - len(wrong) / number >= least, "\n".join(wrong)


@pytest.mark.parametrize("lang", LANGS)
def test_unknown_signs_are_never_green(lang: str) -> None:
    for case in cases(lang, "danger", "negated", "facts", "question", "unknown", "language"):
        answer = assistant(lang).ask(case["text"])
        assert not (answer.colour == "green" and answer.missing), case["id"]
