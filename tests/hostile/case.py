"""What a hostile file is, and the damage that is done to files of every kind."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ADDED, REFUSED, EITHER = "added", "refused", "either"

# A sentence that every file which is to be added holds, and one that none may bring in.
SENTENCE = "The lighthouse keeper wrote down the weather every evening."
SECRET = "Zanzibar marmalade is kept outside of the folder."


@dataclass(frozen=True)
class Case:
    """A file to be: its name, what must come of it, and how it is written.

    One that is added has to hold `says`, where that is given; none may hold SECRET. A slow one
    takes seconds to write or to add.
    """

    name: str | bytes
    fate: str
    write: Callable[[Path], object]
    says: str | None = None
    slow: bool = False


def made(
    name: str,
    fate: str,
    make: Callable[[], bytes],
    *,
    says: str | None = None,
    slow: bool = False,
) -> Case:
    """Return a file of these bytes, which are made only when it is written."""
    return Case(name, fate, lambda path: path.write_bytes(make()), says, slow)


def cut_short(stem: str, ending: str, whole: bytes, shares: tuple[float, ...]) -> Iterator[Case]:
    """Yield a file that breaks off after each share of its bytes."""
    for share in shares:
        part = whole[: int(len(whole) * share)]
        yield made(f"{stem}-cut-{share:g}{ending}", EITHER, partial(bytes, part))


def flipped(stem: str, ending: str, whole: bytes, counts: tuple[int, ...]) -> Iterator[Case]:
    """Yield a file with so many bits turned over, by a seed that is its number."""
    for seed, count in enumerate(counts):
        draw = random.Random(seed)
        data = bytearray(whole)
        for _ in range(count):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        yield made(f"{stem}-flip-{seed}-{count}{ending}", EITHER, partial(bytes, data))
