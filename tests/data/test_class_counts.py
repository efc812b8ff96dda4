import pandas as pd

from cervix_tf.data import summary


def test_counts_as_table_1():
    rows = [("a", "x", "train"), ("b", "y", "train"), ("c", None, "test"), ("d", "y", "more")]
    table = summary(pd.DataFrame(rows, columns=["path", "label", "source"]))
    assert list(table.columns) == ["x", "y", "no label", "all"]
    assert table.loc["train"].tolist() == [1, 1, 0, 2]
    assert table.loc["all"].tolist() == [1, 2, 1, 4]
    assert table.loc["share", "y"] == "66.7%"


def test_classes_called_as_its_columns():
    table = pd.DataFrame({"path": list("abcd"), "label": ["all", "no label", "no label", None]})
    table["source"] = "train"
    counted = summary(table).loc["train"].to_dict()
    assert counted == {"all (class)": 1, "no label (class)": 2, "no label": 1, "all": 4}
