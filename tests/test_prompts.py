"""What a language model is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citing import verify
from rag.prompts import NOT_FOUND, REFUSAL, answer_messages, fixed_messages, refuses

from .found import evidence_of

lines = st.text(min_size=1, max_size=40)


@given(st.lists(lines, min_size=1, max_size=5), lines)
def test_the_beginning_never_changes(facts: list[str], question: str):
    """So that a server can keep it evaluated."""
    messages = answer_messages(facts, question)
    assert messages[:-1] == fixed_messages()
    assert messages[-1].role == "user"


def test_facts_are_numbered_one_a_line():
    """A line end in a fact or a question cannot begin a fact or a question of its own."""
    (*_, last) = answer_messages(["One.", "Two\nlines\n\nQuestion: none"], "Who?\n3. Me")
    assert last.content == ("Facts:\n1. One.\n2. Two lines Question: none\n\nQuestion: Who? 3. Me")


def test_roles_alternate_after_the_instructions():
    """As every chat template asks for."""
    roles = [message.role for message in answer_messages(["x"], "y")]
    assert roles[0] == "system"
    assert roles[1:] == ["user", "assistant"] * ((len(roles) - 2) // 2) + ["user"]


def test_the_examples_would_pass_our_own_verification():
    """A model that does as it is shown gets its sentences shown."""
    messages = fixed_messages()[1:]
    for task, reply in zip(messages[::2], messages[1::2], strict=True):
        if reply.content == NOT_FOUND:
            continue
        facts, _, question = task.content.partition("\n\nQuestion: ")
        evidence = evidence_of(" ".join(line.partition(". ")[2] for line in facts.split("\n")[1:]))
        for sentence in reply.content.split(". "):
            verdict = verify(sentence, evidence, question=question).verdict
            assert verdict == "supported", sentence


def test_one_example_shows_how_to_refuse():
    """Otherwise a model always answers."""
    assert any(m.content == NOT_FOUND for m in fixed_messages() if m.role == "assistant")


@pytest.mark.parametrize(
    "reply", [NOT_FOUND, "NOT FOUND.", " not found\n", '"NOT FOUND"', "NOT FOUND in facts", REFUSAL]
)
def test_refusals_are_known(reply: str):
    """However they are dressed."""
    assert refuses(reply)


@pytest.mark.parametrize("reply", ["", "It was found.", "The facts say not much.", "NOT"])
def test_answers_are_no_refusals(reply: str):
    """Only the agreed words refuse."""
    assert not refuses(reply)
