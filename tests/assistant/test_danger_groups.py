"""Words that are a danger sign only together: found however they are said, denied like phrases, in every script."""

from __future__ import annotations

from pathlib import Path

import pytest

from afya.assistant import Assistant
from afya.assistant.context import Known
from afya.assistant.understanding.speech import Language
from afya.assistant.understanding.triage import danger_signs
from afya.datafiles import read_yaml
from afya.text.groups import Group, Groups
from afya.text.negation import judged
from afya.text.normalise import normalise

CONCEPTS = {
    "cannot": ("cannot", "does not", "refuses"),
    "drink": ("drink*", "suck*"),
    "belly": ("belly", "tummy"),
    "pain": ("pain*", "hurt*"),
    "severe": ("terrible", "badly"),
    "mild": ("mild", "a little"),
    "pregnant": ("pregnant",),
    "bleeding": ("bleed*", "blood"),
    "vomit": ("vomit*",),
    "often": ("4+ times",),
}
GROUPS = (
    Group("unable_to_drink", (("cannot",), ("drink",)), apart=2, ordered=True),
    Group("belly", (("belly",), ("pain",), ("severe",)), apart=4, unless=("mild",)),
    Group("bleeding", (("bleeding",),), context=(("pregnant",),)),
    Group("vomits", (("vomit",), ("often",)), scope="sentence", apart=3),
)


def standing(text: str, known: frozenset[str] = frozenset()) -> set[str]:
    plain = normalise(text)
    found = Groups("en", CONCEPTS, GROUPS).find(plain, known)
    return {match.key for match, no in judged(plain, found, "en") if not no}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("The pain in her tummy is terrible", "belly"),
        ("it hurts so badly in the belly", "belly"),
        ("the baby refuses to suck", "unable_to_drink"),
        ("I am pregnant. Since today there is blood.", "bleeding"),
        ("vomited 10 times", "vomits"),
    ],
)
def test_the_words_count_in_any_order_a_few_words_apart(text: str, rule: str) -> None:
    assert standing(text) == {rule}


@pytest.mark.parametrize(
    "text",
    [
        "Her belly is fine, the road is terrible and my foot hurts",  # two clauses
        "belly and then a long way home with many other things to tell and much pain that is terrible",  # too far
        "a little pain in the belly, not terrible",  # cancelled
        "She can drink what he does not",  # the order
        "There is blood in the soup",  # nobody is pregnant
        "I am not pregnant, some blood",
        "vomited 3 times",
    ],
)
def test_they_do_not_count_where_they_do_not_belong_together(text: str) -> None:
    assert standing(text) == set()


@pytest.mark.parametrize(
    "text", ["no terrible pain in the belly", "the belly does not hurt badly", "terrible belly pain: no"]
)
def test_a_denial_before_or_between_them_denies_them(text: str) -> None:
    assert "belly" not in standing(text)


def test_a_denial_that_is_one_of_them_denies_nothing() -> None:
    assert standing("no fever, cannot drink") == {"unable_to_drink"}
    assert standing("cannot drink: no") == set()


def test_what_the_conversation_knows_of_the_person_counts() -> None:
    assert standing("some blood since morning", frozenset({"pregnant"})) == {"bleeding"}
    asked = Assistant("en").ask("There is some blood since the morning", conversation=Known(protocol="pregnancy"))
    assert (asked.colour, [sign.rule for sign in asked.signs]) == ("red", ["bleeding_in_pregnancy"])


def test_scripts_without_spaces_are_read_by_signs() -> None:
    concepts = {"belly": ("肚子", "腹部"), "pain": ("疼", "痛"), "severe": ("厉害", "剧烈")}
    groups = Groups("zh", concepts, [Group("belly", (("belly",), ("pain",), ("severe",)), apart=3)])
    text = normalise("她的肚子疼得很厉害")
    assert [text[match.start : match.end] for match in groups.find(text)] == ["肚子疼得很厉害"]
    assert groups.find(normalise("肚子很好，天气热得厉害，脚疼")) == []


def test_a_long_text_of_the_same_words_is_read_in_time() -> None:
    assert "belly" in standing("belly pain " * 4_000 + "terrible")


FRESH = {code: read_yaml(Path(__file__).parent / f"cases_fresh_{code}.yaml") for code in ("en", "fr", "es")}


@pytest.mark.parametrize("code", FRESH)
def test_freshly_written_messages_are_understood(code: str) -> None:
    speech = Language.load(code)

    def signs(text: str) -> set[str]:
        return {sign.rule for sign in danger_signs(normalise(text), speech) if not sign.denied}

    content = FRESH[code]
    assert isinstance(content, dict)
    listed = [
        (rule, text)
        for group in ("rules", "second", "third")
        for rule, texts in content.get(group, {}).items()
        for text in texts
    ]
    missed = [f"{rule}: {text}" for rule, text in listed if rule not in signs(text)]
    raised = [f"{text}: {found}" for text in content["harmless"] if (found := signs(text))]
    assert len(missed) <= 0.05 * len(listed), "\n".join(missed)
    assert len(raised) <= 0.05 * len(content["harmless"]), "\n".join(raised)
