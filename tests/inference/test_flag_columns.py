import shutil

import numpy as np
import pytest

from cervix_tf.data import prepare, read_manifest
from cervix_tf.errors import UserError
from cervix_tf.inference import (
    distance_limit,
    distances,
    photograph_flags,
    predict,
    write_references,
)
from cervix_tf.runs import load
from tests.planted.ensembles import ensemble_of


def unlike(side, seed=0):
    """A blue noise that no phantom looks like, and a plain dark square."""
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), "uint8")
    noise[..., :2] //= 8
    return np.stack([noise, np.full_like(noise, 6)])


@pytest.fixture(scope="module")
def validation(finished):
    return np.array(prepare(finished.validation, finished.square_size, "memory").array)


def test_distances_by_hand(finished, validation):
    with np.load(finished.path("references.npz")) as stored:
        references, held_out = (stored[k].astype("float64") for k in ("references", "held_out"))
    assert len(references) == (finished.manifest["split"] == "train").sum()
    assert np.linalg.norm(references, axis=1) == pytest.approx(1, abs=1e-3)
    own = finished.predictions["group"].to_numpy()
    weight = np.array([1 / (own == group).sum() for group in own]) / len(set(own))
    order = np.argsort(held_out)
    usual = held_out[order][np.cumsum(weight[order]).searchsorted(0.5 - 1e-9)]
    assert distances(finished, validation) == pytest.approx(held_out / usual, abs=5e-3)
    assert distance_limit(finished) == pytest.approx(held_out.max() / usual, rel=1e-3)


def test_a_photograph_of_the_training_is_its_own_neighbour(finished):
    trained = finished.manifest[finished.manifest["split"] == "train"].iloc[:3]
    squares = np.array(prepare(trained, finished.square_size, "memory").array)
    from cervix_tf.inference import familiarity

    features = familiarity.unit_features(finished.model, squares)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(familiarity, "NEAREST", 1)
        with np.load(finished.path("references.npz")) as stored:
            nearest = familiarity._to_nearest(features, stored["references"])
    assert nearest == pytest.approx(0, abs=0.05)  # float16
    rows, kept = familiarity.kept_references(finished)
    assert rows["path"].tolist()[:3] == trained["path"].tolist()
    assert kept[:3] == pytest.approx(features, abs=2e-3)


@pytest.fixture(scope="module")
def knows_these(finished, validation, tmp_path_factory):
    """A copy of the run that has ten references of each photograph it was validated on, and no others."""
    copy = load(shutil.copytree(finished.folder, tmp_path_factory.mktemp("runs") / "copy"))
    write_references(copy, finished.model, np.repeat(validation, 10, axis=0), validation)
    return copy


def test_looks_and_unfamiliar_ones_are_flagged(knows_these, validation):
    squares = np.concatenate([validation, unlike(knows_these.square_size)])
    flags, far = photograph_flags(knows_these, squares)
    assert (far > distance_limit(knows_these)).tolist() == [False] * len(validation) + [True] * 2
    words = [(one or "").split("; ") for one in flags]
    assert ["unfamiliar" in one for one in words] == [False] * len(validation) + [True] * 2
    assert "dark" in words[-1]
    assert "dark" not in words[-2]


def test_an_ensemble_takes_the_mean_and_a_limit_over_all_its_patients(finished, tmp_path):
    ensemble = ensemble_of(finished, tmp_path / "two")
    squares = unlike(finished.square_size)
    assert distances(ensemble, squares) == pytest.approx(distances(finished, squares))
    assert distance_limit(ensemble) == pytest.approx(distance_limit(finished))


def test_columns(finished, knows_these, phantoms):
    photographs = read_manifest(phantoms / "test", labelled=False)
    plain, table = predict(finished, photographs), predict(finished, photographs, flags=True)
    assert list(table.columns) == [*plain.columns, "flags", "distance"]
    assert table[plain.columns].equals(plain)
    in_memory = predict(knows_these, [unlike(64)[0], unlike(64)[1]], flags=True)
    assert in_memory["flags"].str.contains("unfamiliar").all()


def test_command(run, mistake, finished, phantoms, tmp_path):
    out = tmp_path / "flags.csv"
    assert run("predict", finished.folder, phantoms / "test", "--flags", "--out", out)[0] == 0
    assert out.read_text().splitlines()[0].endswith(",flags,distance")
    old = load(shutil.copytree(finished.folder, tmp_path / "old"))
    old.anew("references.npz").unlink()
    said = mistake("predict", old.folder, phantoms / "test", "--flags")
    assert "references.npz does not exist: an older version trained this run" in said
    with pytest.raises(UserError, match="train again"):
        distances(old, unlike(36))
