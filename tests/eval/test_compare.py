"""Two runs held against each other: differences, what flipped, and what counts as a regression."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eval.cases import BadCases
from eval.compare import GATE_LEVEL, GATED, Change, Comparison, compare, comparison_table
from eval.report import Report
from eval.scoring import BY_NAME, METRICS

from .made import report

RIGHT, WRONG = [1.0] * 30, [0.0] * 30
JUDGED = ("faithfulness", "relevancy", "correctness")
value = st.one_of(st.none(), st.floats(0, 1))
names = st.sampled_from("abc")


def changed(before: list, after: list, metric: str = "gold_in_answer", clusters=None) -> Change:
    """Return what changed in the one metric of two runs."""
    (change,) = compare(report(metric, before, clusters), report(metric, after, clusters)).changes
    return change


def with_losses(n: int) -> list[float]:
    """Return thirty values of which n are wrong."""
    return [0.0] * n + [1.0] * (30 - n)


def test_every_gated_metric_is_in_the_catalogue():
    """A name that is not would never be looked at."""
    assert set(GATED) <= set(BY_NAME)
    assert not set(GATED) & set(JUDGED)


def test_a_difference_on_one_document_worked_by_hand():
    """One of four questions is lost: -1/4."""
    # Questions are drawn: none of the lost one with 0.75⁴ = 0.32, three or more with 0.051,
    # four with 0.004; so 95 % go from three lost of four to none.
    change = changed([1, 1, 1, 0], [0, 1, 1, 0], clusters=["a.txt"] * 4)
    assert (change.before, change.difference.mean, change.difference.n) == (0.75, -0.25, 4)
    assert (change.difference.low, change.difference.high) == (-0.75, 0.0)
    assert change.is_worse
    assert not change.is_significant
    gain = changed([0, 1, 1, 0], [1, 1, 1, 0], clusters=["a.txt"] * 4)
    assert (gain.difference.low, gain.is_significant) == (0.0, False)


def test_a_difference_on_two_documents_worked_by_hand():
    """Both questions on a are lost, that on b is not: -2/3, and nothing is sure."""
    # Drawn aa: -1, ab or ba: -2/3, bb: 0, which a quarter of the draws are.
    change = changed([1, 1, 1], [0, 0, 1], clusters=["a.txt", "a.txt", "b.txt"])
    assert change.difference.mean == pytest.approx(-2 / 3)
    assert (change.difference.low, change.difference.high) == (-1.0, 0.0)
    assert not change.is_significant


def test_documents_are_what_is_drawn():
    """All five questions on each of three of twelve documents are lost: 15 of 60."""
    # None of the three is drawn with (9/12)¹² = 0.032, more than the 0.025 that are left out;
    # of fifteen questions on documents of their own, with (45/60)⁶⁰ = 3e-8.
    after = [float(n % 12 > 2) for n in range(60)]
    documents = [f"{n % 12}.txt" for n in range(60)]
    assert not changed([1.0] * 60, after, clusters=documents).is_significant
    assert changed([1.0] * 60, after).is_significant


def test_losing_many_is_a_regression_and_losing_one_is_noise():
    """Ten of thirty documents, or one."""
    # None of ten is drawn with (2/3)³⁰ = 5e-6, none of one with (29/30)³⁰ = 0.36.
    for n, regressed in ((10, True), (1, False)):
        found = compare(report("recall@5", RIGHT), report("recall@5", with_losses(n)))
        assert [c.metric.name for c in found.regressions] == ["recall@5"] * regressed
        assert found.changes[0].is_worse


def test_losses_that_gains_make_up_for_are_noise():
    """Five lost and four gained."""
    before, after = [1.0] * 5 + [0.0] * 25, [0.0] * 5 + [1.0] * 4 + [0.0] * 21
    assert not changed(before, after).is_significant


def test_a_gain_is_no_regression():
    """It is significant all the same."""
    found = compare(report("recall@5", WRONG), report("recall@5", RIGHT))
    assert found.changes[0].is_significant
    assert not found.changes[0].is_worse
    assert found.regressions == ()


@pytest.mark.parametrize("name", ["false_refusal_rate", "brier_score", "failed"])
def test_less_may_be_better(name):
    """More refusals, failures or false confidence are worse."""
    up = compare(report(name, WRONG), report(name, RIGHT))
    down = compare(report(name, RIGHT), report(name, WRONG))
    assert up.changes[0].is_worse
    assert [c.metric.name for c in up.regressions] == [name]
    assert not down.changes[0].is_worse
    assert down.regressions == ()


def test_only_gated_metrics_make_regressions():
    """All is lost, in each metric by itself."""
    for metric in METRICS:
        better, worse = (RIGHT, WRONG) if metric.better == "higher" else (WRONG, RIGHT)
        found = compare(report(metric.name, better), report(metric.name, worse))
        assert found.changes[0].is_significant
        assert bool(found.regressions) == (metric.name in GATED)


def test_what_rounds_to_nothing_is_no_change():
    """Every confidence moves by a millionth the same way: sure, and of no account."""
    before = [0.1] * 30
    tiny = changed(before, [v + 1e-6 for v in before], "brier_score")
    assert tiny.difference.low > 0
    assert tiny.is_worse
    assert not tiny.is_significant
    assert changed(before, [v + 1e-3 for v in before], "brier_score").is_significant


def test_an_unchanged_run_changes_nothing():
    """All differences are 0, nothing flips, and nothing is marked."""
    run = report("gold_in_answer", with_losses(7))
    found = compare(run, run)
    (change,) = found.changes
    assert (change.difference.mean, change.difference.low, change.difference.high) == (0, 0, 0)
    assert not change.is_worse
    assert (found.n, found.flips, found.regressions) == (30, (), ())


def test_flips_tell_lost_from_gained():
    """Case 0 was right, case 1 is right now; case 2 has no figure in the one run."""
    found = compare(
        report("citation_recall", [1.0, 0.0, None, 1.0, 0.5]),
        report("citation_recall", [0.4, 0.5, 1.0, 1.0, 1.0]),
    )
    assert [(f.case_id, f.is_worse, f.before, f.after) for f in found.flips] == [
        ("0", True, 1.0, 0.4),
        ("1", False, 0.0, 0.5),
    ]
    assert found.flips[0].question == "What is 0?"


def test_a_case_that_fails_now_is_lost():
    """Less is better of failures."""
    found = compare(report("failed", [0.0, 1.0]), report("failed", [1.0, 0.0]))
    assert [(f.case_id, f.is_worse) for f in found.flips] == [("0", True), ("1", False)]


@pytest.mark.parametrize("name", ["brier_score", "recall@3", "token_f1"])
def test_only_gated_shares_flip(name):
    """A half of a Brier score is no border between right and wrong."""
    assert compare(report(name, RIGHT), report(name, WRONG)).flips == ()


def test_a_metric_of_one_run_only_is_not_compared():
    """Nor is a case that has it in one run only."""
    found = compare(report("recall@1", RIGHT), report("gold_in_answer", WRONG))
    assert found == Comparison(30, (), (), (BY_NAME["recall@1"],))
    change = changed([1.0, None, 0.0, 1.0], [0.0, 0.0, None, 1.0])
    assert (change.before, change.difference.mean, change.difference.n) == (1.0, -0.5, 2)


def test_only_cases_of_both_runs_are_compared():
    """The shorter run has the first ten of thirty."""
    found = compare(report("recall@1", RIGHT), report("recall@1", WRONG[:10]))
    assert found.n == found.changes[0].difference.n == 10


def test_a_case_that_was_reworded_is_another_case():
    """Under the same id stands another question: nothing is compared."""
    before = report("recall@1", RIGHT)
    cases = dict(before.cases) | {"0": replace(before.cases["0"], question="Something else?")}
    assert compare(before, replace(before, cases=cases)).n == 29


def test_a_loss_in_one_document_of_five_is_seen():
    """All of one document's cases are lost: drawing whole documents would never tell."""
    clusters = [name for name in "abcde" for _ in range(20)]
    after = [float(name != "a") for name in clusters]
    before = report("recall@1", [1.0] * 100, clusters)
    found = compare(before, report("recall@1", after, clusters), level=GATE_LEVEL)
    assert [c.metric.name for c in found.regressions] == ["recall@1"]


