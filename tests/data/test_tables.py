import csv
import io

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data.tables import encoding_of, read_lines, read_table
from cervix_tf.errors import UserError
from cervix_tf.files import write_csv

# Text that other readers take for a missing value, a number, a date, another column.
CELLS = [
    "None",
    "NA",
    "null",
    "nan",
    "007",
    "1e5",
    "True",
    "a,b;c",
    "two\nlines",
    "c\rd",
    'say "a"',
]
CODES = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
cell = st.sampled_from(CELLS) | st.text("aäß漢,;\"'#", max_size=4)
blank = st.sampled_from(["", " ", "  ", "\u00a0"])


@settings(max_examples=40)
@given(
    rows=st.lists(st.tuples(cell, cell), min_size=1, max_size=4),
    around=blank,
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(CODES),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_text_is_text_whoever_wrote_it(tmp_path_factory, rows, around, delimiter, encoding, end):
    file = io.StringIO()
    writer = csv.writer(
        file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL
    )  # fmt: skip
    writer.writerow([f"{around}path{around}", f"label{around}", "none, too"])
    writer.writerows([around + one + around, two + around, "x"] for one, two in rows)
    path = tmp_path_factory.mktemp("csv") / "data.csv.gz"  # the ending says nothing
    path.write_bytes(file.getvalue().encode(encoding))
    table = read_table(path)
    assert list(table) == ["path", "label", "none, too"]
    kept = table.astype("object").where(table.notna(), None)
    assert kept[["path", "label"]].to_numpy().tolist() == [
        [one.strip() or None, two.strip() or None] for one, two in rows
    ]


def table_of(tmp_path, content, text=None):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, text)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("path,a;b,c;d;e\n1,2,3\n", ["path", "a;b", "c;d;e"]),
        ('path;"a,b";c\n1;2;3\n', ["path", "a,b", "c"]),
        ('"pa,th"\tlabel\n1\t2\n', ["pa,th", "label"]),
        ("\n\npath,label\n1,2\n", ["path", "label"]),
        ("path,label,,\n1,2,,\n", ["path", "label"]),
        (",path\n0,1\n", ["Unnamed: 0", "path"]),
    ],
)
def test_the_header_tells_the_delimiter_and_the_columns(tmp_path, content, columns):
    assert list(table_of(tmp_path, content)) == columns


def test_numbers_are_numbers_where_they_are_no_text(tmp_path):
    table = table_of(tmp_path, "path,n,x\n7, 3 ,0.1\n008,,1e5\n", ["path"])
    assert table["path"].tolist() == ["7", "008"]
    assert table["n"].fillna(-1).tolist() == [3, -1]
    assert table["x"].tolist() == [0.1, 1e5]


def test_lines_without_a_value_at_the_end_are_no_rows(tmp_path):
    table = table_of(tmp_path, "path;label;;\na;x;;\n;;;\nb;;;\n;;;\n ; ;;\n")
    assert table.fillna("").to_numpy().tolist() == [["a", "x"], ["", ""], ["b", ""]]
    assert len(table_of(tmp_path, "path;label\n;\n")) == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n \n", "it is empty"),
        ("path,label\nä,x\n".encode("latin-1"), "neither UTF-8 nor UTF-16; save it as CSV UTF-8"),
        (b"\xff\xfep", "neither UTF-8 nor UTF-16"),
        (b"PK\x03\x04 a zip, or a workbook", "an archive or a workbook: unpack it"),
        (b"\x1f\x8b broken", "an archive or a workbook: unpack it"),
        (b"\0" * 99, "no text"),
        ("path,label\n1,2,3\n", "row 2: there are more cells than names"),
        ("path,label\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("path,label, label\n1,2,3\n", "several columns of one name: label"),
        ('path,label\n1,"2\n', "inside string"),
        (",".join(map(str, range(10_001))), "has 10,001 columns, and no table more than 10,000"),
    ],
)
def test_what_is_no_table_is_said_in_a_line(tmp_path, content, reason):
    with pytest.raises(UserError, match=reason) as caught:
        table_of(tmp_path, content)
    assert "a.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_opened_is_said_in_a_line(tmp_path):
    with pytest.raises(UserError, match="Is a directory"):
        read_table(tmp_path)
    for name in ("none.csv", f"{'x' * 300}.csv"):
        with pytest.raises(UserError, match="cannot be read"):
            encoding_of(tmp_path / name)


@settings(max_examples=20)
@given(st.lists(cell, min_size=1, max_size=4))
def test_what_is_written_reads_back(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    write_csv(pd.DataFrame({"path": "a", "label": values}), path)
    assert read_table(path)["label"].fillna("").tolist() == [value.strip() for value in values]


@pytest.mark.parametrize("encoding", CODES)
def test_lines_of_every_encoding(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("train/1.jpg 0\r\nü.jpg 0\n".encode(encoding))
    assert read_lines(tmp_path / "a.txt") == ["train/1.jpg 0", "ü.jpg 0"]
