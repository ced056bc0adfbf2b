"""What others wrote is read, or refused with the file, the row and the fix."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pydantic import BaseModel

from eval.adapters.reading import Tabs, name_of, parse, read_rows, read_text
from eval.cases import BadCases


class Inner(BaseModel):
    number: int


class Outer(BaseModel):
    items: list[Inner]


def rows(path: Path, data: bytes, *columns: str, dialect: type[csv.Dialect] = csv.excel) -> list:
    """Return what read_rows yields for a file of these bytes."""
    path.write_bytes(data)
    return [
        (number, [row[name] for name in columns])
        for number, row in read_rows(path, columns, dialect=dialect)
    ]


def test_rows_come_with_their_numbers(tmp_path: Path) -> None:
    """Row 2 is the first below the header, however many lines the quoted cells have."""
    data = '\ufeffb,a\r\n"x\ny","say ""z"""\r\n3,4,surplus\r\n'.encode()
    assert rows(tmp_path / "t.csv", data, "a", "b") == [(2, ['say "z"', "x\ny"]), (3, ["4", "3"])]


def test_tables_with_tabs_have_plain_quotes(tmp_path: Path) -> None:
    """A quote there is part of the cell and opens nothing."""
    data = b'a\tb\n"x\t1\ny"\t2\n'
    found = rows(tmp_path / "t.tsv", data, "a", "b", dialect=Tabs)
    assert found == [(2, ['"x', "1"]), (3, ['y"', "2"])]


def test_long_cells_are_read(tmp_path: Path) -> None:
    """Past the 131,072 characters that the csv module stops at by itself."""
    found = rows(tmp_path / "t.csv", b"a\n" + b"x" * 200_000, "a")
    assert len(found[0][1][0]) == 200_000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "row 1: there is no column a, b"),
        (b"a;b\n1;2\n", "row 1: there is no column a, b"),
        (b"a\n1\n", "row 1: there is no column b"),
        (b"a,b\n1,2\n3\n", "row 3: cells are missing"),
        (b'a,b\n1,2\n3,"4\n', "after row 2: unexpected end of data"),
        (b"a,b\n1,\xff\n", "not UTF-8"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    """With the file and the row."""
    with pytest.raises(BadCases, match=rf"t\.csv.*{message}"):
        rows(tmp_path / "t.csv", data, "a", "b")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, other bytes."""
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    for path, why in (("absent", "No such file"), (".", "directory"), ("latin", "not UTF-8")):
        with pytest.raises(BadCases, match=f"{why}.*Name a UTF-8 file"):
            read_text(tmp_path / path)
    with pytest.raises(BadCases, match="No such file"):
        list(read_rows(tmp_path / "absent", ["a"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"items": [{"number": 1}, {}]}', r"^here: items\[1\]\.number: Field required\. Do so\.$"),
        ('{"items": [', r"^here: Invalid JSON: .* Do so\.$"),
        ("[]", r"^here: Input should be an object\. Do so\.$"),
    ],
)
def test_wrong_records_are_refused(text: str, message: str) -> None:
    """With the place, the field and the right form."""
    with pytest.raises(BadCases, match=message):
        parse(Outer, text, "here", form="Do so.")


def test_records_come_from_json_and_from_cells() -> None:
    """A cell is text, and read as what the field is."""
    assert parse(Inner, '{"number": 1}', "") == Inner(number=1)
    assert parse(Inner, {"number": "1", "other": "x"}, "") == Inner(number=1)


def test_a_data_set_is_called_like_its_file_or_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without its ending; a folder with what looks like one, and where we stand too."""
    (tmp_path / "v1.0").mkdir()
    (tmp_path / "v1.0" / "dev.json").touch()
    assert name_of(tmp_path / "v1.0" / "dev.json") == "dev"
    assert name_of(tmp_path / "v1.0") == "v1.0"
    monkeypatch.chdir(tmp_path / "v1.0")
    assert name_of(Path()) == "v1.0"
