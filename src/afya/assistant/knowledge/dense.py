"""A sentence encoder that re-ranks English passages by meaning. Optional: nothing needs it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from afya.errors import EngineError
from afya.models.base import Message, OptionRequest, Prompt
from afya.models.embed import EmbedModel

# The factor by which the encoder's scores of options are scaled (models/embed.py).
_SCALE = 20.0
_REMEMBERED = 4_096


class SentenceEncoder:
    """Cosines of texts to a question, by an encoder of `afya.models.embed`."""

    def __init__(self, model: EmbedModel) -> None:
        self._model = model
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()

    def cosines(self, question: str, texts: Sequence[str]) -> list[float]:
        """The cosine of each text to the question; 0 for one that is too long. Raises EngineError when it fails."""
        # The encoder gives log-softmax over options; the question itself among them has cosine 1 and ties them down.
        new = [text for text in dict.fromkeys(texts) if (question, text) not in self._known]
        if new:
            prompt = Prompt(messages=(Message("user", question),))
            requests = [OptionRequest(prompt, (question, text)) for text in new]
            for text, told in zip(new, self._model.score_options(requests), strict=True):
                if told.logprobs is None:
                    self._known[question, text] = 0.0
                else:
                    self._known[question, text] = 1 + (told.logprobs[1] - told.logprobs[0]) / _SCALE
        found = [self._known[question, text] for text in texts]
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found


def load_encoder(name: str) -> SentenceEncoder:
    """The encoder in a folder or installed package. Raises EngineError, MissingDependencyError."""
    from afya.errors import require

    require("torch", "local", "Re-ranking by meaning")
    try:
        return SentenceEncoder(EmbedModel.load(name))
    except ValueError as error:
        raise EngineError(f"{name}: {error}") from None
