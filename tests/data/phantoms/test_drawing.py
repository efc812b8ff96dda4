import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cervix_tf.data import phantom, read_manifest
from cervix_tf.errors import UserError

SMALL = [(96, 128), (128, 96)]
COLUMNS = [
    "image",
    "path",
    "label",
    "group",
    "source",
    "split",
    "mask",
    "tz_mask",
    "os_x",
    "os_y",
    "phantom",
]


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def grey(path):
    return cv2.imread(path, cv2.IMREAD_GRAYSCALE)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "set"
    return folder, phantom(folder, (4, 6, 5), seed=3, test=7, sizes=SMALL)


def test_layout_is_kaggles_of_2017(drawn):
    folder, manifest = drawn
    for kind, count in zip((1, 2, 3), (4, 6, 5), strict=True):
        assert len(list((folder / "train" / f"Type_{kind}").glob("*.jpg"))) == count
    names = {path.name for path in (folder / "test").iterdir()}
    assert names == {f"{number}.jpg" for number in range(7)}
    assert all(
        Path(path).is_file() for name in ("path", "mask", "tz_mask") for path in manifest[name]
    )


def test_manifest_says_what_is_in_the_folders(drawn):
    folder, manifest = drawn
    assert list(manifest.columns) == COLUMNS
    assert manifest["phantom"].all()
    assert read_manifest(folder).equals(manifest)
    train = manifest[manifest["source"] == "train"]
    assert train["label"].value_counts().to_dict() == {"Type_1": 4, "Type_2": 6, "Type_3": 5}
    assert [Path(path).parent.name for path in train["path"]] == list(train["label"])
    assert [Path(path).name for path in manifest["path"]] == list(manifest["image"])
    assert manifest.loc[manifest["source"] == "test", "label"].isna().all()
    table = pd.read_csv(folder / "phantom.csv")
    assert [str(folder / path) for path in table["path"]] == list(manifest["path"])


def test_solution_is_one_hot_in_the_proportions_asked_for(drawn):
    folder, manifest = drawn
    solution = pd.read_csv(folder / "solution.csv")
    assert list(solution.columns) == ["image_name", "Type_1", "Type_2", "Type_3"]
    assert list(solution["image_name"]) == list(manifest.loc[manifest["source"] == "test", "image"])
    one_hot = solution.drop(columns="image_name")
    assert (one_hot.sum(axis=1) == 1).all()
    assert one_hot.sum().tolist() == [2, 3, 2]


def test_a_patient_has_one_type_and_one_source_and_several_photographs(drawn):
    _, manifest = drawn
    patients = manifest.fillna({"label": "unknown"}).groupby("group")
    assert (patients[["label", "source"]].nunique() == 1).all(axis=None)
    assert 1 < patients.size().max() <= 3


def test_masks_and_os_fit_the_photograph(drawn):
    folder, manifest = drawn
    solution = pd.read_csv(folder / "solution.csv").set_index("image_name").idxmax(axis=1)
    for row in manifest.itertuples():
        mask, zone = grey(row.mask), grey(row.tz_mask)
        assert mask.shape == zone.shape == cv2.imread(row.path).shape[:2]
        assert set(np.unique(mask)) == {0, 255}
        assert mask[round(row.os_y), round(row.os_x)] == 255
        assert not (zone & ~mask).any()
        kind = row.label if row.source == "train" else solution[row.image]
        assert zone.any() == (kind != "Type_3")


def test_the_zone_surrounds_the_os_in_type_1_and_lies_along_part_of_it_in_type_2(tmp_path):
    manifest = phantom(tmp_path, (12, 12, 0), seed=5, sizes=SMALL, distance=(1.0, 1.2))
    around = {"Type_1": [], "Type_2": []}
    for row in manifest.itertuples():
        y, x = np.nonzero(grey(row.tz_mask))
        bearing = np.arctan2(y - row.os_y, x - row.os_x)
        around[row.label].append((np.histogram(bearing, 24, (-np.pi, np.pi))[0] > 0).mean())
    assert np.mean(around["Type_1"]) > 0.9
    assert np.mean(around["Type_2"]) < 0.75


@pytest.mark.slow
def test_bytes_do_not_depend_on_workers_nor_on_what_was_there(drawn, tmp_path):
    folder, manifest = drawn
    again = phantom(tmp_path / "one", (4, 6, 5), seed=3, test=7, sizes=SMALL, workers=1)
    assert files(tmp_path / "one") == files(folder)
    pd.testing.assert_frame_equal(
        again.drop(columns=["path", "mask", "tz_mask"]),
        manifest.drop(columns=["path", "mask", "tz_mask"]),
    )
    other = phantom(tmp_path / "other", (4, 6, 5), seed=4, test=7, sizes=SMALL)
    assert Path(other["path"][0]).read_bytes() != Path(manifest["path"][0]).read_bytes()


def test_a_finished_set_is_returned_untouched_and_a_broken_one_is_mended(tmp_path):
    first = phantom(tmp_path, 2, sizes=SMALL)
    whole, photograph = files(tmp_path), Path(first["path"][0])
    stamp = photograph.stat().st_mtime_ns
    pd.testing.assert_frame_equal(phantom(tmp_path, 2, sizes=SMALL), first)
    assert photograph.stat().st_mtime_ns == stamp
    photograph.unlink()
    phantom(tmp_path, 2, sizes=SMALL)
    assert files(tmp_path) == whole


