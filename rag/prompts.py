"""Every text that a language model is given, and the refusal sentence.

Knows nothing of retrieval or verification. The part before the question never changes, so
that a server can keep it evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.schema import Message

REFUSAL = "I could not find this in your documents."

# What the model is asked to say when the facts hold no answer; easier to spot than prose.
NOT_FOUND = "NOT FOUND"

_SYSTEM = (
    "You answer a question from the numbered facts below it, and from nothing else. "
    "Write one or two short, complete sentences. Keep to the words of the facts; copy names, "
    "numbers and dates exactly. Say who claims something when the facts say so. "
    f"If the facts do not answer the question, write only: {NOT_FOUND}"
)
_EXAMPLES = (
    (
        (
            "The Harwick Bridge was opened in 1932 after six years of work.",
            "It replaced a ferry that had carried farmers and their cattle across the Lune "
            "since 1801.",
            "The bridge was designed by Ada Morley, who never saw it finished.",
        ),
        "What did people use to cross the river before the bridge was built?",
        "Before the Harwick Bridge, a ferry carried farmers and their cattle across the Lune.",
    ),
    (
        (
            "According to the port authority, 41 ships were delayed by the strike in May.",
            "The union put the number at more than 60.",
        ),
        "How many ships did the strike hold up?",
        "According to the port authority, 41 ships were delayed by the strike in May. "
        "The union put the number at more than 60.",
    ),
    (
        (
            "The orchestra toured Japan in the spring of 2004.",
            "Its conductor praised the concert halls of Osaka and Tokyo.",
        ),
        "How many musicians does the orchestra have?",
        NOT_FOUND,
    ),
    (
        (
            "Basalt forms when lava cools quickly at the surface.",
            "Granite cools slowly, deep underground, which gives its crystals time to grow.",
        ),
        "Why are the crystals in granite large?",
        "Granite cools slowly, deep underground, which gives its crystals time to grow.",
    ),
)


# What the model is asked to say of a single text that does not tell what is asked.
NONE = "none"
_READING = (
    "Copy from the text the words that answer the question. The question may use other words "
    f"than the text. If the text does not tell what is asked, reply: {NONE}"
)
_READINGS = (
    (
        "The harbour at Lindau was dredged in 1931 under the engineer Clara Holt.",
        "Who was in charge when the port was deepened?",
        "Clara Holt",
    ),
    (
        "The harbour at Lindau was dredged in 1931 under the engineer Clara Holt.",
        "How much did the dredging of the harbour cost?",
        NONE,
    ),
    (
        "Farmers blame the drought for the poor harvest.",
        "Whom or what do the growers hold responsible for the bad crop?",
        "the drought",
    ),
    (
        "Farmers blame the drought for the poor harvest.",
        "In which year was the poor harvest?",
        NONE,
    ),
    (
        "The company moved its headquarters to Turin and dismissed 300 workers.",
        "How many people lost their jobs?",
        "300 workers",
    ),
    (
        "The company moved its headquarters to Turin.",
        "In which city did the company have its headquarters before?",
        NONE,
    ),
    (
        "Critics warn that the dam could flood three villages, while its builders speak of "
        "cheap power.",
        "What advantage do those who build the dam promise?",
        "cheap power",
    ),
    (
        "Anna Keller, who led the museum until 2012, moved to Graz.",
        "Who leads the museum today?",
        NONE,
    ),
    (
        "After the talks in March, both sides met in Oslo.",
        "Where were the talks in March held?",
        NONE,
    ),
    (
        "After the talks in March, both sides met in Oslo.",
        "Which city saw the two parties come together next?",
        "Oslo",
    ),
    (
        "The union's survey found that 40% of nurses want shorter shifts.",
        "What share of doctors want shorter shifts?",
        NONE,
    ),
    (
        "The union's survey found that 40% of nurses want shorter shifts.",
        "How many in every hundred nurses would rather work less at a stretch?",
        "40%",
    ),
    (
        "The mayor received her colleague from Bergen, who had complained about the ferry.",
        "What is the name of the colleague from Bergen?",
        NONE,
    ),
    (
        "The mayor received her colleague from Bergen, who had complained about the ferry.",
        "What was the guest unhappy with?",
        "the ferry",
    ),
)


def fixed_messages() -> tuple[tuple[Message, ...], ...]:
    """Return the beginnings of all prompts: what a model is told before any question."""
    return _reading_fixed(), _answer_fixed()


def reading_messages(text: str, question: str) -> tuple[Message, ...]:
    """Return the prompt for the words of one text that answer, or NONE."""
    return (*_reading_fixed(), Message("user", _reading(text, question)))


def _reading_fixed() -> tuple[Message, ...]:
    messages = [Message("system", _READING)]
    for text, question, reply in _READINGS:
        messages += [Message("user", _reading(text, question)), Message("assistant", reply)]
    return tuple(messages)


def _reading(text: str, question: str) -> str:
    plain = " ".join(text.split()), " ".join(question.split())
    return f"Text: {plain[0]}\nQuestion: {plain[1]}"


def _answer_fixed() -> tuple[Message, ...]:
    messages = [Message("system", _SYSTEM)]
    for facts, question, reply in _EXAMPLES:
        messages += [Message("user", _task(facts, question)), Message("assistant", reply)]
    return tuple(messages)


def answer_messages(
    facts: Sequence[str], question: str, *, subject: str = ""
) -> tuple[Message, ...]:
    """Return the prompt for a question, what it leans on if anything, and the facts found."""
    return (*_answer_fixed(), Message("user", _task(facts, question, subject)))


def refuses(reply: str) -> bool:
    """Tell whether a model's reply says that the facts hold no answer."""
    plain = reply.strip().strip("\"'*")
    alone = plain.upper().rstrip(".! ")
    # In other letters only when alone: an answer may begin with these words, too.
    return plain.startswith(NOT_FOUND) or alone in (NOT_FOUND, REFUSAL.upper().rstrip("."))


def _task(facts: Sequence[str], question: str, subject: str = "") -> str:
    lines = [f"{number}. {' '.join(fact.split())}" for number, fact in enumerate(facts, 1)]
    about = f"\nSpeaking of: {' '.join(subject.split())}" if subject else ""
    return "Facts:\n" + "\n".join(lines) + f"\n{about}\nQuestion: {' '.join(question.split())}"
