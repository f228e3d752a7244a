"""A language model in a process of its own, with the interface of any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from afya.assistant.engines.process import COMMAND, EngineProcess, Unavailable
from afya.assistant.limits import Limits
from afya.errors import EngineError
from afya.models.base import Generation, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.models.load import identify

# Of a stage's time: it is to say why there is no answer, and not to be late itself.
_SHARE = 0.9


class ModelProcess:
    """The model of a spec such as "hf:FOLDER" or "openai:NAME". Its process starts with the first prompt, or `warm`.

    Raises:
        ConfigError: the spec or an option is not known. EngineError: a folder that is no model. Both before anything is
            started.
    """

    scores_options = False

    def __init__(
        self, spec: str, limits: Limits, *, command: Sequence[str] = COMMAND, identity: ModelIdentity | None = None,
        **options: object,
    ) -> None:  # fmt: skip
        self.identity = identity or identify(spec, **options)
        self._limits = limits
        self.process = EngineProcess({"kind": "model", "spec": spec, "options": options}, limits, command=command)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        """One generation a prompt. Where the process gives none, each says why, and nothing is raised."""
        request = {
            "do": "generate",
            "prompts": [
                {
                    "messages": [[message.role, message.content] for message in prompt.messages],
                    "answer_prefix": prompt.answer_prefix,
                }
                for prompt in prompts
            ],
            "sampling": asdict(sampling),
        }
        answer = self.process.ask(request, self._limits.model_seconds * _SHARE)
        if isinstance(answer, Unavailable):
            return [Generation("", "unavailable", 0, 0, 0.0, error=answer.reason) for _ in prompts]
        return [Generation(**reply) for reply in answer]

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        """Raises EngineError: the assistant only lets a model write."""
        raise EngineError("A model in a process of the assistant's own scores no options.")

    def warm(self) -> Unavailable | None:
        """Load the model now; None when it is ready, else why it is not."""
        return self.process.start()

    def close(self) -> None:
        """End the process."""
        self.process.close()
