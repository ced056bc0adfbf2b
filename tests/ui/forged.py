"""Answers in which a dangerous text stands wherever text can, as if nothing had been checked."""

from __future__ import annotations

from dataclasses import replace

from rag import Answer, Evidence, Hit, Passage
from tests.ui.fake_assistant import answer, cite, document

BEFORE, AFTER = "The keeper wrote: ", " Nobody replied."


def document_text(words: str) -> str:
    """Return the text of a document that says these words."""
    return f"{BEFORE}{words}{AFTER}"


def forged(words: str, *, answered: bool = True, identity: str = "d1") -> Answer:
    """Return an answer that says these words, with the citation, passage and name that do."""
    text = document_text(words)
    file = document(text, title=words, uri=f"notes/{words}.txt")
    file = replace(file, id=identity)
    citation = replace(cite(words, text=text), document=file)
    passage = Passage("p2", file, 0, 0, len(text), None, words, text)
    evidence = Evidence(passage, 0, len(text), text, 1.0)
    said = answer(
        words,
        (words, [citation], "supported"),
        (f"So it says: {words}", [citation], "partial"),
        searched_for=f"{words} ({words})",
        notice=words,
        hits=(Hit(passage, 0.9, 0.7, 3.2),),
    )
    said = replace(
        said,
        text=f"Elsewhere (“{words}”): {said.text} {words}",
        model=words,
        prompts=(words,),
        signals={words: 1.0},
        evidence=(evidence,),
        citations=(citation,),
    )
    return said if answered else replace(said, answered=False, sentences=(), citations=())
