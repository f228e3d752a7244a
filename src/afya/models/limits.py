"""How many requests an address takes at a time, one more while all goes well, half when too many.

Additive increase, multiplicative decrease, as congestion control has it (Chiu & Jain 1989). Several addresses of one
model (data-parallel servers) are lanes of one `Lanes`; a request takes the emptiest that is open.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

_START = 8
_POLL_S = 0.25
_LONGEST_BREAK_S = 30.0


@dataclass(frozen=True)
class Ticket:
    """A place in a lane, from `enter` to `leave`."""

    lane: int
    since: float


@dataclass
class _Lane:
    limit: float
    in_flight: int = 0
    closed_until: float = 0.0
    cut_at: float = 0.0
    unreachable: int = 0


class Lanes:
    """The lanes of one model. Threads may enter and leave at once.

    Args:
        count: how many addresses there are.
        ceiling: the most requests at a time in one lane.
    """

    def __init__(self, count: int, ceiling: int) -> None:
        self._ceiling = ceiling
        self._lanes = [_Lane(float(min(ceiling, _START))) for _ in range(count)]
        self._changed = threading.Condition()

    def enter(self, stop: threading.Event) -> Ticket | None:
        """Wait for a place in an open lane; None when `stop` was set meanwhile."""
        with self._changed:
            while not stop.is_set():
                now = time.monotonic()
                best = min(range(len(self._lanes)), key=lambda lane: self._load(lane, now))
                lane = self._lanes[best]
                closed_s = lane.closed_until - now
                if closed_s <= 0 and lane.in_flight < int(lane.limit):
                    lane.in_flight += 1
                    return Ticket(best, now)
                self._changed.wait(min(_POLL_S, closed_s) if closed_s > 0 else _POLL_S)
        return None

    def leave(self, ticket: Ticket, *, good: bool = False, overloaded: bool = False, unreachable: bool = False) -> None:
        """Give the place back and say how it went.

        `good`: an answer came. `overloaded`: the server said, or let it be felt, that it was too much; the requests
        that were under way together count once. `unreachable`: nobody was there.
        """
        with self._changed:
            lane = self._lanes[ticket.lane]
            lane.in_flight -= 1
            now = time.monotonic()
            if good:
                lane.unreachable = 0
                lane.limit = min(float(self._ceiling), lane.limit + 1.0 / lane.limit)
            elif overloaded and ticket.since >= lane.cut_at:
                lane.limit = max(1.0, lane.limit / 2)
                lane.cut_at = now
            if unreachable:
                lane.unreachable += 1
                if len(self._lanes) > 1:
                    pause = min(_LONGEST_BREAK_S, 0.25 * 2.0 ** min(lane.unreachable, 10))
                    lane.closed_until = max(lane.closed_until, now + pause)
            self._changed.notify_all()

    def close_for(self, ticket: Ticket, seconds: float) -> None:
        """Let nobody into the ticket's lane for so long: what a server's Retry-After means for all who ask it."""
        with self._changed:
            lane = self._lanes[ticket.lane]
            lane.closed_until = max(lane.closed_until, time.monotonic() + seconds)

    @property
    def several(self) -> bool:
        """Whether there is more than one address."""
        return len(self._lanes) > 1

    @property
    def all_unreachable(self) -> bool:
        """Whether nobody was there the last time that any of the addresses was tried."""
        with self._changed:
            return all(lane.unreachable for lane in self._lanes)

    @property
    def limits(self) -> list[int]:
        """How many requests at a time each lane takes now."""
        with self._changed:
            return [int(lane.limit) for lane in self._lanes]

    def _load(self, index: int, now: float) -> tuple[float, float]:
        lane = self._lanes[index]
        return max(0.0, lane.closed_until - now), lane.in_flight / int(lane.limit)
