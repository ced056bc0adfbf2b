"""What a text must be to be worth adding: not too long, not in too many parts, and of words.

Knows nothing of formats. What is refused here would cost minutes and gigabytes after it was
read, or fill the library with passages that nobody can find.
"""

from __future__ import annotations

import re

from rag.errors import RejectedFile

MAX_CHARACTERS = 20_000_000
# Each sentence and each line is looked at by itself, and held in memory, when text is cut.
MAX_ENDS = 1_000_000
# Of what is visible, letters and digits have more than this share.
MIN_WORD_SHARE = 0.05
# Of all characters, those that stand for what could not be read have no more than this.
MAX_BROKEN_SHARE = 0.05

_END = re.compile(r"\n+|[.!?…。！？]+")
_BLANKS, _WORD = re.compile(r"\s+"), re.compile(r"[^\W_]+")


def check_length(n_characters: int) -> None:
    """Raise RejectedFile for so long a text."""
    if n_characters > MAX_CHARACTERS:
        raise RejectedFile(
            f"has more than {MAX_CHARACTERS:,} characters of text. Split it into parts."
        )


def check_text(text: str) -> None:
    """Raise RejectedFile for a text that is empty, too long, in too many parts, or no words."""
    if not text:
        raise RejectedFile("holds no text, only blanks. Leave it out, or put text in it.")
    check_length(len(text))
    visible = len(text) - _length(_BLANKS, text)
    if _length(_WORD, text) <= MIN_WORD_SHARE * visible:
        raise RejectedFile("holds hardly any letters or digits. Leave it out, or put text in it.")
    if text.count("\ufffd") > MAX_BROKEN_SHARE * len(text):
        raise RejectedFile(
            "has broken characters in place of letters. Save it anew from the program that "
            "wrote it, and add that."
        )
    if sum(1 for _ in _END.finditer(text)) > MAX_ENDS:
        raise RejectedFile(f"has more than {MAX_ENDS:,} lines and sentences. Split it into parts.")


def _length(pattern: re.Pattern[str], text: str) -> int:
    return sum(found.end() - found.start() for found in pattern.finditer(text))
