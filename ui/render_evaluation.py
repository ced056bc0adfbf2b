"""Evaluations as HTML: a form, the one that runs, and reports; every word is escaped.

Knows nothing of how they are run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from urllib.parse import quote

from ui.evaluating import Evaluations, Finished, Underway

# As eval.scoring names them; a report without one of them shows a dash.
_COLUMNS = (
    ("gold_in_answer_or_quote", "Right", "The right answer stands in the answer or its quotes"),
    ("citation_precision", "Citations", "Citations that point to the right place"),
    ("refusal_recall", "Refused", "Unanswerable questions that were refused"),
    ("false_refusal_rate", "Wrongly refused", "Answerable questions that were refused"),
    ("recall@5", "Recall@5", "The right passage is among the first five"),
)


def evaluation(
    seen: Evaluations,
    *,
    shown: str | None = None,
    compared: str | None = None,
    trouble: str | None = None,
    given: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Render evaluations; `shown` names the report that is open, `compared` is a comparison.

    `given` is what the form was filled in with, to be corrected.
    """
    words = trouble or seen.trouble
    problem = f'<p class="trouble" role="alert">{escape(words)}</p>' if words else ""
    body = _underway(seen.underway) if seen.underway else _form(given)
    comparison = ""
    if compared is not None:
        comparison = f"<h3>What changed</h3><pre>{escape(compared)}</pre>"
    report = "" if shown is None else _report(shown)
    return (
        '<div class="panel"><h2>Evaluation</h2><p class="lead">Ask a file of questions '
        "with known answers, and see how many are answered rightly, cited rightly, and refused "
        f"when they should be.</p>{problem}{body}{_finished(seen.finished)}{comparison}{report}"
        "</div>"
    )


def _form(given: Mapping[str, str]) -> str:
    cases, documents = escape(given.get("cases", "")), escape(given.get("documents", ""))
    only = " checked" if given.get("only_search") else ""
    return (
        '<form data-post="/page/evaluation"><input type="hidden" name="action" value="start">'
        f'<label>Case file <input name="cases" autocomplete="off" value="{cases}" '
        'placeholder="empty: the questions on the seeds"></label>'
        f'<label>Documents <input name="documents" autocomplete="off" value="{documents}" '
        'placeholder="empty: the folder of the case file"></label>'
        '<label class="short">At most <input name="limit" type="number" min="1" max="100000" '
        f'value="{escape(given.get("limit", "20"))}"> questions</label>'
        f'<label class="check"><input type="checkbox" name="only_search" value="1"{only}> '
        "Only search: seconds instead of minutes</label>"
        '<button type="submit" class="primary">Run</button></form>'
    )


def _underway(run: Underway) -> str:
    share = f'value="{run.done:g}" max="{run.total:g}"' if run.total else ""
    count = f", {run.done:g} of {run.total:g}" if run.total else ""
    return (
        '<div class="underway" data-poll="1000">'
        f'<span class="how">{escape(run.task)}{count} <progress {share}></progress></span>'
        '<form data-post="/page/evaluation"><input type="hidden" name="action" value="stop">'
        '<button type="submit">Stop</button></form></div>'
    )


def _finished(runs: Sequence[Finished]) -> str:
    if not runs:
        return '<p class="none">No report yet.</p>'
    heads = "".join(
        f'<th scope="col" class="number" title="{hint}">{label}</th>' for _, label, hint in _COLUMNS
    )
    rows = "".join(map(_row, runs))
    compare = ""
    if len(runs) > 1:
        compare = '<button type="submit">Compare the two chosen</button>'
    return (
        '<form data-post="/page/evaluation"><input type="hidden" name="action" value="compare">'
        '<div class="scroll"><table><thead><tr><th scope="col"><span class="hidden-label">Compare'
        '</span></th><th scope="col">Run</th><th scope="col">Model</th>'
        f'<th scope="col" class="number">Cases</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{compare}</form>"
    )


def _row(run: Finished) -> str:
    name = escape(run.name)
    figures = "".join(
        f'<td class="number">{_share(run.figures.get(metric))}</td>' for metric, _, _ in _COLUMNS
    )
    return (
        f'<tr><td><input type="checkbox" name="run" value="{name}" '
        f'aria-label="Compare {name}"></td><td><button type="button" '
        f'data-get="/page/evaluation?shown={quote(run.name)}">{escape(run.dataset)}</button>'
        f'<span class="file">{escape(run.started[:16].replace("T", " "))}</span></td>'
        f'<td>{escape(run.model)}</td><td class="number">{run.n}</td>{figures}</tr>'
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _report(name: str) -> str:
    address = f"/page/evaluations/{quote(name)}/report.html"
    return (
        f'<h3>Report <a href="{address}" target="_blank" rel="noopener">in a tab of its own</a>'
        f'</h3><iframe class="report" sandbox="" title="Report" src="{address}"></iframe>'
    )