@pytest.mark.slow
def test_a_killed_call_leaves_whole_photographs_and_is_completed_by_the_same_call(tmp_path):
    folder = tmp_path / "set"
    code = f"import cervix_tf as cx; cx.data.phantom({str(folder)!r}, 12, sizes={SMALL})"
    process = subprocess.Popen([sys.executable, "-c", code])
    while process.poll() is None and len(list(folder.rglob("*.jpg"))) < 4:
        time.sleep(0.005)
    process.kill()
    process.wait()
    photographs = [path for path in folder.rglob("*.jpg") if not path.name.startswith(".")]
    assert len(photographs) >= 4
    assert all(path.read_bytes()[-2:] == b"\xff\xd9" for path in photographs)
    assert not (folder / "phantom.csv").exists()
    phantom(folder, 12, sizes=SMALL)
    phantom(tmp_path / "straight", 12, sizes=SMALL)
    assert files(folder) == files(tmp_path / "straight")


@settings(max_examples=4, deadline=None)
@given(height=st.integers(64, 700), width=st.integers(64, 700), seed=st.integers(0, 2**40))
def test_any_size(tmp_path_factory, height, width, seed):
    folder = tmp_path_factory.mktemp("size")
    manifest = phantom(folder, (1, 1, 1), seed=seed, sizes=[(height, width)])
    for row in manifest.itertuples():
        assert cv2.imread(row.path).shape == (height, width, 3)
        assert grey(row.mask).shape == grey(row.tz_mask).shape == (height, width)
        assert grey(row.mask)[round(row.os_y), round(row.os_x)] == 255


@pytest.mark.slow
def test_the_largest_size(tmp_path):
    manifest = phantom(tmp_path, (1, 0, 0), sizes=[(3096, 4128)])
    assert cv2.imread(manifest["path"][0]).shape == (3096, 4128, 3)


def test_framed_off_centre_and_from_afar(tmp_path):
    near = phantom(tmp_path / "near", 6, sizes=SMALL)
    afar = phantom(tmp_path / "afar", 6, sizes=SMALL, off_centre=0.3, distance=(2, 3))

    def share(manifest):
        return np.mean([grey(path).mean() / 255 for path in manifest["mask"]])

    assert share(afar) < 0.35 * share(near)
    os_x = afar["os_x"] / [grey(path).shape[1] for path in afar["mask"]]
    assert (os_x - 0.5).abs().max() > 0.2


def statistics(path):
    """Means, deviations and percentiles of each channel of RGB, HSV and Lab."""
    picture = cv2.imread(path)
    spaces = (
        picture,
        cv2.cvtColor(picture, cv2.COLOR_BGR2HSV),
        cv2.cvtColor(picture, cv2.COLOR_BGR2LAB),
    )
    found = []
    for space in spaces:
        pixels = space.reshape(-1, 3)[::3].astype(np.float64)
        found += [
            pixels.mean(0),
            pixels.std(0),
            *np.percentile(pixels, [5, 25, 50, 75, 95], axis=0),
        ]
    return np.concatenate(found)


@pytest.mark.slow
def test_global_statistics_tell_a_linear_classifier_nothing(many_phantoms):
    manifest = many_phantoms
    labels = manifest["label"].to_numpy()
    features = np.stack([statistics(path) for path in manifest["path"]])
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    found = cross_val_predict(
        model, features, labels, groups=manifest["group"], cv=folds, method="predict_proba"
    )
    # Chance is log 3. Between seeds the loss at chance varies by about 0.02.
    assert log_loss(labels, found) > np.log(3) - 0.02
    # The truth itself, given to the same classifier, would be found: how the zone lies about the os.
    assert log_loss(labels, _from_truth(manifest, folds)) < 0.4


def _from_truth(manifest, folds):
    features = []
    for row in manifest.itertuples():
        y, x = np.nonzero(grey(row.tz_mask))
        bearing = np.arctan2(y - row.os_y, x - row.os_x)
        features.append([(np.histogram(bearing, 24, (-np.pi, np.pi))[0] > 0).mean()])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=10))
    return cross_val_predict(
        model,
        np.array(features),
        manifest["label"].to_numpy(),
        groups=manifest["group"],
        cv=folds,
        method="predict_proba",
    )


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"per_class": -1}, "per_class"),
        ({"per_class": 0}, "per_class"),
        ({"per_class": (1, 2)}, "per_class"),
        ({"per_class": {"Type_1": 3}}, "per_class"),
        ({"per_class": 1.5}, "per_class"),
        ({"seed": -1}, "seed"),
        ({"test": -1}, "test"),
        ({"sizes": [(10, 480)]}, "sizes"),
        ({"sizes": [(4000, 4000)]}, "sizes"),
        ({"sizes": []}, "sizes"),
        ({"per_patient": 0}, "per_patient"),
        ({"off_centre": 0.7}, "off_centre"),
        ({"distance": (2, 1)}, "distance"),
        ({"distance": 1}, "distance"),
        ({"quality": 101}, "quality"),
        ({"workers": 0}, "workers"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_made(tmp_path, wrong, word):
    with pytest.raises(UserError, match=word) as raised:
        phantom(tmp_path / "set", **{"per_class": 1} | wrong)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "set").exists()


def test_a_folder_with_something_else_in_it_is_refused(drawn, tmp_path):
    folder, _ = drawn
    before = files(folder)
    with pytest.raises(UserError, match="other settings"):
        phantom(folder, (4, 6, 5), seed=99, test=7, sizes=SMALL)
    assert files(folder) == before
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        phantom(tmp_path, 1)
    with pytest.raises(UserError, match="is a file"):
        phantom(tmp_path / "note.txt", 1)
    assert os.listdir(tmp_path) == ["note.txt"]


def test_progress_counts_every_photograph(tmp_path):
    seen = []
    phantom(tmp_path, 2, test=1, sizes=SMALL, progress=lambda done, all_: seen.append((done, all_)))
    assert seen == [(number, 7) for number in range(1, 8)]
