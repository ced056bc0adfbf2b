"""From a sentence of an answer to the exact quotes it rests on, and a verdict. Pure.

Knows nothing of models: a sentence is judged by what it shares with a source, so that a
wrong number or a name from nowhere can never pass as supported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from rag.guarding import addresses, harmless
from rag.schema import Evidence, Verdict
from rag.words import fold, names, negations, numbers, stem, terms, words

# Shares of a sentence's terms that its quotes must hold, fitted by hand on answers of the
# embedded model; the words of the question are free, for an answer may repeat them.
_SUPPORTED, _PARTIAL = 0.8, 0.4
_MARKER = re.compile(r"\[(\d+)\]")
# What looks like one of ours, in other brackets or as a footnote; and what models cite by.
_OPEN, _CLOSE = r"[\[［【〔〖〚⟦⁅❲﹝]", r"[\]］】〕〗〛⟧⁆❳﹞]"
_LIKE_MARKER = re.compile(rf"{_OPEN}[\^#]?(\d+){_CLOSE}")
# Only where white space begins, or every blank of much of it would be tried as the first.
_CITED = re.compile(
    rf"(?<!\s)\s*{_OPEN}[\^#]?\d+(?:\s?[,;–-]\s?\d+)*(?:†[^\[\]【】]{{0,80}})?{_CLOSE}"
)
_INITIALS_APART = re.compile(r"\b(?:[A-Z]\. )+[A-Z]\.")
# A sentence and its quotes, read together by the reranker, that have less than these log-odds of
# being about the same are not supported, or not at all. What joins words of the question to
# words of a quote on something else lies below both; a true rewording seldom below the first.
_ALIKE, _FOREIGN = 5.5, 1.5
# Each of two quotes must bring at least this share of the terms by itself: a sentence that
# joins two facts. A second quote that brings a name or a number alone is how a swapped one
# would be "found".
_WORTHWHILE = 0.25


@dataclass(frozen=True)
class Support:
    """What a sentence rests on: the verdict, and the evidence to quote, best first."""

    verdict: Verdict
    evidence: tuple[Evidence, ...]
    coverage: float


@dataclass(frozen=True)
class _Claim:
    terms: frozenset[str]
    free: frozenset[str]
    numbers: frozenset[str]
    numbers_asked: frozenset[str]
    names: frozenset[str]
    denies: bool
    told: frozenset[str]
    asked: frozenset[str]
    words: tuple[str, ...]
    addresses: frozenset[str]


def verify(sentence: str, evidence: Sequence[Evidence], *, question: str) -> Support:
    """Judge a sentence by the evidence: one quote where that is enough, two where not."""
    claim = _claim(sentence, question)
    if not evidence or not (claim.terms or claim.numbers):
        return Support("unsupported", (), 0.0)
    ranked = sorted(evidence, key=lambda e: -_coverage(claim, [e.text]))
    best = ranked[0]
    single = _judge(claim, [best])
    if single.verdict == "supported":
        return single
    worthwhile = [
        _judge(claim, [best, other])
        for other in ranked[1:12]
        if _is_near(best, other) and _share_work(claim, best, other)
    ]
    return max([single, *worthwhile], key=lambda s: (_RANK[s.verdict], s.coverage))


def echoes(sentence: str, question: str) -> bool:
    """Tell whether a sentence only repeats a question that asks for something.

    One without "what", "who" or the like can be answered so: by its own words, affirmed; and
    one that gives the choice by one of them.
    """
    asked = {fold(word) for word in words(question)}
    asks = not _ASKING.isdisjoint(asked) and "or" not in asked
    new = set(terms(sentence)) - set(terms(question)) or numbers(sentence) - numbers(question)
    return asks and not new


def is_short(sentence: str) -> bool:
    """Tell whether a sentence has so few terms that without its question it says nothing."""
    return len(set(terms(sentence))) <= _SHORT


def joined_initials(sentence: str, texts: Iterable[str]) -> str:
    """Return a sentence with its initials as the texts have them: models write "U. S."."""
    whole = "\0".join(texts)

    def joined(found: re.Match[str]) -> str:
        together = found[0].replace(" ", "")
        return together if together in whole else found[0]

    return _INITIALS_APART.sub(joined, sentence)


def weighed(support: Support, alike: float) -> Support:
    """Return the support of a sentence after it was read with its quotes.

    `alike` are the log-odds that they are about the same.
    """
    if alike < _FOREIGN:
        return Support("unsupported", (), support.coverage)
    if alike < _ALIKE and support.verdict == "supported":
        return replace(support, verdict="partial")
    return support


def without_markers(text: str) -> str:
    """Return a text in which no [n], nor what looks like one, can be taken for ours."""
    return _LIKE_MARKER.sub(r"(\1)", text)


def drop_markers(text: str) -> str:
    """Return a text of a model without what it cites, nor the spaces before that."""
    return _CITED.sub("", text)


def without_cited(text: str, *, known: Collection[str]) -> str:
    """Return what a model wrote without what it cites, and without addresses not known."""
    # Again at the end: "java[1]script:" has become one.
    return harmless(drop_markers(harmless(text, known=known)), known=known)


def fit_to_show(text: str) -> str:
    """Return words of a document, or of somebody else, as they may stand in an answer."""
    # Again at the end: "[x][1]" has become "[x](1)".
    return harmless(without_markers(harmless(text)))


def markers(text: str) -> list[int]:
    """Return the numbers of the markers in a text, in order."""
    return [int(number) for number in _MARKER.findall(text)]


def with_markers(sentence: str, numbers: Iterable[int]) -> str:
    """Return a sentence followed by its markers."""
    marks = "".join(f"[{number}]" for number in numbers)
    return f"{sentence} {marks}" if marks else sentence


# Sentences of so few terms are judged with the question's; of fewer than the second, a
# sentence is no two facts.
_SHORT, _JOINT = 2, 5
_PAIRS = """before after|over under|above below|more less|more fewer|most few|least most|increase
    decrease|raise lower|rise fall|rose fell|rising falling|high low|higher lower|highest lowest|
    early late|earlier later|first last|win lose|won lost|accept reject|allow ban|allow forbid|
    open close|north south|northern southern|east west|eastern western|always never|all none|
    everyone nobody|large small|larger smaller|largest smallest|long short|old new|older younger|
    strong weak|strengthen weaken|support oppose|include exclude|gain loss|buy sell|bought sold|
    begin end|began ended|start end|enter leave|entered left|up down|with without|positive negative|
    success failure|best worst|better worse|maximum minimum|fast slow|hot cold|male female"""


@lru_cache(maxsize=1)
def _opposites() -> Mapping[str, frozenset[str]]:
    """Return the stems of the words that say the opposite of a stem."""
    found: dict[str, frozenset[str]] = {}
    for pair in _PAIRS.split("|"):
        one, other = map(stem, pair.split())
        found[one] = found.get(one, frozenset()) | {other}
        found[other] = found.get(other, frozenset()) | {one}
    return found


_ASKING = frozenset("what which who whom whose when where why how".split())
# Words by which a quote may mean somebody whom the text around it names.
_POINTING = frozenset(
    """he him his she her hers it its they them their theirs this these""".split()
)
# A sentence that gives a cause needs a quote that does.
_CAUSAL = frozenset(
    """because since due owing thanks therefore thus hence so cause causes caused causing reason
    reasons lead leads led leading result results resulted resulting prompting prompted""".split()
)
_RANK: dict[Verdict, int] = {"unsupported": 0, "partial": 1, "supported": 2}


def _claim(sentence: str, question: str) -> _Claim:
    said = frozenset(terms(sentence))
    asked = frozenset(terms(question))
    return _Claim(
        terms=said,
        free=said & asked,
        numbers=frozenset(numbers(sentence)),
        numbers_asked=frozenset(numbers(question)),
        names=frozenset(names(sentence)),
        denies=negations(sentence) > 0,
        told=said - asked,
        asked=asked,
        words=tuple(fold(word) for word in words(sentence)),
        addresses=addresses([sentence]),
    )


def _coverage(claim: _Claim, texts: Sequence[str]) -> float:
    """Return the share of what the sentence tells that the texts hold, 0 to 1."""
    held = {term for text in texts for term in terms(text)}
    needed = claim.told or claim.terms
    if not needed:
        return float(claim.numbers <= _numbers(texts))
    return len(needed & held) / len(needed)


def _judge(claim: _Claim, evidence: Sequence[Evidence]) -> Support:
    texts = [e.text for e in evidence]
    share = _coverage(claim, texts)
    held = {term for text in texts for term in terms(text)}
    overlap = len(claim.terms & held) / len(claim.terms) if claim.terms else share
    contradicted = (
        not claim.numbers <= _numbers(texts)
        # An address of another source, beside these words, would lead astray.
        or not (not claim.addresses or claim.addresses <= addresses(texts))
        or not _denial_holds(claim, texts)
        or any(_reverses(claim, text) for text in texts)
    )
    grounded = (
        _names_hold(claim, evidence)
        # Of two quotes, one on somebody else would lend what it says of them.
        and not (len(texts) > 1 and any(names(text) - claim.names for text in texts))
        and not any(_pairs_otherwise(claim, text) for text in texts)
        and (not _gives_cause(claim.words) or any(_gives_cause(words(fold(t))) for t in texts))
        and (len(claim.terms) > _SHORT or _is_on_question(claim, held))
    )
    verdict: Verdict = "unsupported"
    # Half of two terms is one word, which is somewhere in any text.
    least = _SUPPORTED if len(claim.terms) <= _SHORT else _PARTIAL
    # What merely resembles its quotes but says another number, or the opposite, is no part
    # of the truth.
    if not contradicted and share >= least and overlap >= _PARTIAL / 2:
        well = share >= _SUPPORTED and overlap >= _PARTIAL and grounded
        verdict = "supported" if well else "partial"
    return Support(verdict, tuple(evidence) if verdict != "unsupported" else (), share)


def _share_work(claim: _Claim, best: Evidence, other: Evidence) -> bool:
    """Tell whether a sentence joins what two quotes say, each a part of its own."""
    first, second = set(terms(best.text)), set(terms(other.text))
    least = _WORTHWHILE * len(claim.terms)
    if len(claim.terms) < _JOINT:
        return False
    return len(claim.terms & second - first) >= least and len(claim.terms & first - second) >= least


def _is_on_question(claim: _Claim, held: set[str]) -> bool:
    """Tell whether quotes are about the question: a short answer could be found anywhere."""
    return len(claim.asked & held) >= 0.5 * len(claim.asked) and bool(claim.asked | claim.told)


def _reverses(claim: _Claim, text: str) -> bool:
    """Tell whether a text says the opposite: another pole, or its names the other way round."""
    quoted = [fold(word) for word in words(_stretch(claim, text, margin=1))]
    said, held = set(claim.words), set(quoted)
    for word in said - held:
        poles = _opposites().get(stem(word), frozenset())
        if any(stem(other) in poles for other in held - said):
            return True
        if {f"un{word}", f"in{word}", f"dis{word}", f"non{word}"} & held:
            return True
        if word.startswith(("un", "in", "dis", "non")) and held & {word[2:], word[3:]} - said:
            return True
    order = [w for w in dict.fromkeys(claim.words) if w in claim.names and quoted.count(w) == 1]
    places = [quoted.index(w) for w in order]
    passive = ("by" in said) != ("by" in held)
    return len(order) == 2 and places[0] > places[1] and not passive


def _pairs_otherwise(claim: _Claim, text: str) -> bool:
    """Tell whether "respectively" gives the numbers of a text to others than the text does.

    Numbers of the question and new ones must keep their order, or both turn it round.
    """
    if "respectively" not in claim.words:
        return False
    places = {number: n for n, number in enumerate(_in_order(text))}
    told = [number for number in _in_order(" ".join(claim.words)) if number in places]
    lists = [[places[n] for n in told if (n in claim.numbers_asked) is of] for of in (True, False)]
    turned = {one > other for order in lists for one, other in pairwise(order)}
    return len(turned) > 1


def _in_order(text: str) -> list[str]:
    return [number for word in words(text) for number in numbers(word)]


def _gives_cause(found: Iterable[str]) -> bool:
    return not _CAUSAL.isdisjoint(found)


def _numbers(texts: Sequence[str]) -> set[str]:
    return {number for text in texts for number in numbers(text)}


def _names_hold(claim: _Claim, evidence: Sequence[Evidence]) -> bool:
    """A name must stand in the quotes, or in the question and around the quotes.

    One from around must not take the place of another, nor stand beside one: "Moscow regrets"
    is not what "London regrets" says, nor "Moscow and London regret". Nor may a name do for
    two: "Ann thanked Ann" is not "she thanked Ann".
    """
    quoted = Counter(part for e in evidence for part in _folded_words(e.text))
    said = Counter(part for word in claim.words for part in _folded_words(word))
    if any(said[name] > max(1, quoted[name]) for name in claim.names):
        return False
    around = {
        part
        for e in evidence
        for text in (e.passage.text, e.passage.heading or "", e.passage.document.title)
        for part in _folded_words(text)
    }
    foreign = [name for name in claim.names if name not in quoted]
    if not all(name in around and set(terms(name)) <= claim.free for name in foreign):
        return False
    others = {name for e in evidence for name in names(e.text)} - claim.names
    stands_alone = not others and len(foreign) == len(claim.names)
    return not foreign or stands_alone or bool(_POINTING & quoted.keys())


def _folded_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", fold(text))


def _denial_holds(claim: _Claim, texts: Sequence[str]) -> bool:
    """A sentence denies exactly when its quotes do, in the stretch that it repeats."""
    denied = any(negations(_stretch(claim, text)) for text in texts)
    return denied == claim.denies


def _stretch(claim: _Claim, text: str, *, margin: int = 0) -> str:
    """Return the words of a text from the first to the last that the sentence shares."""
    found = words(text)
    shared = [n for n, word in enumerate(found) if claim.terms & set(terms(word))]
    return " ".join(found[max(0, shared[0] - margin) : shared[-1] + 1 + margin]) if shared else ""


def _is_near(best: Evidence, other: Evidence) -> bool:
    return best.passage.id != other.passage.id or best.start != other.start
