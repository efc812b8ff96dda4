import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cervix_tf.errors import UserError
from cervix_tf.inference import write_submission

TYPES = ["Type_1", "Type_2", "Type_3"]


def table(names, values=None):
    values = np.full((len(names), 3), 1 / 3) if values is None else values
    frame = pd.DataFrame(values, columns=TYPES)
    frame.insert(0, "image", names)
    return frame


@given(hnp.arrays("float64", (4, 3), elements=st.floats(0, 1)).filter(lambda a: a.sum(1).all()))
def test_rows_sum_to_one_and_keep_their_values(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("s") / "s.csv"
    write_submission(table(["10.jpg", "2.jpg", "0.jpg", "1.jpg"], values), path)
    text = path.read_text()
    assert text.startswith("image_name,Type_1,Type_2,Type_3\n")
    written = pd.read_csv(path)
    assert written["image_name"].tolist() == ["0.jpg", "1.jpg", "2.jpg", "10.jpg"]
    rows = written[TYPES].to_numpy()
    assert np.abs(rows.sum(1) - 1).max() < 1e-6
    assert (rows > 0).all()
    expected = (values / values.sum(1, keepdims=True))[[2, 3, 1, 0]]
    assert np.abs(rows - expected).max() < 1e-12


def test_floor(tmp_path):
    write_submission(table(["0.jpg"], [[1.0, 0, 0]]), tmp_path / "s.csv", floor=0.02)
    assert pd.read_csv(tmp_path / "s.csv")["Type_2"][0] == pytest.approx(0.02 / 1.04)
    with pytest.raises(UserError, match="floor=0.5"):
        write_submission(table(["0.jpg"]), tmp_path / "s.csv", floor=0.5)


def test_sample_gives_names_and_order(tmp_path):
    sample = tmp_path / "sample.csv"
    table(["2.jpg", "0.jpg"]).rename(columns={"image": "image_name"}).to_csv(sample, index=False)
    write_submission(table(["0.jpg", "2.jpg"]), tmp_path / "s.csv", sample=sample)
    assert pd.read_csv(tmp_path / "s.csv")["image_name"].tolist() == ["2.jpg", "0.jpg"]
    with pytest.raises(UserError, match=r"1 missing: 2.jpg; 1 too many: 3.jpg"):
        write_submission(table(["0.jpg", "3.jpg"]), tmp_path / "t.csv", sample=sample)
    assert not (tmp_path / "t.csv").exists()
    with pytest.raises(UserError, match="does not exist"):
        write_submission(table(["0.jpg"]), tmp_path / "t.csv", sample=tmp_path / "none.csv")


def test_broken_predictions(tmp_path):
    with pytest.raises(UserError, match="there twice: 0.jpg"):
        write_submission(table(["0.jpg", "0.jpg"]), tmp_path / "s.csv")
    with pytest.raises(UserError, match="No valid probabilities for: 1.jpg"):
        write_submission(table(["0.jpg", "1.jpg"], [[1, 0, 0], [np.nan, 0, 1]]), tmp_path / "s.csv")
    with pytest.raises(UserError, match="no photograph"):
        write_submission(table([]), tmp_path / "s.csv")
