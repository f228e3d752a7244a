"""From lessons to training examples: token numbers and which of them are learned.

Loss falls on the answers and their end tokens only. An answer is learned after exactly the tokens that the model would
be asked with. Answers of one dialogue share an example where that is true of all of them; where a template shows
earlier turns otherwise than they were written (Qwen3 leaves their thinking out), a new example begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afya.errors import DataError, EngineError
from afya.items import Item
from afya.models.rendering import encode_options
from afya.runs import Rejection
from afya.training.examples.chat_template import AnswerFrame, answer_frame
from afya.training.examples.cutting import cut_to_fit
from afya.training.examples.drafts import Answered, answer_places, answered, dialogue_messages, drafted
from afya.training.examples.lesson import Lesson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

# Lessons whose texts are held and tokenised together.
_CHUNK = 2_000

Tokens = tuple[list[int], list[int]]
"""An answer's prompt and the answer with its end, as token numbers."""


@dataclass(frozen=True, slots=True)
class Example:
    """One document of a pack. `learned` marks the tokens that loss falls on; both arrays have one entry a token.

    `rehearsal`: it keeps up what the model knew, and counts to the stage's share of that.
    """

    item_id: str
    lang: str
    tokens: NDArray[np.int32]
    learned: NDArray[np.bool_]
    rehearsal: bool = False


@dataclass
class Built:
    """The examples of a stage and the account of its lessons.

    `used` lessons gave examples. The ledger is told of a cut one as of a row that was left out (reason `cut`) and a
    shorter one that was made: lessons + len(cuts) == used + len(rejections) + len(cuts).
    """

    examples: list[Example] = field(default_factory=list)
    used: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    cuts: list[Rejection] = field(default_factory=list)


def build_examples(
    lessons: Sequence[Lesson], tokenizer: PreTrainedTokenizerBase, longest: int, stage: str, *, cut: bool = True
) -> Built:
    """The examples of the lessons: every lesson gives at least one, or exactly one rejection.

    Args:
        longest: tokens an example may have.
        cut: shorten what is longer, by the rule of `afya.training.examples.cutting`; otherwise it is rejected.

    Raises:
        ConfigError, EngineError: the chat template cannot be learned from (see `answer_frame`).
    """
    builder = _Builder(tokenizer, answer_frame(tokenizer), longest, stage, cut)
    for start in range(0, len(lessons), _CHUNK):
        builder.add(lessons[start : start + _CHUNK])
    return builder.built


class _Builder:
    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, frame: AnswerFrame, longest: int, stage: str, cut: bool
    ) -> None:
        self.tokenizer, self.frame, self.longest = tokenizer, frame, longest
        self.name, self.cut = stage, cut
        self.built = Built()

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Make the examples of some lessons; their texts are tokenised together."""
        written: list[tuple[Lesson, list[Answered]]] = []
        for lesson in lessons:
            try:
                written.append((lesson, drafted(lesson.item, lesson.form, self.tokenizer, self.frame)))
            except ValueError as reason:
                self._reject(lesson.item, str(reason))
            except EngineError as error:
                self._reject(lesson.item, "template_refused", str(error))
            except DataError as error:
                self._reject(lesson.item, "cannot_be_asked", str(error))
        encoded = iter(encode_answers([answer for _, answers in written for answer in answers], self.tokenizer))
        for lesson, answers in written:
            pairs = [next(encoded) for _ in answers]
            if _size(pairs) > self.longest:
                pairs = self._shortened(lesson, _size(pairs))
            if not pairs:
                continue
            made = list(joined(lesson, pairs))
            if all(example.learned.any() for example in made):
                self.built.used += 1
                self.built.examples += made
            else:
                self._reject(lesson.item, "nothing_to_learn", "the answer has no tokens")

    def _shortened(self, lesson: Lesson, size: int) -> list[Tokens]:
        """The lesson's answers after less text; nothing, and a rejection, when that cannot be."""
        told = f"{size:,} tokens, a pack holds {self.longest:,}"
        found = None
        if self.cut:
            whole_dialogue = lesson.form == "instruction" and bool(lesson.item.turns)
            found = self._later_turns(lesson.item) if whole_dialogue else self._cut(lesson)
        if found is None:
            self._reject(lesson.item, "too_long", told)
            return []
        pairs, what = found
        self.built.cuts.append(Rejection(self.name, lesson.item.item_id, "cut", f"{told}; {what}"))
        return pairs

    def _cut(self, lesson: Lesson) -> tuple[list[Tokens], str] | None:
        def pairs(item: Item) -> list[Tokens]:
            return encode_answers(drafted(item, lesson.form, self.tokenizer, self.frame), self.tokenizer)

        found = cut_to_fit(lesson.item, lambda item: _size(pairs(item)), self.longest)
        return None if found is None else (pairs(found[0]), found[1])

    def _later_turns(self, item: Item) -> tuple[list[Tokens], str] | None:
        """A long dialogue: where an answer does not fit, the oldest messages are left out until half a pack is free, so
        that the answers after it may share the example."""
        messages = dialogue_messages(item)
        starts = [place for place, message in enumerate(messages) if message.role == "user"]
        pairs: list[Tokens] = []
        start = 0
        for place in answer_places(messages):
            while True:
                (pair,) = encode_answers([answered(messages, place, self.tokenizer, self.frame, start)], self.tokenizer)
                if _size([pair]) <= self.longest:
                    break
                later = [at for at in starts if start < at < place]
                if not later:
                    return None
                start = next((at for at in later if self._tokens(item, place, at) <= self.longest // 2), later[-1])
            pairs.append(pair)
        return pairs, f"the oldest of {len(messages)} messages left out before later answers"

    def _tokens(self, item: Item, place: int, start: int) -> int:
        answer = answered(dialogue_messages(item), place, self.tokenizer, self.frame, start)
        return _size(encode_answers([answer], self.tokenizer))

    def _reject(self, item: Item, reason: str, detail: str | None = None) -> None:
        self.built.rejections.append(Rejection(self.name, item.item_id, reason, detail))


def _size(pairs: Sequence[Tokens]) -> int:
    return max(len(prompt) + len(answer) for prompt, answer in pairs)


def encode_answers(answers: Sequence[Answered], tokenizer: PreTrainedTokenizerBase) -> list[Tokens]:
    """The answers as token numbers, cut between prompt and answer exactly as option scoring cuts."""
    prompts, learned = encode_options(
        [answer.prompt for answer in answers], [[answer.learned] for answer in answers], tokenizer
    )
    return [(prompt, tokens) for prompt, (tokens,) in zip(prompts, learned, strict=True)]


def joined(lesson: Lesson, pairs: Sequence[Tokens]) -> Iterator[Example]:
    """The examples of one lesson's answers: an answer joins the one before it when its prompt goes on from there."""
    import numpy as np

    tokens: list[int] = []
    learned: list[bool] = []

    def example() -> Example:
        marks = np.array(learned, np.bool_)
        # Nothing comes before the first token from which it could be foretold.
        marks[0] = False
        return Example(lesson.item.item_id, lesson.item.lang, np.array(tokens, np.int32), marks, lesson.rehearsal)

    for prompt, answer in pairs:
        if tokens and prompt[: len(tokens)] != tokens:
            yield example()
            tokens, learned = [], []
        learned += [False] * (len(prompt) - len(tokens)) + [True] * len(answer)
        tokens = prompt + answer
    yield example()
