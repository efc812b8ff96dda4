import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cervix_tf.errors import UserError
from cervix_tf.inference import engines, submission, write_submission
from tests.planted.engines import colours, plant

TYPES = ["Type_1", "Type_2", "Type_3"]


def table(names, values=None):
    values = np.full((len(names), 3), 1 / 3) if values is None else values
    frame = pd.DataFrame(values, columns=TYPES)
    frame.insert(0, "image", names)
    return frame


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"floor": "0"}, "floor='0': give a probability"),
        ({"sample": pd.DataFrame()}, "sample is of type DataFrame: give a path"),
        ({"path": None}, "path is of type NoneType: give a path"),
        ({"path": ""}, "path is empty: give a path"),
    ],
)
def test_what_is_no_number_or_path_is_called_so(tmp_path, given, message):
    with pytest.raises(UserError, match=message):
        write_submission(table(["0.jpg"]), **{"path": tmp_path / "s.csv"} | given)


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


def refuse(*_, **__):
    raise AssertionError("predicted before the sample was checked")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"image_name,Type_1,Type_2,Type_3\n", "names no photograph"),
        (
            b"image_name,Type_1,Type_2,Type_3\n0.jpg,1,0,0\n1.jpg,1,0,0\n0.jpg,1,0,0\n",
            "twice: 0.jpg",
        ),
        (
            b"image_name,Type_1,Type_2,Type_3\n0.jpg,1,0,0\n,1,0,0\n",
            "row 3: the column 'image_name'",
        ),
        (
            b"image_name,Type_1,Type_2\n0.jpg,1,0\n",
            "first line must be the header image_name,Type_1,Type_2,Type_3, with the classes",
        ),
        (b"0.jpg,0.3,0.3,0.4\n1.jpg,1,0,0\n", "first line must be the header image_name,Type_1"),
        ("image_name;Type_1;Type_2;Type_3\n0.jpg;1;0;0\n".encode("utf-16"), "1 too many: 1.jpg"),
        (b"\x1f\x8b", "archive"),
        ("image_name,ä".encode("latin-1"), "neither UTF-8 nor UTF-16"),
    ],
)
def test_a_sample_is_checked_before_anything_is_predicted(
    tmp_path, photograph, monkeypatch, mistake, content, message
):
    for k in range(2):
        photograph(tmp_path / f"in/{k}.jpg", k)
    sample = tmp_path / "sample.csv"
    sample.write_bytes(content)
    for module in (engines, submission):
        monkeypatch.setattr(module, "engines", lambda *_, **__: [colours(sample)])
    monkeypatch.setattr(submission, "predict", refuse)
    monkeypatch.setattr("cervix_tf.inference.prediction_table.predict", refuse)
    monkeypatch.setattr("cervix_tf.commands.inference.import_tensorflow", refuse)
    with pytest.raises(UserError, match=message):
        submission.submit("run", tmp_path / "in", tmp_path / "s.csv", sample=sample)
    said = mistake("submit", "run", "--test", tmp_path / "in", "--sample", sample)
    assert message in said
    assert not (tmp_path / "s.csv").exists()


def test_a_sample_of_any_spreadsheet_and_names_that_repeat(
    tmp_path, photograph, monkeypatch, mistake
):
    for k, name in enumerate(("A/1.jpg", "B/1.jpg", "B/2.jpg")):
        photograph(tmp_path / name, k)
    sample = tmp_path / "sample.csv"
    sample.write_text("\ufeff image_name ;Type_1;Type_2;Type_3\n 2.jpg ;0;0;0\n1.jpg;0;0;0\n")
    monkeypatch.setattr(engines, "engines", lambda *_, **__: [colours(sample)])
    monkeypatch.setattr(submission, "engines", lambda *_, **__: [colours(sample)])
    plant(monkeypatch, colours(sample))
    submission.submit("run", tmp_path / "B", tmp_path / "s.csv", sample=sample)
    assert pd.read_csv(tmp_path / "s.csv")["image_name"].tolist() == ["2.jpg", "1.jpg"]
    monkeypatch.setattr(submission, "predict", refuse)
    for folder in ("A", "B"):
        (tmp_path / f"test/{folder}").parent.mkdir(exist_ok=True)
        (tmp_path / folder).rename(tmp_path / f"test/{folder}")
    assert "there twice: 1.jpg" in mistake("submit", "run", "--test", tmp_path / "test")
