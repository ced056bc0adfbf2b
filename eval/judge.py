"""A language model's verdicts on answers: LlamaIndex's evaluators, with their replies kept.

Knows nothing of how cases are asked or reports are made. Off unless asked for: importing
this loads LlamaIndex, and every verdict is a call of a model. The judge should be another
model than the one that answers, named with its version; what one judge said is never taken
for what another did.

What counts is read from the whole reply here, since LlamaIndex's own readers are lenient:
faithfulness and relevancy pass on "yes" anywhere in it ("yesterday", "NO, yes would be
wrong") and fail on all else, an empty reply too; that of correctness raises on a score
without a second line, and takes 7, -1 and nan for scores. What remains: passages that do not
fit one prompt are read over several, and the model is told to let an earlier YES stand.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llama_index.core.evaluation import (
    BaseEvaluator,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    RelevancyEvaluator,
)

from eval.cases import BadCases, Case, reason
from eval.llm import CONTEXT_TOKENS, ChatModelLLM
from eval.outcomes import Outcome
from rag import ChatModel, ModelError, ModelRejected

_REPLY_TOKENS = 300

_MARKER = re.compile(r"\s*\[\d+\]")
_YES_OR_NO = re.compile(r"\W*(?:answer\W+)?(yes|no)\b(?!\s*(?:/|or\b))", re.IGNORECASE)
_SCORE = re.compile(r"(?:score\s*:)?\s*(\d+(?:\.\d+)?)(?:\s*/\s*5)?\.?", re.IGNORECASE)


@dataclass(frozen=True)
class Verdicts:
    """What a judge says of one answer, 0 to 1 each; None where there is no verdict.

    `faithfulness`: 1 if the passages support the answer. `relevancy`: 1 if question and
    answer are in line with the passages. `correctness`: likeness to the gold answers, which
    LlamaIndex scores 1 to 5, as (score - 1) / 4. `problems` tells, by verdict, why one that
    was asked for is missing; a verdict with no problem does not apply.
    """

    faithfulness: float | None = None
    relevancy: float | None = None
    correctness: float | None = None
    problems: Mapping[str, str] = field(default_factory=dict)


class Judge:
    """Judges answers with a model that the caller closes; `name` should pin its version.

    Replies are kept in a file of the folder `cache`, one for each name, so that the same
    answer is judged by the same prompt only once.

    Raises:
        BadCases: the cache cannot be read or written.
    """

    def __init__(self, model: ChatModel, name: str, cache: Path) -> None:
        self.name = name
        self._replies = _Replies(cache / _file_name(name))
        llm = ChatModelLLM(model, reply_tokens=_REPLY_TOKENS)
        self._evaluators: dict[str, BaseEvaluator] = {
            "faithfulness": FaithfulnessEvaluator(llm=llm),
            "relevancy": RelevancyEvaluator(llm=llm),
            "correctness": CorrectnessEvaluator(
                llm=llm, parser_function=lambda reply: (read_score(reply), reply)
            ),
        }

    def verdicts(self, outcome: Outcome) -> Verdicts:
        """Return the verdicts on an answer; a refusal or a failed case has none.

        Raises:
            ModelRejected: the judge's model cannot be used, for this or any other answer.
            BadCases: the cache cannot be written.
        """
        answer = outcome.answer
        if answer is None or not answer.answered or outcome.error is not None:
            return Verdicts()
        asked = {
            "query": answer.searched_for,
            "response": _MARKER.sub("", answer.text),
            "contexts": [hit.passage.text for hit in answer.hits],
            "reference": reference_of(outcome.case),
        }
        scores: dict[str, float] = {}
        problems: dict[str, str] = {}
        for name in self._evaluators:
            if not asked["reference" if name == "correctness" else "contexts"]:
                continue
            try:
                reply = self._reply(name, asked)
            except ModelRejected:
                raise
            except (ModelError, ValueError) as error:  # ValueError: no room for a passage
                problems[name] = str(error)
                continue
            score = _READERS[name](reply)
            if score is None:
                problems[name] = f"the judge's reply cannot be read: {reply!r:.120}"
            else:
                scores[name] = score
        return Verdicts(**scores, problems=problems)

    def _reply(self, name: str, asked: Mapping[str, Any]) -> str:
        evaluator = self._evaluators[name]
        prompts = {part: p.get_template() for part, p in evaluator.get_prompts().items()}
        limits = [CONTEXT_TOKENS, _REPLY_TOKENS]
        # As JSON: joined otherwise, two lists of passages could read the same.
        identity = json.dumps([name, prompts, limits, self.name, asked], sort_keys=True)
        key = hashlib.sha256(identity.encode()).hexdigest()
        kept = self._replies.get(key)
        if kept is not None:
            return kept
        # Not evaluate(), which leaves an event loop open, and not asyncio.run(), which holds
        # Ctrl-C back while a model writes.
        with closing(asyncio.new_event_loop()) as loop:
            result = loop.run_until_complete(evaluator.aevaluate(**asked))
        reply = result.feedback or ""
        self._replies.add(key, reply, evaluator=name, judge=self.name)
        return reply


def reference_of(case: Case) -> str:
    """Return the gold answers as one text: "a, b or c" is either a with b, or c."""
    return " or ".join(", ".join(parts) for parts in case.answers)


def read_yes_or_no(reply: str) -> float | None:
    """Return 1 for a reply that begins with yes, 0 for no, None for any other."""
    found = _YES_OR_NO.match(reply)
    return float(found[1].lower() == "yes") if found else None


def read_score(reply: str) -> float | None:
    """Return a score of 1 to 5 that fills the first line as 0 to 1, None for any other."""
    first = reply.strip().partition("\n")[0]
    found = _SCORE.fullmatch(first.replace("*", "").strip())
    score = float(found[1]) if found else 0.0
    return (score - 1) / 4 if 1 <= score <= 5 else None


_READERS: dict[str, Callable[[str], float | None]] = {
    "faithfulness": read_yes_or_no,
    "relevancy": read_yes_or_no,
    "correctness": read_score,
}


class _Replies:
    """Replies by key, in a file that only grows: one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._replies: dict[str, str] = {}
        try:
            data = path.read_bytes() if path.exists() else b""
            path.parent.mkdir(parents=True, exist_ok=True)
            # A last line that was cut off must not take the next one with it.
            if data and not data.endswith(b"\n"):
                self._append(b"\n")
        except OSError as error:
            raise self._unusable(error) from error
        for line in data.split(b"\n"):
            try:
                kept = json.loads(line)
                self._replies[kept["key"]] = kept["reply"]
            except (ValueError, TypeError, KeyError):
                pass  # cut off or damaged: to be judged again

    def get(self, key: str) -> str | None:
        """Return the reply kept under a key."""
        return self._replies.get(key)

    def add(self, key: str, reply: str, **about: str) -> None:
        """Keep a reply; `about` is for those who read the file."""
        self._replies[key] = reply
        line = json.dumps({"key": key, **about, "reply": reply})
        try:
            self._append(line.encode() + b"\n")
        except OSError as error:
            raise self._unusable(error) from error

    def _append(self, data: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(data)

    def _unusable(self, error: OSError) -> BadCases:
        return BadCases(f"{self._path} cannot keep verdicts: {reason(error)}. Name another folder.")


def _file_name(judge: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", judge.lower()).strip("-")[:60]
    # Two names can have one slug.
    return f"{slug}-{hashlib.sha256(judge.encode()).hexdigest()[:12]}.jsonl"
