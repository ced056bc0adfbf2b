"""The page of a run: what is on it, in which order, and that nothing can be injected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as parser

from eval.html import page, visible
from eval.outcomes import Outcome
from eval.scoring import BY_NAME, score, summarise
from rag import Turn
from tests.eval.made_outcomes import (
    OTHER,
    QUOTE,
    answered,
    case_of,
    failed,
    refused,
    retrieved,
)

MANIFEST = {
    "dataset": "talks",
    "started": "2025-09-14T10:22:31+00:00",
    "finished": "2025-09-14T12:31:02+02:00",
    "commit": "0123456789abcdef",
    "model": "a model",
    "embedding": "an embedder",
    "options": {"split": "dev", "retrieval_only": False, "limit": 50, "format": "jsonl"},
    "settings": {"passages": 5},
    "machine": {"cpu": "2 cores"},
    "documents": [{"name": "talks.txt", "sha256": "ab" * 32}],
    "rejected": ["scan.pdf: holds no text"],
}
MIXED = [
    answered(case_of("right", tags=("place",))),
    refused(case_of("refused rightly", answerable=False, tags=("none",))),
    answered(case_of("citation wrong"), cites=OTHER, says="In Geneva."),
    answered(case_of("wrong"), cites=OTHER),
    refused(case_of("refused wrongly")),
    answered(case_of("answered but unanswerable", answerable=False)),
    failed(case_of("failed")),
]
RETRIEVED = [
    retrieved(case_of("found"), rank=2),
    retrieved(case_of("late"), rank=7),
    retrieved(case_of("missing"), rank=None),
]


def written(outcomes: Sequence[Outcome], manifest: dict[str, Any] | None = None) -> str:
    scores = score(outcomes)
    text = page(
        MANIFEST if manifest is None else manifest, outcomes, scores, summarise(outcomes, scores)
    )
    text.encode("utf-8")
    return text


def parsed(outcomes: Sequence[Outcome], manifest: dict[str, Any] | None = None):
    return parser.document_fromstring(written(outcomes, manifest))


def text_of(element) -> str:
    return " ".join(element.text_content().split())


def case_on(tree, number: int):
    return tree.get_element_by_id(f"case-{number}")


class Tags(HTMLParser):
    """Reads a page strictly: every tag that is opened is closed in its turn."""

    VOID = frozenset({"meta", "br", "path", "use", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


ANY = [MIXED, RETRIEVED, MIXED[:1], MIXED[-1:], [*MIXED, *RETRIEVED], []]


@pytest.mark.parametrize("outcomes", ANY)
def test_the_page_is_whole_and_needs_nothing_from_elsewhere(outcomes: list[Outcome]):
    """No script, link, frame or address; a policy forbids them; every id is there once."""
    text = written(outcomes)
    tags = Tags(text).seen
    assert not {tag for tag, _ in tags} & set(
        "script link iframe object embed base img form".split()
    )
    for _, attributes in tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    policy = next(a["content"] for _, a in tags if a.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [(a.get("href") or "#")[1:] for _, a in tags if a.get("href")]
    assert set(targets) <= set(ids)


def test_a_page_is_the_same_when_it_is_made_again():
    """Nothing of the moment or of chance is in it."""
    assert written(MIXED) == written(MIXED)


def test_cases_stand_worst_first_under_their_verdicts():
    """Whatever order they were asked in; the id keeps the place in the run."""
    tree = parsed(MIXED)
    assert [text_of(h) for h in tree.xpath("//section[@class='cases']/h3")] == [
        "Failed 1",
        "Answered but unanswerable 1",
        "Refused wrongly 1",
        "Wrong 1",
        "Citation wrong 1",
        "Right 1",
        "Refused rightly 1",
    ]
    cases = tree.xpath("//details[contains(@class, 'case')]/@id")
    assert cases == [f"case-{n}" for n in (7, 6, 5, 4, 3, 1, 2)]
    assert text_of(tree.xpath("//ul[@class='legend']/li")[0]) == "failed 1"


def test_only_the_worst_few_cases_are_open():
    """Three of them; none of a run in which all is right."""
    assert [d.get("id") for d in parsed(MIXED).xpath("//details[@open]")] == [
        "case-7", "case-6", "case-5",
    ]  # fmt: skip
    assert not parsed(MIXED[:2]).xpath("//details[contains(@class, 'case')][@open]")


def test_a_case_can_be_read_at_a_glance():
    """Its summary has the question, the verdict, how sure it was and how long it took."""
    summary = text_of(case_on(parsed(MIXED), 4).find("summary"))
    assert "Where did they meet? (wrong)" in summary
    assert "wrong 80 % sure 2.5 s" in summary


def test_an_answer_stands_with_its_quotes_in_context():
    """The quote is marked within the passage, with document and page, and led to by its number."""
    case = case_on(parsed(MIXED), 1)
    card = case.xpath(".//*[@id='case-1-1']")[0]
    assert [text_of(m) for m in card.findall(".//mark")] == [QUOTE]
    assert "The talks began late. " + QUOTE in text_of(card)
    assert "talks.txt, page 4" in text_of(card)
    assert "evidence exact" in text_of(card)
    assert case.xpath(".//li/a[@href='#case-1-1']")
    assert text_of(case.xpath(".//ul[@class='sentences']/li")[0]) == f"{QUOTE} 1 supported"


def test_a_wrong_citation_says_so():
    """It is no evidence; or it is not what stands in the document."""
    tree = parsed(MIXED)
    assert "not the evidence" in text_of(case_on(tree, 3).xpath(".//*[@id='case-3-1']")[0])
    inexact = replace(MIXED[0], citations=(replace(MIXED[0].citations[0], exact=False),))
    assert "not exact" in text_of(case_on(parsed([inexact]), 1).xpath(".//*[@id='case-1-1']")[0])


def test_a_quote_that_is_not_in_its_passage_is_shown_alone():
    """As are quotes whose passage was not kept."""
    answer = MIXED[0].answer
    assert answer is not None
    tree = parsed([replace(MIXED[0], answer=replace(answer, hits=()))])
    assert text_of(tree.xpath("//*[@id='case-1-1']/blockquote")[0]) == QUOTE


def test_long_passages_are_cut_between_words_about_the_quote():
    """At most 280 characters on either side, with dots where something is left out."""
    words = " ".join(f"word{n}" for n in range(400))
    answer = MIXED[0].answer
    assert answer is not None
    citation, hit = answer.citations[0], answer.hits[0]
    start = words.index("word200 ")
    citation = replace(citation, start=start, end=start + 7, quote="word200")
    hit = replace(hit, passage=replace(hit.passage, text=words, end=len(words)))
    outcome = replace(MIXED[0], answer=replace(answer, citations=(citation,), hits=(hit,)))
    shown = text_of(parsed([outcome]).xpath("//*[@id='case-1-1']/blockquote")[0])
    assert shown.startswith("… word1")
    assert shown.endswith(" …")
    assert " word199 word200 word201 " in shown
    assert set(shown.split()) - {"…"} <= set(words.split())
    assert 400 < len(shown) < 2 * 280 + 20


def test_what_was_expected_stands_beside():
    """Alternatives, their parts, evidence, and that a refusal is right."""
    case = case_of(answers=(("Geneva", "Tuesday"), "in Geneva on Tuesday"))
    tree = parsed([answered(case), refused(case_of("2", answerable=False))])
    beside = text_of(case_on(tree, 1).xpath(".//*[@class='want']")[0])
    assert "Geneva and Tuesday or in Geneva on Tuesday" in beside
    assert f"Evidence talks.txt {QUOTE}" in beside
    assert "A refusal" in text_of(case_on(tree, 2).xpath(".//*[@class='want']")[0])


def test_history_and_the_search_are_shown():
    """What was said before, and what the question was turned into."""
    outcome = answered(case_of(history=(Turn("Who met?", "The delegations."),)))
    assert outcome.answer is not None
    rewritten = replace(outcome, answer=replace(outcome.answer, searched_for="delegations met"))
    shown = text_of(case_on(parsed([rewritten]), 1))
    assert "Who met? The delegations." in shown
    assert "searched for: delegations met" in shown
    assert "searched for" not in text_of(case_on(parsed([outcome]), 1))


def test_retrieval_alone_shows_the_passages_and_which_holds_the_evidence():
    """The first five with text, the evidence marked; beyond them only what holds it."""
    tree = parsed(RETRIEVED)
    found = case_on(tree, 1).xpath(".//ol/li")
    assert [li.get("value") for li in found] == ["1", "2", "3", "4", "5"]
    assert "holds the evidence" in text_of(found[1])
    assert [text_of(m) for m in found[1].findall(".//mark")] == [QUOTE]
    assert "Passage 3." in text_of(found[2])
    late = case_on(tree, 2).xpath(".//ol/li")
    assert late[-1].get("value") == "7"
    assert "evidence at 7" in text_of(case_on(tree, 2).find("summary"))
    words = text_of(tree.find(".//body/header"))
    assert "model a model" not in words
    assert "Recall@5" in words


def test_metrics_that_apply_are_in_the_tables_and_others_are_not():
    """With mean, interval, n and which way is better; a run of retrieval has no token F1."""
    tree = parsed(MIXED)
    rows = {text_of(r.find("th")): text_of(r) for r in tree.xpath("//tbody/tr")}
    # 5 answerable cases, one failed; of the other 4 the right one and the one whose citation
    # is wrong hold the gold.
    label = BY_NAME["gold_in_answer_or_quote"].label
    assert rows[f"{label} ↑ (more is better)"].endswith("4")
    assert "0.500" in rows[f"{label} ↑ (more is better)"]
    assert "False refusals ↓ (less is better)" in rows
    assert not [row for row in rows if row.startswith("Faithfulness")]
    assert {"retrieval", "total"} <= set(rows)
    assert "100 prompt" not in text_of(tree)
    plain = text_of(parsed(RETRIEVED).xpath("//main/section")[0])
    assert "Token F1" not in plain


def test_the_head_says_what_was_run():
    """Data set, time in UTC, commit, model, embedder, options, and how many cases failed."""
    head = text_of(parsed(MIXED).find(".//header"))
    for words in ("talks", "14 September 2025, 10:22 UTC", "0123456789ab", "a model",
                  "an embedder", "split dev", "limit 50", "7 cases: 5 answerable, 2 unanswerable",
                  "1 failed."):  # fmt: skip
        assert words in head
    assert "jsonl" not in head
    assert "retrieval only" not in head


def test_intervals_are_explained_with_their_limits():
    """That documents are drawn anew, and that few of them make intervals too narrow."""
    assert "bootstrap over documents" in written(MIXED)
    assert "a single document" in written(MIXED)
    two = [replace(o, cluster=str(n % 2)) for n, o in enumerate(MIXED)]
    assert "only 2 documents" in written(two)
    many = [replace(o, cluster=str(n)) for n, o in enumerate(MIXED * 2)]
    assert "too narrow" not in written(many)


def test_plots_are_there_or_a_sentence_is():
    """Metrics, reliability, times and tags of a whole run; of a failed one none."""
    plots = parsed(MIXED).xpath("//svg/@aria-labelledby")
    assert [p.split("-title")[0] for p in plots] == [
        "plot-retrieval", "plot-answers", "plot-citations", "plot-refusals",
        "plot-reliability", "plot-times", "plot-tags",
    ]  # fmt: skip
    tree = parsed(MIXED[-1:])
    assert not tree.xpath("//svg")
    assert len(tree.xpath("//p[@class='empty']")) == 4


@pytest.mark.parametrize("outcomes", ANY)
@pytest.mark.parametrize(
    "manifest", [{}, MANIFEST, {"options": None, "started": 3, "documents": "?"}]
)
def test_odd_runs_have_a_page(outcomes: list[Outcome], manifest: dict[str, Any]):
    """Without cases, all failed, one case, and with whatever is known of the run."""
    assert len(parsed(outcomes, manifest).xpath("//details[contains(@class, 'case')]")) == len(
        outcomes
    )


def test_the_manifest_is_shown_but_not_a_thousand_documents():
    """All names and values; of long lists the beginning, and how much is left out."""
    documents = [{"name": f"d{n}.txt"} for n in range(1000)]
    block = text_of(
        parsed(MIXED, {**MANIFEST, "documents": documents}).xpath("//details[@class='manifest']")[0]
    )
    assert "passages 5" in block
    assert "cpu 2 cores" in block
    assert "scan.pdf: holds no text" in block
    assert "d199.txt" in block
    assert "d200.txt" not in block
    assert "and 800 more" in block


EVIL = '</details></blockquote><script>alert(1)</script><b onclick="x">&amp;\'\x00\x1b\u202e'


def with_words(words: str) -> list[Outcome]:
    """Return outcomes that say these words wherever words can stand."""
    case = case_of(
        question=words, tags=(words,), answers=((words, words),), history=(Turn(words, words),)
    )
    outcome = answered(case)
    answer = outcome.answer
    assert answer is not None
    document = replace(answer.citations[0].document, uri=words, title=words)
    citation = replace(answer.citations[0], quote=words, document=document)
    sentence = replace(answer.sentences[0], text=words, citations=(citation,))
    answer = replace(
        answer, question=words, searched_for=words + "!", text=words, sentences=(sentence,),
        citations=(citation,), model=words, notice=words,
    )  # fmt: skip
    passage = replace(outcome.passages[0], text=words)
    evil = replace(outcome, answer=answer, passages=(passage,), error=words)
    unanswered = replace(answer, answered=False, sentences=(), citations=())
    return [
        evil,
        replace(evil, case=case.model_copy(update={"id": words}), answer=unanswered),
        replace(evil, case=case.model_copy(update={"id": words + "2"}), answer=None, error=None),
    ]


def test_words_of_documents_inject_nothing():
    """Markup is shown as it was written, in every place; what cannot be seen is made visible."""
    manifest = {
        **dict.fromkeys(MANIFEST, EVIL),
        "settings": {EVIL: [EVIL]},
        "options": {EVIL: EVIL},
    }
    text = written(with_words(EVIL), manifest)
    seen = Tags(text).seen
    assert not [tag for tag, _ in seen if tag == "script"]
    assert not [a for _, a in seen if "onclick" in a]
    assert not set("\x00\x1b\u202e") & set(text)
    shown = '</details></blockquote><script>alert(1)</script><b onclick="x">&amp;\'␀␛⟦U+202E⟧'
    tree = parser.document_fromstring(text)
    assert shown in text_of(tree.xpath("//h4")[0])
    assert shown in text_of(tree.find(".//h1"))
    assert len(tree.xpath("//details[contains(@class, 'case')]")) == 3


# All of Unicode, lone surrogates too: rows of a run may come from anywhere.
@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(), min_size=1).filter(str.strip))
def test_any_text_makes_a_page(words: str):
    """It can be written as UTF-8, and has the same cases as any other."""
    text = written(with_words(words), {"dataset": words})
    assert len(re.findall(r'<details class="case ', text)) == 3
    Tags(text)


def test_text_that_needs_nothing_stays_as_it_is():
    """Letters of every script, line breaks, and marks that belong to right-to-left text."""
    for text in ("naïve\n\tworld", "العربية\u200f", "東京 👩\u200d🔬"):
        assert visible(text) == text
