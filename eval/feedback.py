"""Cases made of what readers thought of answers: `footnote eval export-feedback`.

A helpful answer is a case whose evidence are its citations, without those that were not
helpful; a helpful citation is evidence by itself. A helpful refusal is a case that the documents
do not answer. For the rest nobody has said what would be right: such cases are unfinished, and
kept apart until a person completes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.cases import BadCases, Case, Evidence, reason
from eval.locating import names_of
from rag import Answer, Assistant, Citation, Document, Feedback, Settings

UNFINISHED = ".unfinished.jsonl"
"""What is put behind the name of the file for cases that a person has to complete."""
# As the page suggests it: the one reason that says what would have been right.
REFUSE = "It should have been refused"


@dataclass(frozen=True)
class Exported:
    """Cases of feedback; the unfinished ones are no cases yet."""

    cases: tuple[Case, ...]
    unfinished: tuple[Mapping[str, Any], ...]


def export_feedback(settings: Settings, path: Path) -> Exported:
    """Write the cases of a library's feedback to a file, and the unfinished beside it.

    Raises:
        BadCases: the file is there already, or cannot be written.
    """
    beside = path.with_name(path.stem + UNFINISHED)
    for file in (path, beside):
        if file.exists():
            raise BadCases(f"{file} is there already, maybe completed by hand. Name another file.")
    with Assistant(settings, read_only=True) as assistant:
        exported = cases_of(assistant.conversations.feedback(), assistant.documents())
    _write(path, (case.to_dict() for case in exported.cases))
    if exported.unfinished:
        _write(beside, exported.unfinished)
    return exported


def cases_of(feedback: Sequence[Feedback], documents: Sequence[Document]) -> Exported:
    """Return the cases of feedback on a library with these documents, by time of the first."""
    by_answer: dict[str, list[Feedback]] = {}
    for given in feedback:
        by_answer.setdefault(given.exchange.id, []).append(given)
    cited = [c.document for f in feedback for c in f.exchange.answer.citations]
    # An earlier version of a document has the name of the present one.
    present = {document.uri: document for document in (*cited, *documents)}
    by_id = names_of(list(present.values()), ())
    names = {uri: by_id[document.id] for uri, document in present.items()}
    cases, unfinished = [], []
    for identity, given_all in by_answer.items():
        case = _case(identity, given_all, names)
        if isinstance(case, Case):
            cases.append(case)
        else:
            unfinished.append(case)
    return Exported(tuple(cases), tuple(unfinished))


def _case(
    identity: str, given: Sequence[Feedback], names: Mapping[str, str]
) -> Case | Mapping[str, Any]:
    answer = given[0].exchange.answer
    whole = next((f for f in given if f.citation is None), None)
    ratings = {f.citation: f.helpful for f in given if f.citation is not None}
    # A follow-up is exported as it was searched for: it has to stand alone.
    question = answer.searched_for.strip() or answer.question
    tags = ("feedback", *dict.fromkeys(f.reason for f in given if f.reason))
    if _is_unanswerable(answer, whole):
        return Case(id=identity, question=question, answerable=False, tags=tags)
    good = [c for c in answer.citations if ratings.get(c.number, _is_good(whole))]
    if good:
        places = tuple(_place(c, answer, names) for c in good)
        return Case(id=identity, question=question, evidence=places, tags=tags)
    return {
        "id": identity,
        "question": question,
        "answers": [],
        "evidence": [],
        "tags": list(tags),
        "answered": answer.text,
    }


def _is_unanswerable(answer: Answer, whole: Feedback | None) -> bool:
    if whole is None:
        return False
    if whole.helpful:
        return not answer.answered
    return answer.answered and whole.reason == REFUSE


def _is_good(whole: Feedback | None) -> bool:
    return whole is not None and whole.helpful


def _place(citation: Citation, answer: Answer, names: Mapping[str, str]) -> Evidence:
    """Return a citation as evidence; those of one sentence are alternatives."""
    number = next(
        (n for n, s in enumerate(answer.sentences, start=1) if citation in s.citations), None
    )
    return Evidence(
        document=names[citation.document.uri],
        quote=citation.quote,
        start=citation.start,
        group=None if number is None else f"sentence {number}",
    )


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    # JSON leaves these as they are, and some terminals obey them.
    text = text.translate({code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)})
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadCases(f"{path} cannot be written: {reason(error)}. Name another file.") from error
