"""The table of speeds is made as it says; what it shows is never asserted."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from eval.cli import evaluate
from eval.page import memory_megabytes
from eval.speed import Row, table, write_texts
from rag import ConfigError, Settings


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return parser.parse_args(words)


def test_the_table_is_markdown() -> None:
    """Every row is a line of three cells below the head."""
    lines = table([Row("adding", "60 against 70", "85 %")]).splitlines()
    assert lines == [
        "| what | measured | bar |",
        "| --- | --- | --- |",
        "| adding | 60 against 70 | 85 % |",
    ]


def test_the_texts_to_add_are_always_the_same(seeds: Path, tmp_path: Path) -> None:
    """Two runs measure the same work: many documents of the seeds' own paragraphs."""
    for name in ("one", "two"):
        write_texts(seeds, tmp_path / name)
    first = sorted((tmp_path / "one").iterdir())
    second = sorted((tmp_path / "two").iterdir())
    assert len(first) == 60
    assert [path.read_text() for path in first] == [path.read_text() for path in second]
    paragraphs = first[0].read_text().split("\n\n")
    source = "".join(path.read_text() for path in seeds.glob("*.txt"))
    assert all(paragraph in source for paragraph in paragraphs)


def test_missing_seeds_are_wrong_use(tmp_path: Path) -> None:
    """The message names the option that says where they are."""
    with pytest.raises(ConfigError, match="--documents"):
        evaluate.run(_arguments("--speed", "--documents", str(tmp_path / "none")), Settings())


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")
def test_memory_counts_this_process() -> None:
    """A Python process with pytest in it takes more than ten and less than ten thousand MB."""
    assert 10 < memory_megabytes(os.getpid()) < 10_000
