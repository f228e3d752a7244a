"""The pack's texts that the assistant says, and what stands in for one that a pack does not have yet.

A text of `NEEDED` must be there, or the pack is refused. For one of `FURTHER` a coarser text of the same pack is said
where it is missing, or nothing, where nothing is lost by it. English never stands in for another language.
"""

from __future__ import annotations

from collections.abc import Mapping

from afya.packs import Pack

NEEDED: frozenset[str] = frozenset(
    {
        "answer.is_false",
        "answer.is_true",
        "colour.green",
        "colour.red",
        "colour.unknown",
        "colour.yellow",
        "notice.age_too_high",
        "notice.age_too_low",
        "notice.at_least",
        "notice.danger_list",
        "notice.danger_seen",
        "notice.disclaimer",
        "notice.do_not_know",
        "notice.empty",
        "notice.left_out",
        "notice.missing",
        "notice.model_text",
        "notice.model_unavailable",
        "notice.model_withheld",
        "notice.no_words",
        "notice.not_available",
        "notice.not_reviewed",
        "notice.other_language",
        "notice.out_of_scope",
        "notice.rule_not_reviewed",
        "notice.too_long",
        "notice.understood",
        "notice.what_to_do",
        "notice.what_to_give",
        "notice.when_in_doubt",
        "prompt.advice",
        "prompt.instruction",
        "prompt.question",
    }
)

FURTHER: Mapping[str, str | None] = {
    # Why a request is not answered.
    "notice.refused": "notice.out_of_scope",
    # Whom is the message about?
    "question.who": None,
    # The conversation.
    "notice.contradicted": "notice.missing",
    "notice.other_person": None,
    # Strange signs in the message.
    "notice.hidden_signs": None,
    "notice.mixed_letters": None,
    # Passages.
    "notice.from_documents": None,
    "notice.passage_not_reviewed": "notice.rule_not_reviewed",
    "notice.passage_other_language": None,
    "notice.model_answer": "notice.model_text",
    # Translation.
    "notice.machine_translated": "notice.not_reviewed",
    "notice.translation_failed": "notice.do_not_know",
    "notice.translation_unavailable": None,
    "notice.seen_in_translation": None,
    # Small talk.
    "talk.greeting": "notice.out_of_scope",
    "talk.thanks": "notice.out_of_scope",
    "talk.goodbye": "notice.out_of_scope",
    "talk.who_are_you": "notice.out_of_scope",
}


def said(pack: Pack, key: str) -> str | None:
    """The key of the text that is said for `key`: itself, its stand-in, or None where nothing is said."""
    if key in pack.messages or key not in FURTHER:
        return key
    return FURTHER[key]
