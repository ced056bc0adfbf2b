"""The command `footnote eval`: its arguments, and which work they ask for.

Knows nothing of how anything is measured.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from rag import ConfigError, Progress, Settings, UsageError

SEEDS = Path(__file__).parent / "data" / "seeds.jsonl"
# As eval.adapters and eval.cases have them, which take long to load for a help text.
FORMATS = ("jsonl", "squad", "beir", "chunking", "financebench")
SPLITS = ("dev", "test")

_DESCRIPTION = """\
Measure how well documents are searched, cited and answered from.

  footnote eval                      the seeds' own questions
  footnote eval CASES --documents D  your questions (JSONL) on your documents
  footnote eval DATA --format F      published data: SQuAD, BEIR, FinanceBench, ...
  footnote eval compare A B          what changed between two runs
  footnote eval report A             an earlier run, scored again
  footnote eval calibrate A ...      fit the confidence to runs on your own questions
  footnote eval export-feedback F    your ratings in the chat page, as cases
  footnote eval --full [DATA]        the tables of docs/quality.md: 75 minutes
  footnote eval --attacks            what is planted in documents to mislead: 90 minutes
  footnote eval --speed              how fast everything is on this machine
"""


@dataclass(frozen=True)
class Evaluate:
    """The entry point of the command, as the command line expects it."""

    help: str = "measure answers, citations, refusals and speed"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""
        parser.description = _DESCRIPTION
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.add_argument(
            "what", metavar="CASES", nargs="*", help="see above (default: the seeds)"
        )
        _add_data(parser)
        _add_results(parser)
        parser.add_argument(
            "--published",
            action="store_true",
            help="measure rows of the chunking report anew on its data: a check of the metrics",
        )
        parser.add_argument(
            "--full",
            action="store_true",
            help="measure everything, beside quoting alone and LlamaIndex's CitationQueryEngine; "
            "CASES is a folder with xquad-en-dev.json and chunking/, as far as you have them",
        )
        parser.add_argument(
            "--attacks",
            action="store_true",
            help="measure what planted instructions and poisoned passages do, beside a plain "
            "prompt of the same model; with --limit N, N attacks of each family",
        )
        speed = parser.add_argument_group("speed")
        speed.add_argument("--speed", action="store_true", help="print the table of speeds")
        speed.add_argument(
            "--fresh", action="store_true", help="measure `make chat` in a fresh clone, too"
        )

    def run(self, arguments: argparse.Namespace, settings: Settings) -> int:
        """Measure and print; return 0, or 1 if cases failed or a baseline was missed."""
        if arguments.speed:
            return _speed(arguments, settings)
        if arguments.full:
            return _full(arguments, settings)
        if arguments.attacks:
            return _attacks(arguments, settings)
        about_runs = _ABOUT_RUNS.get(next(iter(arguments.what), ""))
        if about_runs:
            return about_runs(arguments, settings)
        if len(arguments.what) > 1:
            raise UsageError("Name one file or folder of cases, or: footnote eval compare A B.")
        if arguments.published:
            return _published(arguments, settings)
        return _evaluate(arguments, settings)


def _add_data(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument("--format", choices=FORMATS, help="of CASES (default: seen from it)")
    data.add_argument(
        "--documents",
        metavar="PATH",
        type=Path,
        nargs="+",
        help="files and folders that the cases are about (default: the folder of CASES)",
    )
    data.add_argument("--split", choices=SPLITS, help="ask one half, fixed by the cases' ids")
    data.add_argument("--limit", metavar="N", type=_positive, help="ask N cases, drawn at random")
    data.add_argument("--seed", metavar="S", type=int, default=0, help="of all drawing (0)")
    data.add_argument(
        "--withhold",
        metavar="SHARE",
        type=float,
        default=0.0,
        help="hide the evidence of this share of the questions, to make them unanswerable",
    )
    data.add_argument(
        "--retrieval-only", action="store_true", help="search, but do not answer: seconds"
    )


def _add_results(parser: argparse.ArgumentParser) -> None:
    results = parser.add_argument_group("results")
    results.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder for the results; a run that was stopped there is gone on with "
        "(default: a new one in .footnote/eval); of calibrate: the file to write "
        "(default: that of the home)",
    )
    results.add_argument(
        "--fail-below",
        metavar="FILE",
        type=Path,
        help="exit with 1 on a significant regression against this report.json",
    )
    results.add_argument(
        "--judge",
        metavar="MODEL",
        help="let a language model judge the answers, too (any value of FOOTNOTE_LLM; not the "
        "model that answers)",
    )
    results.add_argument("--judge-url", metavar="URL", help="the server of the judge")
    results.add_argument("--open", action="store_true", help="show the report in a browser")


def _evaluate(arguments: argparse.Namespace, settings: Settings) -> int:
    # Heavy: scores and data formats, which a help text has no use for.
    from eval.commands import Request, evaluate
    from eval.runner import Options

    path = Path(arguments.what[0]) if arguments.what else SEEDS
    documents = tuple(arguments.documents or ())
    if not arguments.what and not documents:
        documents = (_seeds(),)
    options = Options(
        split=arguments.split,
        retrieval_only=arguments.retrieval_only,
        limit=arguments.limit,
        seed=arguments.seed,
    )
    request = Request(
        path=path,
        form=arguments.format,
        documents=documents,
        withhold=arguments.withhold,
        options=options,
        out=arguments.out,
        fail_below=arguments.fail_below,
        open_report=arguments.open,
        judge=arguments.judge,
        judge_url=arguments.judge_url,
    )
    return evaluate(request, settings)


def _compare(arguments: argparse.Namespace, _: Settings) -> int:
    if len(arguments.what) != 3:
        raise UsageError("Name two runs: footnote eval compare BEFORE AFTER.")
    # Heavy, as above.
    from eval.commands import show_comparison

    return show_comparison(Path(arguments.what[1]), Path(arguments.what[2]))


def _report(arguments: argparse.Namespace, _: Settings) -> int:
    if len(arguments.what) != 2:
        raise UsageError("Name one run: footnote eval report RUN.")
    # Heavy, as above.
    from eval.commands import report_again

    return report_again(Path(arguments.what[1]))


def _calibrate(arguments: argparse.Namespace, settings: Settings) -> int:
    if len(arguments.what) < 2:
        raise UsageError("Name one run or more: footnote eval calibrate RUN.")
    # Heavy, as above.
    from eval.commands import calibrate_from

    return calibrate_from([Path(run) for run in arguments.what[1:]], settings, arguments.out)


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    if len(arguments.what) != 2:
        raise UsageError("Name the file to write: footnote eval export-feedback cases.jsonl.")
    # Heavy, as above.
    from eval.feedback import UNFINISHED, export_feedback

    path = Path(arguments.what[1])
    exported = export_feedback(settings, path)
    print(f"{len(exported.cases)} cases written to {path}.")
    if exported.unfinished:
        beside = path.with_name(path.stem + UNFINISHED)
        print(
            f"{len(exported.unfinished)} more have to be completed, for only you know what would "
            f'be right: fill in "answers" or "evidence" in {beside}, and take "answered" out.'
        )
    return 0


_ABOUT_RUNS = {
    "compare": _compare,
    "report": _report,
    "calibrate": _calibrate,
    "export-feedback": _export,
}


def _published(arguments: argparse.Namespace, settings: Settings) -> int:
    if not arguments.what:
        raise UsageError("Name the folder with questions_df.csv and the corpora of the report.")
    # Heavy, as above.
    from eval.commands import Bars
    from eval.published import reproduce, reproduction_table

    with Bars() as bars:
        rows = reproduce(Path(arguments.what[0]), settings, bars)
    print(reproduction_table(rows))
    return 0


def _full(arguments: argparse.Namespace, settings: Settings) -> int:
    # Heavy, as above.
    from eval.commands import RESULTS
    from eval.quality import measure_all, tasks

    data = Path(arguments.what[0]) if arguments.what else None
    documents = arguments.documents[0] if arguments.documents else _seeds()
    print(measure_all(tasks(data, documents, SEEDS), settings, arguments.out or RESULTS / "full"))
    return 0


def _attacks(arguments: argparse.Namespace, settings: Settings) -> int:
    # Heavy, as above.
    from eval.attack_run import measure_attacks

    print(measure_attacks(settings, arguments.out, arguments.limit, arguments.seed))
    return 0


def _speed(arguments: argparse.Namespace, settings: Settings) -> int:
    # Measuring loads everything there is to load.
    from eval.speed import measure, measure_newcomer, table

    folder = arguments.documents[0] if arguments.documents else _seeds()
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder}. Name the seeds with --documents.")
    rows = measure(folder, settings.models_folder, _tell)
    if arguments.fresh:
        rows.extend(measure_newcomer(Path.cwd()))
    print(table(rows))
    return 0


def _seeds() -> Path:
    """Return the seed documents, which lie in the repository and are not installed."""
    for folder in (Path("seeds"), Path(__file__).parent.parent / "seeds"):
        if folder.is_dir():
            return folder
    raise ConfigError(
        "There is no folder seeds here. Run this in the repository, or name documents with "
        "--documents."
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)


def _tell(progress: Progress) -> None:
    print(f"{progress.task} ({progress.done:g} of {progress.total:g})", file=sys.stderr)


evaluate = Evaluate()
