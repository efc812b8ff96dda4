import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.cells import read, written, written_table
from cervix_tf.data.tables import read_table
from cervix_tf.files import write_csv

RUN = [
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    "-",
    "=",
    "-x.jpg",
]


@pytest.mark.parametrize("cell", RUN)
def test_no_spreadsheet_runs_it(cell):
    assert written(cell) == f"'{cell}"
    assert written(f"'{cell}") == f"''{cell}"


@pytest.mark.parametrize(
    "cell", ["-1", "+1.5", "-2e-7", "", "a=b", "'s.jpg", "Type_1", "—", "病", "'"]
)
def test_all_else_stays_as_it_is(cell):
    assert written(cell) == cell == read(cell)


_PARTS = st.sampled_from(["'", "=", "-", "1", " ", "\t", "a", "病", "\n", '"', ","])


@settings(max_examples=60, deadline=None)
@given(st.lists(_PARTS).map("".join))
def test_any_text_comes_back(cell):
    assert read(written(cell)) == cell


@settings(max_examples=15, deadline=None)
@given(st.lists(st.one_of(st.none(), st.lists(_PARTS).map("".join)), min_size=1, max_size=6))
def test_a_table_comes_back(tmp_path_factory, cells):
    """But for what the reader takes away in every CSV: blanks around a cell."""
    path = tmp_path_factory.mktemp("tables") / "a.csv"
    table = pd.DataFrame(
        {"=name": cells, "number": [-1.5 - k for k in range(len(cells))]}, dtype=object
    )
    table["number"] = table["number"].astype(float)
    write_csv(table, path)
    back = read_table(path, ["=name"])
    kept = [cell if cell is None else (read(written(cell).strip()) or None) for cell in cells]
    assert [None if pd.isna(cell) else cell for cell in back["=name"]] == kept
    assert (back["number"] == table["number"]).all()


def test_what_is_written_is_no_formula_anywhere(tmp_path):
    table = pd.DataFrame({"image": RUN, "-Type": [-0.5] * len(RUN)}, index=RUN)
    write_csv(table, tmp_path / "a.csv", index=True)
    back = pd.read_csv(tmp_path / "a.csv", dtype={"'-Type": float})
    assert list(back.columns) == ["Unnamed: 0", "image", "'-Type"]
    assert back.iloc[:, 0].str.startswith("'").all()
    assert back["image"].str.startswith("'").all()
    assert (back["'-Type"] == -0.5).all()
    write_csv(table[:2], tmp_path / "b.csv", literal=True)
    assert (tmp_path / "b.csv").read_text().startswith("image,-Type\n=1+1,-0.5\n")


def test_a_plain_table_is_not_copied():
    table = pd.DataFrame({"image": ["1.jpg", None], "share": [0.5, -1]})
    assert written_table(table)["image"].tolist()[0] == "1.jpg"
    kinds = table.assign(image=table["image"].astype("category"))
    assert written_table(kinds)["image"].dtype == "category"
