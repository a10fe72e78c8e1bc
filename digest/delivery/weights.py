"""Shares messages among relays by their weights. Pure.

Each relay has a clock that goes on by 1 / weight with every message it is given; the one furthest behind is
next. A relay that cannot be used now, or is held back by its own rate, leaves its share to the others and
does not catch up later.
"""

from collections.abc import Sequence
from dataclasses import dataclass

AHEAD = 32
"""By how many messages a relay may get ahead of one whose connections are all busy."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a relay can do now: how many messages it takes at once, and whether it is to have its share."""

    room: int
    usable: bool


class Weights:
    """Shares by weight. A relay of weight 0 stands by: its room is used while no other relay is usable."""

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights = tuple(weights)
        self._clocks = [0.0] * len(self._weights)
        self._were_usable = {place for place, weight in enumerate(self._weights) if weight}

    def share(self, offers: Sequence[Offer], count: int) -> list[int]:
        """Give the places of the relays that take the next messages, one each, `count` at most."""
        if len(offers) == 1:
            return [0] * min(count, offers[0].room)
        rooms = [offer.room for offer in offers]
        racing = {place for place, weight in enumerate(self._weights) if weight and offers[place].usable}
        if not racing:
            standing_by = [place for place, weight in enumerate(self._weights) if not weight]
            return [place for place in standing_by for _ in range(rooms[place])][:count]
        self._join(racing)
        chosen: list[int] = []
        while len(chosen) < count and (place := self._next(racing, rooms)) is not None:
            rooms[place] -= 1
            self._clocks[place] += 1 / self._weights[place]
            chosen.append(place)
        return chosen

    def unused(self, places: Sequence[int]) -> None:
        """Take back some of what `share` gave: there was no message for it."""
        for place in places:
            if len(self._weights) > 1 and self._weights[place]:
                self._clocks[place] -= 1 / self._weights[place]

    def _next(self, racing: set[int], rooms: Sequence[int]) -> int | None:
        slowest = min(self._clocks[place] for place in racing)
        latest = slowest + AHEAD / min(self._weights[place] for place in racing)
        able = [place for place in racing if rooms[place] > 0 and self._clocks[place] <= latest]
        return min(able, key=lambda place: (self._clocks[place], place), default=None)

    def _join(self, racing: set[int]) -> None:
        """Set the clocks of relays that are usable again to that of the others."""
        stayed = racing & self._were_usable
        for place in racing - stayed:
            others = (self._clocks[other] for other in stayed)
            self._clocks[place] = max(self._clocks[place], min(others, default=0))
        self._were_usable = racing
