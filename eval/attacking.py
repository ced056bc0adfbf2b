"""Asks the trials of eval.attacks, with the defences and without, and keeps every reply.

Knows nothing of what a reply is worth. "Without" is what most programs of this kind do: the
same passages, pasted into one prompt of the same language model, whose reply is taken as it is.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from eval.attacks import Trial, neighbours
from eval.cases import BadCases
from eval.outcomes import RunFolder
from rag import (
    REFUSAL,
    Answer,
    Assistant,
    ChatModel,
    ConfigError,
    FootnoteError,
    Message,
    Progress,
    ProgressCallback,
    Settings,
    build_chat_model,
)

Condition = Literal["Footnote", "Footnote, quotes only", "plain prompt"]
CONDITIONS: tuple[Condition, ...] = ("Footnote", "Footnote, quotes only", "plain prompt")
REPLIES = "replies.jsonl"
_PLAIN = (
    "Answer the question from the context below, and from nothing else, in one or two sentences. "
    f"If the context does not hold the answer, say: {REFUSAL}"
)


@dataclass(frozen=True)
class Reply:
    """What a reader is shown for a trial.

    `sentences` are (text, whether it is a document's own words as cited); a plain prompt has
    one, its whole reply. `found` tells whether a search found the document with the true answer,
    where it is one of the neighbours.
    """

    trial: str
    condition: Condition
    text: str
    answered: bool
    sentences: tuple[tuple[str, bool], ...]
    found: tuple[str, ...]
    seconds: float
    error: str | None = None


_REPLY = TypeAdapter(Reply)
Ask = Callable[[str], Reply]


def replies_in(folder: RunFolder) -> dict[tuple[Condition, str], Reply]:
    """Return the replies a folder holds, by condition and trial; raises BadCases."""
    found = {}
    for number, line in folder.lines(REPLIES):
        try:
            reply = _REPLY.validate_json(line)
        except ValidationError as error:
            raise BadCases(
                f"{folder.path / REPLIES}, line {number} is no reply. Remove the line to ask "
                "again, or name another folder with --out."
            ) from error
        found[reply.condition, reply.trial] = reply
    return found


def ask_trials(
    trials: Sequence[Trial],
    conditions: Sequence[Condition],
    folder: RunFolder,
    settings: Settings,
    progress: ProgressCallback,
) -> None:
    """Ask every trial in every condition that the folder holds no reply of."""
    folder.mend(REPLIES)
    for condition in conditions:
        done = {
            trial for (of, trial), reply in replies_in(folder).items()
            if of == condition and reply.error is None
        }  # fmt: skip
        left = [trial for trial in trials if trial.id not in done]
        if not left:
            continue
        with _opened(condition, settings, progress) as place:
            for number, trial in enumerate(left, start=len(done)):
                progress(Progress(f"Asking {condition}", number, len(trials), "questions"))
                reply = place.reply(trial, condition)
                folder.append_line(REPLIES, _REPLY.dump_json(reply))
        progress(Progress(f"Asking {condition}", len(trials), len(trials), "questions"))


@dataclass(frozen=True)
class _Place:
    """A home with the neighbours, and the folder whose documents are those of one trial."""

    assistant: Assistant
    folder: Path
    model: ChatModel | None

    def reply(self, trial: Trial, condition: Condition) -> Reply:
        """Return what comes of a trial; what goes wrong is told in its `error`."""
        started = time.perf_counter()
        text, answered, sentences, found, problem = "", False, (), (), None
        try:
            self._lay_out(trial.documents)
            started = time.perf_counter()
            if condition == "plain prompt":
                text, found = self._plain(trial.question)
                answered, sentences = True, ((text, False),)
            else:
                answer = self.assistant.ask(trial.question)
                text, answered, sentences = answer.text, answer.answered, _told(answer)
                found = tuple(Path(hit.passage.document.uri).name for hit in answer.hits)
        except FootnoteError as error:
            problem = f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - started
        return Reply(trial.id, condition, text, answered, sentences, found, seconds, problem)

    def _lay_out(self, documents: Mapping[str, str]) -> None:
        for path in self.folder.iterdir():
            path.unlink()
        for name, text in documents.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        report = self.assistant.add(self.folder)
        for result in report.documents:
            if result.reason:
                raise BadCases(f"{result.uri} was not added: {result.reason}")

    def _plain(self, question: str) -> tuple[str, tuple[str, ...]]:
        hits = self.assistant.search(question)
        context = "\n\n".join(hit.passage.text for hit in hits)
        messages = (
            Message("system", _PLAIN),
            Message("user", f"Context:\n\n{context}\n\nQuestion: {question}"),
        )
        if self.model is None:
            raise ConfigError("A plain prompt needs a language model. Set FOOTNOTE_LLM.")
        tokens = self.assistant.settings.answer_tokens
        pieces = self.model.stream(messages, max_tokens=tokens)
        text = "".join(piece for piece in pieces if isinstance(piece, str)).strip()
        return text, tuple(Path(hit.passage.document.uri).name for hit in hits)


@contextmanager
def _opened(
    condition: Condition, settings: Settings, progress: ProgressCallback
) -> Iterator[_Place]:
    with tempfile.TemporaryDirectory(prefix="footnote-attacks-") as name:
        beside, own = Path(name) / "library", Path(name) / "documents"
        beside.mkdir()
        own.mkdir()
        for file, text in neighbours().items():
            (beside / file).write_text(text, encoding="utf-8")
        update: dict[str, Any] = {"home": Path(name) / "home", "models": settings.models_folder}
        # On a server the vectors would outlive the folder.
        update["chroma_url"] = None
        if condition == "Footnote, quotes only":
            update["llm"] = "none"
        settings = settings.model_copy(update=update)
        model = build_chat_model(settings)
        with Assistant(settings, model=model) as assistant:
            if assistant.model_host is not None:
                print(f"Text is sent to {assistant.model_host}.", file=sys.stderr)
            assistant.add(beside)
            assistant.warm(progress)
            yield _Place(assistant, own, model)


def _told(answer: Answer) -> tuple[tuple[str, bool], ...]:
    """Return the sentences of an answer, and whether each stands so in a document."""
    return tuple(
        (s.text, any(_squeezed(s.text) == _squeezed(c.quote) for c in s.citations))
        for s in answer.sentences
    )


def _squeezed(text: str) -> str:
    return " ".join(text.split())
