"""Where questions wait for their turn: so many at once, so many in line, the rest turned away.

Knows nothing of what is asked, or of how long it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """How many are served at the same time, and how many may wait for that."""

    at_once: int
    waiting: int


class Full(Exception):
    """Nobody else may wait."""


class Line:
    """First come, first served; `room` is asked anew whenever it matters."""

    def __init__(self, room: Callable[[], Room]) -> None:
        self._room = room
        self._places: list[Place] = []
        self._moved = threading.Condition()

    def enter(self) -> Place:
        """Take the last place; leave it when done. Raises Full."""
        with self._moved:
            room = self._room()
            if len(self._places) >= room.at_once + room.waiting:
                raise Full
            place = Place(self)
            self._places.append(place)
            return place

    def _number(self, place: Place) -> int:
        if place not in self._places:
            return 0
        return max(0, self._places.index(place) + 1 - self._room().at_once)

    def _leave(self, place: Place) -> None:
        with self._moved:
            if place in self._places:
                self._places.remove(place)
                self._moved.notify_all()


class Place:
    """A place in a line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def number(self, *, after: int | None = None, seconds: float = 0) -> int:
        """Return which of those who wait this is, from 1; 0 when it is its turn.

        While that is still `after`, wait for it to change, at most so many seconds.
        """
        with self._line._moved:
            self._line._moved.wait_for(lambda: self._line._number(self) != after, seconds)
            return self._line._number(self)

    def leave(self) -> None:
        """Make room; a second time does nothing."""
        self._line._leave(self)
