"""Questions that lean on the conversation, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import UsageError
from rag.followups import leans_on_history, stand_alone, turns_of
from rag.schema import Answer, Turn

LEANING = """
And in 2019?
What about Canada?
Why?
Who is she?
When did it open?
Where were they built?
How many of them were there?
Is that true?
What did he say about it?
Tell me more.
Go on
How so?
And the second one?
What happened next?
What happened then?
Did she agree?
Who else was there?
How much did that cost?
Which of these is largest?
What was its purpose?
How about the Russian side?
Why did they do that?
Are there others?
Can you explain this?
What does that mean?
Really?
In which year?
How long?
By whom?
Where?
Since when?
Who said so?
What are the reasons for that?
Does this apply to Mexico?
Is there a treaty on that?
What is the latter made of?
Give me an example
Could you elaborate?
What were the other two?
And Mexico?
Was he right?
What were their demands?
Did both agree?
So who won?
But why did it fail?
What else did the report say?
Anything else?
How did Moscow react to this?
Why not?
Ok, and who led it?
what about her husband?
Summarise that
Is it safe?
who is he
Name two more
What other reasons are there?
Do they also export oil?
Which one is bigger?
How old is she?
Were there any others?
And who built it?
What about the second bridge?
When was that?
How tall is it?
Why was he arrested?
Where is she now?
What did they find there?
Has it been restored since?
And after the war?
What colour are they?
Who paid for it?
How many?
How much?
What for?
With whom did he travel?
Did it work?
Which year was that?
And its capital?
Were any of them injured?
What does he do for a living?
Who was her father?
Do they still live there?
Please explain
More details please
And in French?
Is this still the case?
Why is that important?
What caused it?
What were the consequences?
Who opposed this?
So what did the court decide about it?
Has that changed?
And then?
Tell me more about him
How did they get there?
Can it be cured?
What are its side effects?
Compare it with the earlier one
Did his successor agree?
What was the outcome?
""".strip().splitlines()

STANDING = """
Where did the delegations meet?
What is it that makes granite hard?
Who leads the WHO?
What did Heather Nauert say about the report?
Did Russia say that it would withdraw?
What makes Mars red?
How many meetings took place in 2025?
Is there a treaty on nuclear disarmament?
Is there life on Mars?
What is NAFTA?
Define entropy
Who is Tom Shannon?
What is photosynthesis?
Why is the sky blue?
Why did Rome fall?
Why are the crystals in granite large?
What are the reasons that critics give for distrust?
What happened at the G20 summit?
Who was it that signed the bill?
When was the bridge opened?
What did Obama do before he left office?
Which countries share their border with Chad?
Did Trump keep his promise on sanctions?
What did Putin say when he met Trump?
What do analysts think of this year's sanctions?
How long is the Nile?
More than how many people died in the flood?
What other countries border Chad?
How do bees find their way home?
What is the difference between those who fled and those who stayed?
And what is the capital of France?
Where is Paris?
Tell me about the Peterson Institute
Explain relativity
How do plants make their food?
What is the second largest city of Canada?
Who invented the telephone?
Does the report say that there was a treaty?
Can a company fire its workers?
Summarise the report by TASS
What does CISA stand for?
Is it true that the US ordered the closure of three facilities?
How many people use the internet there in Kenya?
How much is a barrel of oil?
What did the US say about its embassy staff?
Why does the moon change its shape?
What is the best way to cook rice?
What have the US and Russia agreed on?
Who wrote Hamlet?
Does it rain in the Sahara?
Do penguins mate for life?
Is there another article on cyber security?
What is that Latin phrase on the dollar bill?
Give an example of a dual-use technology
How did the author of "It" die?
Are whales mammals?
List the demands of the union
Who designed the Harwick Bridge?
How tall is Mount Everest?
Which river flows through Vienna?
How many moons does Jupiter have?
What do koalas eat?
Who composed The Magic Flute?
When did the Berlin Wall fall?
What causes tides?
What is the boiling point of water?
Which company did Steve Jobs found after he left Apple?
How does a vaccine train its target?
What did the conductor praise?
What are the side effects of aspirin?
Is the Earth older than its moon?
How many ships did the strike hold up?
What does the Treasury Department allow?
Who said that sanctions are targeted?
Which agency launched a joint task force with NATO?
Why do critics call the policy naive?
What share of audiences sees this as important in the Reuters report?
Is it legal to fish in Lake Geneva?
What does it take to become a pilot?
How far is it from Rome to Milan?
Does the contract say who pays for repairs?
How do I reset the device?
Can I return an item after 30 days?
What is our refund policy?
Who do I contact about payroll?
What was Marie Curie's first name?
When is the deadline for the tax return?
Are there penguins at the North Pole?
What is inflation?
What happened in Geneva in July 2025?
And where did the Romans get their salt?
List all countries that border Austria
Where can I find the user manual?
How did Napoleon die?
What did Einstein win the Nobel Prize for?
What are the rules of chess?
Who is the CEO of Siemens?
""".strip().splitlines()

TURN = Turn("Who designed the Harwick Bridge?", "It was designed by Ada Morley of Lancaster. [1]")


@pytest.mark.parametrize("question", LEANING)
def test_a_question_that_leans_on_what_was_said(question: str):
    """A pronoun without its noun, or hardly a word of its own."""
    assert leans_on_history(question)


@pytest.mark.parametrize("question", STANDING)
def test_a_question_that_names_its_subject(question: str):
    """It stands alone, with a pronoun whose noun is in it too."""
    assert not leans_on_history(question)


def test_a_leaning_question_is_given_its_subject():
    """The question comes first; the last question and new names follow."""
    rewritten = stand_alone("When did she die?", [TURN])
    assert rewritten.startswith("When did she die? ")
    assert "Harwick Bridge" in rewritten
    assert "Ada Morley" in rewritten


def test_what_was_told_beside_an_answer_is_no_subject():
    """Neither the words that lead it, nor its title, nor its names."""
    told = (
        "They agreed to meet again. [1] Closest in the documents: Oslo was named. [2] "
        "Elsewhere (“Report: Russia and Us”): Lavrov saw Kellogg. [3] [4] Only Vienna was left. [5]"
    )
    turn = Turn("What did the delegations agree on?", told)
    asked = stand_alone("What did they say about flights?", [turn])
    assert asked == ("What did they say about flights? (What did the delegations agree on? Vienna)")


def test_a_standing_question_stays_as_it_is():
    """No word of the history is mixed into another subject."""
    assert stand_alone("Where is the Eiffel Tower?", [TURN]) == "Where is the Eiffel Tower?"


def test_the_first_question_stays_as_it_is():
    """There is nothing yet to lean on."""
    assert stand_alone("Why?", []) == "Why?"


def test_the_subject_is_the_last_question_that_stood_alone():
    """A chain of short questions still leads back to what it is about."""
    turns = [TURN, Turn("When did she die?", "In 1931."), Turn("Why?", "Of a fever.")]
    assert "Harwick Bridge" in stand_alone("And where?", turns)
    changed = [*turns, Turn("Where is the Lune Canal?", "It runs through Kendal.")]
    rewritten = stand_alone("How long is it?", changed)
    assert "Lune Canal" in rewritten
    assert "Harwick" not in rewritten


def test_a_history_of_leaning_questions_only():
    """The first question is then the nearest thing to a subject."""
    assert stand_alone("Why?", [Turn("What about it?", "")]) == "Why? (What about it?)"


ANSWER = Answer("Q1", "Q1", "A1 [1]", True, 0.9, (), (), (), "none")


@pytest.mark.parametrize(
    "history",
    [
        [Turn("Q1", "A1 [1]")],
        [ANSWER],
        [("Q1", "A1 [1]")],
        [["Q1", "A1 [1]"]],
        [{"role": "user", "content": "Q1"}, {"role": "assistant", "content": "A1 [1]"}],
        [
            {"role": "system", "content": "Be kind."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": [{"type": "text", "text": "Q1"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "A1 [1]"}]},
            {"role": "user", "content": "not yet answered"},
        ],
        iter([("Q1", "A1 [1]")]),
    ],
)
def test_every_form_of_history_is_read(history: Any):
    """Turns, answers, pairs and messages mean the same."""
    assert turns_of(history) == (Turn("Q1", "A1 [1]"),)


def test_an_unanswered_turn_has_an_empty_answer():
    """Nothing is called "None"."""
    assert turns_of([("Q1", None)]) == (Turn("Q1", ""),)


@pytest.mark.parametrize(
    "history", ["hello", b"hello", 5, None, {"role": "user"}, [5], ["hello"], [{}], [("a",)]]
)
def test_anything_else_is_refused_with_what_it_should_be(history: Any):
    """The message says what a history is, and what was given."""
    with pytest.raises(UsageError, match="A history is a sequence of Turn"):
        turns_of(history)


junk: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["user", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(junk, max_size=4))
def test_odd_content_raises_nothing_else(history: list[Any]):
    """Whatever stands in a history, it is read or refused."""
    try:
        turns = turns_of(history)
    except UsageError:
        return
    assert all(isinstance(turn.question + turn.answer, str) for turn in turns)


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_a_rewritten_question_keeps_the_question_first(question: str, asked: str, told: str):
    """Whatever was said before."""
    rewritten = stand_alone(question, [Turn(asked, told)])
    assert rewritten.strip().startswith(question.strip())
