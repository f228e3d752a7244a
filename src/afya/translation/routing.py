"""Where a finished translation goes: out, to people, or nowhere; and which of two candidates is the better one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from afya.items import Item
from afya.runs import canonical
from afya.translation.checks.verdict import Verdict

Route = Literal["publish", "review", "reject"]
ROUTES: tuple[Route, ...] = ("publish", "review", "reject")


class Routing(BaseModel):
    """What a failed check costs.

    `blocking`: the checks that a translation must pass to be published (None: every check that was made). `reject`: the
    checks whose failure throws the translation away instead of sending it to people. `max_retries`: how often a text
    without a translation, or one that failed where there is a second engine, is tried again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    blocking: tuple[str, ...] | None = None
    reject: tuple[str, ...] = ()
    max_retries: int = Field(default=1, ge=0, le=5)

    def failures(self, verdicts: Sequence[Verdict]) -> frozenset[str]:
        """The names of the failed checks that keep a translation from being published."""
        failed = {verdict.check for verdict in verdicts if not verdict.passed}
        return frozenset(failed if self.blocking is None else failed & {*self.blocking, *self.reject})

    def route(self, verdicts: Sequence[Verdict]) -> Route:
        """Where the verdicts alone send a translation."""
        failed = self.failures(verdicts)
        if failed & set(self.reject):
            return "reject"
        return "review" if failed else "publish"

    def rank(self, verdicts: Sequence[Verdict]) -> tuple[int, int]:
        """How bad a candidate is: blocking checks failed, then all checks failed. The lowest is the best."""
        return len(self.failures(verdicts)), sum(not verdict.passed for verdict in verdicts)


def worst(routes: Sequence[Route]) -> Route:
    """The route of a whole whose parts go these ways: one rejected part rejects it, one doubtful part needs people."""
    return max(routes, key=ROUTES.index, default="publish")


def marked(item: Item) -> Item:
    """The item with `review: true` in `extra`: it waits for people."""
    extra = json.loads(item.extra) if item.extra else {}
    return replace(item, extra=canonical({**extra, "review": True}))