def test_a_higher_level_asks_for_more():
    """Six lost and one gained of a hundred is sure enough for 90 %, and not for 99 %."""
    before, after = [1.0] * 6 + [0.0] * 94, [0.0] * 6 + [1.0] + [0.0] * 93
    runs = report("recall@1", before), report("recall@1", after)
    assert compare(*runs, level=0.9).regressions
    assert not compare(*runs, level=0.99).regressions


def test_runs_without_a_case_in_common_cannot_be_compared():
    """The message says what to take instead."""
    before = report("recall@1", [1.0])
    after = replace(before, cases={"other": before.cases["0"]})
    with pytest.raises(BadCases, match=r"no case in common.* Take runs over the same cases"):
        compare(before, after)


@pytest.mark.parametrize("name", JUDGED)
def test_verdicts_of_different_judges_are_not_compared(name):
    """Of the same one they are; other metrics are in any case."""

    def found(before: str | None, after: str | None, metric: str) -> int:
        runs = report(metric, RIGHT, judge=before), report(metric, WRONG, judge=after)
        return len(compare(*runs).changes)

    assert found("judge-1", "judge-1", name) == 1
    assert found("judge-1", "judge-2", name) == found("judge-1", None, name) == 0
    assert found("judge-1", "judge-2", "recall@1") == 1


