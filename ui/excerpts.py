"""What stands around a quote in its document. Pure."""

from __future__ import annotations

NEIGHBOURS = 280
"""Characters of a document shown on each side of a quote."""


def surroundings(text: str, start: int, end: int, *, width: int = NEIGHBOURS) -> tuple[str, str]:
    """Return what stands before and after text[start:end], in whole words, "…" where cut."""
    before = text[max(0, start - width) : start].lstrip() if start <= width else ""
    if start > width:
        cut = text[start - width : start]
        # The first word may have been cut in two, unless the cut fell between words.
        before = "… " + (cut if text[start - width - 1].isspace() else _from_word(cut)).lstrip()
    after = text[end : end + width]
    if end + width < len(text):
        after = (after if text[end + width].isspace() else _to_word(after)).rstrip() + " …"
    return before, after if after.endswith("…") else after.rstrip()


def _from_word(text: str) -> str:
    spaces = [i for i, character in enumerate(text) if character.isspace()]
    return text[spaces[0] :] if spaces else ""


def _to_word(text: str) -> str:
    spaces = [i for i, character in enumerate(text) if character.isspace()]
    return text[: spaces[-1]] if spaces else ""
