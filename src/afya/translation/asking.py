"""Asking a model for answers in a fixed shape: many prompts at once, the malformed ones again, so many times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from afya.models.base import Generation, LanguageModel, Prompt, Sampling
from afya.translation.findings import MalformedError
from afya.translation.workflow_recipe import ModelSpec, WorkflowRecipe

Step = dict[str, Any]
"""What one step did, as JSON: stage, engine, and what it gave (text, findings, verdicts, or why it failed)."""

Again = Callable[[int, Prompt, str, str], Prompt]
"""The prompt that asks once more: from the place in the list, the first prompt, the malformed reply and its fault."""

Answer = TypeVar("Answer")
_KEPT_REPLY = 2_000


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """A model's answer in the shape that was asked for, or None; and the replies that were not, with their faults."""

    answer: Answer | None
    malformed: tuple[Step, ...]


def ask(
    model: LanguageModel,
    spec: ModelSpec,
    prompts: Sequence[Prompt],
    read: Callable[[int, str], Answer],
    again: Again,
    recipe: WorkflowRecipe,
) -> list[Asked[Answer]]:
    """Every prompt's answer, in their order. A malformed reply is asked for again, and told what was wrong with it.

    Args:
        read: from the place in the list and a reply to the answer; raises MalformedError.

    Raises:
        EngineError: the model cannot be asked at all.
    """
    answers: dict[int, Answer] = {}
    malformed: list[list[Step]] = [[] for _ in prompts]
    pending = dict(enumerate(prompts))
    for number in range(recipe.tries):
        if not pending:
            break
        sampling = Sampling(spec.max_tokens, spec.temperature, seed=recipe.seed + number)
        replies = model.generate(list(pending.values()), sampling)
        waiting: dict[int, Prompt] = {}
        for index, reply in zip(pending, replies, strict=True):
            fault = _fault(reply)
            if fault is None:
                try:
                    answers[index] = read(index, reply.text)
                    continue
                except MalformedError as error:
                    fault = str(error)
            malformed[index].append({"reply": reply.text[:_KEPT_REPLY], "reason": fault})
            first = prompts[index]
            # A reply that never came is no reason to correct the model.
            waiting[index] = first if reply.error is not None else again(index, first, reply.text, fault)
        pending = waiting
    return [Asked(answers.get(index), tuple(malformed[index])) for index in range(len(prompts))]


def _fault(reply: Generation) -> str | None:
    if reply.error is not None:
        return reply.error
    if reply.finish_reason == "filtered":
        return "the provider's filter stopped the reply"
    return None