def test_the_table_shows_differences_then_flips_losses_first():
    """Means before and after, the difference with its interval, a word where it is sure."""
    before, after = [0.0, *[1.0] * 29], [1.0, *[0.0] * 29]
    lines = comparison_table(
        compare(report("recall@5", before), report("recall@5", after))
    ).splitlines()
    assert lines[0] == "30 cases in both runs"
    assert lines[3].startswith("Recall@5, passages  0.967   0.033  -0.933 ")
    assert lines[3].endswith(" 30  worse")
    assert lines[5] == "30 flips, losses first:"
    assert lines[6] == "  lost    Recall@5, passages: What is 1? (1)"
    assert lines[-1] == "  gained  Recall@5, passages: What is 0? (0)"


def test_the_table_marks_gains_and_leaves_noise_unmarked():
    """A gain of a metric of which less is better is a gain."""
    better = comparison_table(compare(report("failed", RIGHT), report("failed", WRONG)))
    assert better.splitlines()[3].startswith("Failed cases (less is better)  1.000")
    assert better.splitlines()[3].endswith("better")
    noise = comparison_table(compare(report("mrr", RIGHT), report("mrr", with_losses(1))))
    assert noise.splitlines()[-1].endswith(" 30")


def test_a_long_list_of_flips_is_cut():
    """Forty are shown of fifty, and how many are not."""
    lines = comparison_table(
        compare(report("recall@1", [1.0] * 50), report("recall@1", [0.0] * 50))
    ).splitlines()
    assert lines[-1] == "  … and 10 more"
    assert sum(line.startswith("  lost") for line in lines) == 40


@settings(deadline=None)
@given(st.sampled_from(GATED), st.lists(st.tuples(value, names), min_size=1, max_size=20))
def test_a_run_against_itself_never_regresses(metric, cases):
    """Whatever its scores are, and however many are missing."""
    run = report(metric, [v for v, _ in cases], [cluster for _, cluster in cases])
    found = compare(run, run)
    assert (found.regressions, found.flips) == ((), ())
    assert all(not c.is_significant and not c.is_worse for c in found.changes)


@settings(deadline=None)
@given(st.sampled_from(GATED), st.lists(names, min_size=1, max_size=20))
def test_losing_everything_always_regresses(metric, clusters):
    """All cases go from right to wrong, whatever documents they are drawn from."""
    n = len(clusters)
    best, worst = (
        ([1.0] * n, [0.0] * n)
        if BY_NAME[metric].better == "higher"
        else (
            [0.0] * n,
            [1.0] * n,
        )
    )
    found = compare(report(metric, best, clusters), report(metric, worst, clusters))
    assert [c.metric.name for c in found.regressions] == [metric]
    assert (
        compare(report(metric, worst, clusters), report(metric, best, clusters)).regressions == ()
    )


@settings(deadline=None)
@given(st.lists(st.tuples(value, value, names), min_size=1, max_size=20))
def test_turned_round_gains_are_losses(cases):
    """Differences change their sign, and each flip its direction."""
    assume(any(old is not None and new is not None for old, new, _ in cases))
    olds, news, clusters = (list(column) for column in zip(*cases, strict=True))
    there: Report = report("recall@1", olds, clusters)
    back: Report = report("recall@1", news, clusters)
    forth, turned = compare(there, back), compare(back, there)
    assert forth.changes[0].difference.mean == pytest.approx(-turned.changes[0].difference.mean)
    assert [f.is_worse for f in forth.flips] == [not f.is_worse for f in turned.flips]
    assert not (forth.regressions and turned.regressions)
