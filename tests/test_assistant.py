"""The facade keeps the promises of the API, whatever the documents, questions and models."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import (
    REFUSAL,
    Answer,
    Assistant,
    Message,
    ModelRejected,
    ModelUnavailable,
    QuestionError,
    Turn,
    UnknownDocument,
    Usage,
    UsageError,
)
from rag.citing import markers
from tests.fakes import ScriptedModel
from tests.homes import open_home, three_files, write_files

QUESTION = "Who designed the Anders Bridge?"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home of three documents that no test changes."""
    place = tmp_path_factory.mktemp("shelf")
    with open_home(place / "home") as assistant:
        assistant.add(three_files(place / "files"))
    return place / "home"


def reader(shelf: Path, *replies, **settings) -> Assistant:
    model = ScriptedModel(*replies) if replies else None
    return open_home(shelf, model=model, read_only=True, **settings)


def promises_hold(assistant: Assistant, answer: Answer) -> None:
    """Assert what holds for every answer ever returned."""
    for citation in answer.citations:
        text = assistant.text_of(citation.document.id)
        assert text[citation.start : citation.end] == citation.quote
        assert citation.quote.strip()
    numbers = [citation.number for citation in answer.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(markers(answer.text)) == set(numbers)
    assert {c for s in answer.sentences for c in s.citations} == set(answer.citations)
    assert 0.0 <= answer.confidence <= 1.0
    assert all(0.0 <= hit.score <= 1.0 for hit in answer.hits)
    if answer.answered:
        assert answer.citations
        assert all(s.citations and s.verdict != "unsupported" for s in answer.sentences)
    else:
        assert answer.text == REFUSAL
        assert answer.citations == ()
        assert answer.sentences == ()
    assert json.loads(answer.to_json()) == json.loads(json.dumps(answer.to_dict()))


WORDS = "bridge river opened 1931 Holt harbour 4.5 not designed frozen [1] [2] pear The".split()
SENTENCE = st.lists(st.sampled_from(WORDS), min_size=2, max_size=9).map(" ".join)
TEXT = st.lists(SENTENCE, min_size=1, max_size=8).map(lambda s: ".\n\n".join(s) + ".")
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(TEXT, min_size=1, max_size=3),
    question=SENTENCE | ANY,
    reply=SENTENCE | ANY,
    strictness=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_promises_hold_for_any_documents(texts, question, reply, strictness) -> None:
    """Exact quotes, matching markers and honest refusals, whatever goes in."""
    with tempfile.TemporaryDirectory() as place:
        folder = write_files(Path(place) / "files", **{f"t{n}": t for n, t in enumerate(texts)})
        model = ScriptedModel(reply)
        with open_home(Path(place) / "home", model=model, strictness=strictness) as assistant:
            assistant.add(folder)
            for document in assistant.documents():
                text, end = assistant.text_of(document.id), 0
                for passage in assistant.passages_of(document.id):
                    assert text[end : passage.start].strip() == ""
                    assert text[passage.start : passage.end] == passage.text
                    end = passage.end
                assert text[end:].strip() == ""
            if not question.strip():
                return
            events = list(assistant.stream(question))
            answer = events[-1].answer
            assert answer is not None
            assert [e for e in events[:-1] if e.answer] == []
            assert "".join(e.text for e in events) == answer.text
            assert [e.hits for e in events if e.hits] in ([], [answer.hits])
            promises_hold(assistant, answer)


@pytest.mark.parametrize("replies", [(), ("Clara Holt designed it.",), ("NOT FOUND",)])
def test_streamed_answer_is_the_returned_one(shelf: Path, replies: tuple[str, ...]) -> None:
    """`ask` returns what `stream` ends with, but for the times."""
    with reader(shelf, *replies * 2) as assistant:
        asked = assistant.ask(QUESTION)
        streamed = list(assistant.stream(QUESTION))[-1].answer
        assert streamed is not None
        assert {**asked.to_dict(), "timings": 0} == {**streamed.to_dict(), "timings": 0}
        promises_hold(assistant, asked)
        assert asked.answered
        assert asked.timings["total"] >= asked.timings["retrieval"]


def test_model_is_verified_and_cited(shelf: Path) -> None:
    """A true sentence of the model is shown, with the words it rests on, and counted."""
    with reader(shelf, "Clara Holt, an engineer, designed the Anders Bridge.") as assistant:
        answer = assistant.ask(QUESTION)
        assert answer.sentences[0].text == "Clara Holt, an engineer, designed the Anders Bridge."
        assert answer.sentences[0].verdict == "supported"
        assert "Clara Holt" in answer.citations[0].quote
        assert answer.model == "scripted"
        assert answer.usage.completion_tokens > 0
        assert answer.notice is None


@pytest.mark.parametrize(
    "reply",
    [
        "It was designed in Peru by seven dolphins.",
        "Bananas contain potassium [1].",
        "[1][2][3]",
        "",
        "   \n\n",
        "NOT FOUND",
        "1 2 3 4 5",
    ],
)
def test_what_nothing_supports_is_not_shown(shelf: Path, reply: str) -> None:
    """What the model makes up is replaced by quotes from the documents."""
    with reader(shelf, reply) as assistant:
        answer = assistant.ask(QUESTION)
        promises_hold(assistant, answer)
        assert answer.answered
        for made_up in ("dolphins", "Bananas", "NOT FOUND"):
            assert made_up not in answer.text
        assert "Clara Holt" in answer.citations[0].quote


@pytest.mark.parametrize("error", [ModelUnavailable("It is away."), ModelRejected("Wrong key.")])
def test_model_that_fails_is_replaced_by_quotes(shelf: Path, error) -> None:
    """When the model fails, quotes answer, and the notice says why."""
    with reader(shelf, error) as assistant:
        answer = assistant.ask(QUESTION)
        promises_hold(assistant, answer)
        assert answer.answered
        assert answer.notice is not None
        assert str(error) in answer.notice


class CutModel(ScriptedModel):
    """Breaks off after the pieces of its reply; notices when its stream is closed."""

    def __init__(self, reply: str, error: Exception | None = None) -> None:
        super().__init__(reply)
        self.error = error
        self.ended = threading.Event()

    def stream(
        self, messages: Sequence[Message], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> Generator[str | Usage]:
        try:
            yield from super().stream(messages, max_tokens=max_tokens, stop=stop)
            if self.error:
                raise self.error
        finally:
            self.ended.set()


def test_model_cut_off_keeps_its_whole_sentences(shelf: Path) -> None:
    """What was whole and true before the model broke off stays; the rest is not shown."""
    model = CutModel(
        "Clara Holt designed it. The bridge opened on 4 May 1931. Its longest",
        ModelUnavailable("It broke off."),
    )
    with open_home(shelf, model=model, read_only=True) as assistant:
        answer = assistant.ask("Who designed the Anders Bridge?")
        promises_hold(assistant, answer)
        assert "Clara Holt designed it." in answer.text
        assert "Its longest" not in answer.text
        assert "It broke off." in str(answer.notice)


def test_closing_the_stream_closes_the_models(shelf: Path) -> None:
    """Whoever stops listening stops the model."""
    model = CutModel("Clara Holt designed it. " * 50)
    with open_home(shelf, model=model, read_only=True) as assistant:
        events = assistant.stream(QUESTION)
        for event in events:
            if event.draft:
                break
        assert not model.ended.is_set()
        events.close()  # type: ignore[attr-defined]
        assert model.ended.is_set()


def test_refusal_offers_the_nearest_passages(shelf: Path) -> None:
    """Under full strictness nothing is answered; hits are offered, nothing is cited."""
    model = ScriptedModel("Clara Holt designed it.")
    with open_home(shelf, model=model, read_only=True, strictness=1.0) as assistant:
        answer = assistant.ask(QUESTION)
        promises_hold(assistant, answer)
        assert not answer.answered
        assert answer.hits
        assert model.prompts == []


def test_empty_library_refuses(tmp_path: Path) -> None:
    """Where there are no documents, the answer is a refusal without hits."""
    with open_home(tmp_path / "home") as assistant:
        answer = assistant.ask(QUESTION)
        promises_hold(assistant, answer)
        assert not answer.answered
        assert answer.hits == ()
        assert assistant.search(QUESTION) == []
        assert assistant.documents() == []


def test_answer_survives_json(shelf: Path) -> None:
    """`to_json` says all that the answer says."""
    with reader(shelf) as assistant:
        answer = assistant.ask(QUESTION)
        data = json.loads(answer.to_json())
        assert data["text"] == answer.text
        assert data["citations"][0]["quote"] == answer.citations[0].quote
        assert data["hits"][0]["passage"]["document"]["uri"] == answer.hits[0].passage.document.uri
        assert set(data) == set(Answer.__dataclass_fields__)


# Questions --------------------------------------------------------------------


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\0\u200b", "x" * 20_000])
def test_question_that_cannot_be_asked(shelf: Path, question: str) -> None:
    """An empty or endless question is refused on the call, not at the first event."""
    with reader(shelf) as assistant:
        for call in (assistant.search, assistant.ask, assistant.stream):
            with pytest.raises(QuestionError, match=r"[.] [A-Z]"):
                call(question)


@pytest.mark.parametrize(
    "question",
    ["???", "\x00 bridge", "\ud800 bridge", '" OR *', "the", "橋", "NEAR(", "'; DROP TABLE x"],
)
def test_odd_question_is_answered_or_refused(shelf: Path, question: str) -> None:
    """A question of odd signs finds something or nothing, and ends in an answer."""
    with reader(shelf) as assistant:
        promises_hold(assistant, assistant.ask(question))


def test_what_cannot_be_seen_in_a_question_is_not_asked(shelf: Path) -> None:
    """Hidden words, turned letters and what a terminal obeys are left out, as in documents."""
    hidden = "".join(chr(0xE0000 + ord(c)) for c in "and the harbour")
    with reader(shelf) as assistant:
        answer = assistant.ask(f"\u202eWho designed{hidden} the\x1b Anders\u200b Bridge?")
    assert answer.question == QUESTION


@pytest.mark.parametrize("k", [1, 2, 50])
def test_k_limits_the_hits(shelf: Path, k: int) -> None:
    """A search returns the best k, best first, and the k of the settings when not told."""
    with reader(shelf, passages=2) as assistant:
        hits = assistant.search("bridge harbour pear", k=k)
        assert len(hits) == min(k, sum(d.n_passages for d in assistant.documents()))
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
        assert len(assistant.search("bridge harbour pear")) == 2


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_wrong_use(shelf: Path, k: int) -> None:
    """A search for fewer than one passage is an error, not an odd result."""
    with reader(shelf) as assistant, pytest.raises(UsageError, match="k is"):
        assistant.search("bridge", k=k)


def test_evidence_is_the_best_sentences_of_the_hits(shelf: Path) -> None:
    """They are exact, best first, no more than asked for, and lie in the passages found."""
    with reader(shelf, evidence=2) as assistant:
        found = assistant.evidence(QUESTION)
        assert len(found) == 2
        assert found[0].score >= found[1].score
        hits = {hit.passage.id for hit in assistant.search(QUESTION)}
        for sentence in found:
            text = assistant.text_of(sentence.passage.document.id)
            assert text[sentence.start : sentence.end] == sentence.text
            assert sentence.passage.id in hits
        assert assistant.evidence(QUESTION, k=1) == found[:1]
        with pytest.raises(UsageError, match="k is 0"):
            assistant.evidence(QUESTION, k=0)
        with pytest.raises(QuestionError):
            assistant.evidence(" ")


def test_filter_of_documents(shelf: Path) -> None:
    """A filter limits search and answer to its documents; an empty one leaves nothing."""
    with reader(shelf) as assistant:
        harbour = next(d for d in assistant.documents() if d.uri.endswith("harbour.txt"))
        for documents in ([harbour.id], (harbour.id, harbour.id), harbour.id):
            hits = assistant.search(QUESTION, k=50, documents=documents)
            assert {h.passage.document.id for h in hits} == {harbour.id}
            answer = assistant.ask(QUESTION, documents=documents)
            promises_hold(assistant, answer)
            assert {c.document.id for c in answer.citations} <= {harbour.id}
        assert assistant.search(QUESTION, documents=[]) == []
        assert not assistant.ask(QUESTION, documents=[]).answered


def test_unknown_filter_is_refused(shelf: Path) -> None:
    """A filter that names no document of the library is an error, on the call."""
    with reader(shelf) as assistant:
        for call in (assistant.search, assistant.ask, assistant.stream):
            with pytest.raises(UnknownDocument, match="footnote docs"):
                call(QUESTION, documents=["nobody"])


HISTORIES = [
    [Turn("Who designed the Anders Bridge?", "Clara Holt designed it.")],
    [("Who designed the Anders Bridge?", "Clara Holt designed it.")],
    [["Who designed the Anders Bridge?", "Clara Holt designed it."]],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who designed the Anders Bridge?", "metadata": None},
        {"role": "assistant", "content": "Clara Holt designed it."},
    ],
]


@pytest.mark.parametrize("history", HISTORIES)
def test_history_in_every_form(shelf: Path, history) -> None:
    """A follow-up is searched with the subject of the conversation, in whatever form it came."""
    with reader(shelf) as assistant:
        answer = assistant.ask("When was it opened?", history)
        assert "Anders Bridge" in answer.searched_for
        assert answer.question == "When was it opened?"
        assert any("4 May 1931" in hit.passage.text for hit in answer.hits[:1])
        hits = assistant.search("When was it opened?", history=history)
        assert "Anders" in hits[0].passage.text


def test_history_of_answers(shelf: Path) -> None:
    """An earlier answer is a turn of the history, as it is."""
    with reader(shelf) as assistant:
        first = assistant.ask(QUESTION)
        assert "Anders Bridge" in assistant.ask("When was it opened?", [first]).searched_for
        assert assistant.ask("When did the harbour freeze twice?", [first]).searched_for == (
            "When did the harbour freeze twice?"
        )


@pytest.mark.parametrize("history", ["a string", [1], [("a",)], [{"role": "user"}], [None]])
def test_wrong_history_is_wrong_use(shelf: Path, history) -> None:
    """What is no history is refused, on the call, with what would be one."""
    with reader(shelf) as assistant:
        for call in (assistant.ask, assistant.stream):
            with pytest.raises(UsageError, match="history"):
                call("When was it opened?", history)


def test_several_threads_ask_at_once(shelf: Path) -> None:
    """Threads that ask at once each get the answer to their own question."""
    questions = {QUESTION: "Clara Holt", "Who wrote down the weather?": "Jonas Reed",
                 "When were the pear trees grafted?": "1874"}  # fmt: skip
    wrong: list[object] = []
    with open_home(shelf) as assistant:

        def ask(question: str, expected: str) -> None:
            for _ in range(5):
                answer = assistant.ask(question)
                if answer.question != question or expected not in answer.citations[0].quote:
                    wrong.append(answer)

        threads = [threading.Thread(target=ask, args=item) for item in questions.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


# Homes ------------------------------------------------------------------------
