import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cervix_tf as cx
from cervix_tf.data import read_manifest
from cervix_tf.errors import UserError
from cervix_tf.inference import group_means
from tests.planted.predicted import CLASSES, predicted


def test_means_by_hand():
    share = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    groups = ["b", "a", "b"]
    assert group_means(share, groups, "probability") == pytest.approx(
        np.array([[0.7, 0.3], [0.2, 0.8]])
    )
    odds = np.sqrt(9 * 1)
    logs = group_means(share, groups, "log probability")
    assert logs == pytest.approx(np.array([[odds / (1 + odds), 1 / (1 + odds)], [0.2, 0.8]]))
    sure = group_means(np.array([[1.0, 0.0], [0.0, 1.0]]), ["a", "a"], "log probability")
    assert sure == pytest.approx(0.5 * np.ones((1, 2))), "a probability of 0 has no logarithm"


def test_a_row_a_group_in_the_order_of_the_photographs():
    predictions = predicted()
    grouped = predictions.per_group()
    table = grouped.table()
    assert list(table.columns) == ["group", "photographs", *CLASSES]
    assert table["group"].tolist() == predictions.photographs["group"].drop_duplicates().tolist()
    assert table["photographs"].sum() == len(predictions)
    assert table[CLASSES].sum(axis=1).to_numpy() == pytest.approx(1)
    for name, part in predictions.photographs.groupby("group"):
        row = table[table["group"] == name][CLASSES].to_numpy()
        assert row == pytest.approx(
            group_means(predictions.probabilities[part.index], part["group"])
        )
    assert grouped[:3].per == "group"
    assert len(grouped.squares) == len(grouped)


def test_labels_that_differ_within_a_group():
    predictions = predicted()
    labels = predictions.photographs["label"].copy()
    several = predictions.photographs["group"].duplicated()
    labels[several.idxmax()] = "Type_2" if labels[several.idxmax()] != "Type_2" else "Type_1"
    wrong = replace(predictions, photographs=predictions.photographs.assign(label=labels))
    with pytest.raises(
        UserError, match=r"1 groups hold photographs of different labels.*: patient"
    ):
        wrong.per_group()


def test_predict_per_group(finished, phantoms):
    manifest = read_manifest(phantoms).iloc[:6].assign(group=["a", "a", "b", None, "b", "b"])
    table = cx.predict(finished, manifest, per="group")
    alone = cx.predict(finished, manifest)
    assert table["photographs"].tolist() == [2, 3, 1]
    assert table["group"].tolist()[:2] == ["a", "b"]
    assert table[CLASSES].iloc[2].to_numpy() == pytest.approx(alone[CLASSES].iloc[3].to_numpy())
    pictures = [np.full((60, 80, 3), shade, "uint8") for shade in (40, 200)]
    with pytest.warns(UserWarning, match="No two photographs share a group"):
        two = cx.predict(finished, pictures, per="group")
    assert two["group"].tolist() == ["photograph 1", "photograph 2"]
    mixed = manifest.assign(label=["Type_1", "Type_2", *manifest["label"][2:]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_frame_equal(cx.predict(finished, mixed, per="group"), table)
    with pytest.raises(UserError, match="Unknown unit 'patient'.*photograph, group"):
        cx.predict(finished, manifest, per="patient")
