"""What asking costs: prices, what a reply cost, what one may cost at most, and a budget that is never exceeded.

Prices are US dollars per million tokens, from the catalogue or told by the user. Cached or batched tokens, which some
providers sell for less, count in full: the true bill is this or less.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from afya.errors import RunError
from afya.models.base import Prompt, Sampling

# What a chat format puts around a message is some ten tokens; twice that is on the safe side.
_AROUND_A_MESSAGE = 20
_MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens read and written."""

    input: float
    output: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """US dollars for so many tokens."""
        return (self.input * prompt_tokens + self.output * completion_tokens) / _MILLION


FREE = Price(0.0, 0.0)


def most_tokens(prompt: Prompt) -> int:
    """More tokens than any tokenizer makes of a prompt: one a byte, and what stands around each message."""
    texts = [*(message.content for message in prompt.messages), prompt.answer_prefix]
    return sum(len(text.encode()) for text in texts) + _AROUND_A_MESSAGE * (len(prompt.messages) + 1)


def most_cost(price: Price, prompt: Prompt, sampling: Sampling) -> float:
    """What a reply to a prompt may cost at most, in US dollars."""
    return price.of(most_tokens(prompt), sampling.max_tokens)


class BudgetSpentError(RunError):
    """A run that stopped because its budget is spent; what was answered stands."""


class Budget:
    """US dollars that may be spent. Threads reserve the most a request may cost before they send it.

    A reservation that does not fit waits for those under way to be settled, since most cost less than reserved; when
    none is under way, the budget is spent. So the limit holds however many requests run at a time, as long as the
    server's count of tokens is right and a request that gave no answer was not charged.
    """

    def __init__(self, limit_usd: float, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self._spent = spent_usd
        self._reserved: list[float] = []
        self._refused = False
        self._changed = threading.Condition()

    @property
    def spent_usd(self) -> float:
        """What was spent so far."""
        return self._spent

    @property
    def refused(self) -> bool:
        """Whether a request was not sent because it might have cost more than was left."""
        return self._refused

    def reserve(self, most_usd: float) -> bool:
        """Set aside the most a request may cost; False when the budget cannot bear it."""
        with self._changed:
            while self._spent + math.fsum(self._reserved) + most_usd > self.limit_usd:
                if not self._reserved or self._spent + most_usd > self.limit_usd:
                    self._refused = True
                    return False
                self._changed.wait()
            self._reserved.append(most_usd)
            return True

    def settle(self, most_usd: float, cost_usd: float) -> None:
        """Exchange a reservation for what the request did cost."""
        with self._changed:
            self._reserved.remove(most_usd)
            self._spent += cost_usd
            self._changed.notify_all()

    def check(self) -> None:
        """Raise BudgetSpentError when a request was refused."""
        if self._refused:
            raise BudgetSpentError(
                f"The budget of {self.limit_usd:,.2f} USD is spent ({self._spent:,.4f} USD so far); the next request "
                "might have gone beyond it.",
                hint="Run the same command with a larger --budget-usd to continue where it stopped.",
            )
