"""Whether an answer is in the language and script that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import regex

from afya.assistant.context import Answer
from afya.text.identify import identify, main_script

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

# Blocks that are not in the reader's language on purpose, and say so: a passage, or a draft whose translation failed.
_FOREIGN = frozenset({"passage", "name"})
_LETTERS_AT_LEAST = 20


def kept_language(answer: Answer, subject: Subject) -> tuple[bool, str]:
    """Whether the answer's own text is in the asked language, and what it is in where it is not.

    The language is judged on the whole text, and counts as kept where the identification is not sure and the script is
    right. Passages quoted in the language they were written in are announced as such, and not judged.
    """
    text = "\n".join(block.text for block in answer.blocks if block.origin not in _FOREIGN)
    if len(regex.findall(r"\p{L}", text)) < _LETTERS_AT_LEAST:
        return bool(text.strip()), "" if text.strip() else "nothing was said"
    wanted = main_script(subject.pack_text)
    script = main_script(text)
    if script != wanted:
        return False, f"script {script}, not {wanted}"
    verdict = identify(text, vocabulary={subject.code: subject.words})
    if verdict.language not in (None, subject.code):
        return False, f"language {verdict.language}"
    return True, ""
