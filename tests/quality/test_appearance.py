from pathlib import Path

import cv2
import numpy as np
import pytest

from cervix_tf.data.photographs import square
from cervix_tf.quality import appearance
from cervix_tf.quality.appearance import FAR, MEASURES, appearance_flags, distances, measure, shrunk
from tests.planted.pictures import ALTERED, STRANGE, page


def squares_of(manifest) -> list[np.ndarray]:
    return [square(Path(path), 256) for path in manifest["path"]]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    from cervix_tf.data import phantom

    folder = tmp_path_factory.mktemp("drawn")
    return squares_of(phantom(folder, per_class=10, seed=2, sizes=[(360, 480), (480, 360)]))


@pytest.fixture(scope="module")
def real(shared):
    from cervix_tf.data import read_manifest

    return squares_of(read_manifest(shared / "data/annocerv"))


def measured(squares):
    return measure([shrunk(each) for each in squares])


def shares(pictures) -> dict[str, float]:
    return {k: v.mean() for k, v in appearance_flags(measured(pictures)[1]).items()}


@pytest.mark.parametrize("name", ["drawn", "real"])
def test_unaltered_photographs_are_not_flagged_and_altered_ones_are(request, name):
    pictures = request.getfixturevalue(name)
    assert all(share <= 0.01 for share in shares(pictures).values())
    for flag, alter in ALTERED.items():
        found = shares([alter(p) for p in pictures[::5]])
        assert found.pop(flag) >= 0.9
        # Green and brown light is less light: such a photograph may be dark as well.
        found.pop("dark", None)
        assert all(share <= 0.1 for share in found.values()), (flag, found)


def test_pages_are_text_and_nothing_else_is():
    found = appearance_flags(measured(STRANGE)[1])
    assert found["text"].tolist()[:3] == [True, True, False], "a face before a white wall may be"
    assert not found["over-exposed"].any()


@pytest.mark.parametrize("name", ["drawn", "real"])
def test_strange_pictures_are_far_from_all_others(request, name):
    pictures = request.getfixturevalue(name)
    features = measured([*pictures, *STRANGE])[2]
    far = distances(features)
    assert (far[-len(STRANGE) :] > FAR).all()
    assert np.mean(far[: -len(STRANGE)] > FAR) <= 0.01
    order = np.random.default_rng(0).permutation(len(features))
    assert np.allclose(distances(features[order]), far[order])


def test_few_photographs_have_no_distances():
    assert np.isnan(distances(np.zeros((19, 14), np.float32))).all()
    assert np.isfinite(distances(np.zeros((20, 14), np.float32))).all()


def test_what_could_not_be_measured_is_not_flagged():
    found = appearance_flags(np.full((2, len(MEASURES)), np.nan, np.float32))
    assert not any(flags.any() for flags in found.values())


def test_photographs_are_measured_alike_alone_and_together(drawn):
    pictures = [*drawn[:3], page(3)]
    for one, every in zip(pictures, zip(*measured(pictures), strict=True), strict=True):
        assert all(
            np.allclose(mine[0], its, atol=1e-6)
            for mine, its in zip(measured([one]), every, strict=True)
        )


def test_sharpness_is_that_of_the_direction_that_is_blurred_more():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (256, 256), np.uint8)
    pictures = [cv2.blur(noise, kernel) for kernel in ((1, 1), (9, 1), (1, 9), (9, 9))]
    flat = np.full((256, 256), 7, np.uint8)
    squares = [np.dstack([each] * 3) for each in (*pictures, flat)]
    sharp, along, across, both, none = measured(squares)[1][:, MEASURES.index("sharpness")]
    assert sharp > 0.8
    assert max(along, across, both) < sharp - 0.1
    assert along == pytest.approx(across, abs=0.05)
    assert none == 0


def test_a_strange_photograph_among_very_many_is_far(monkeypatch):
    features = np.random.default_rng(2).normal(size=(600, appearance.FEATURES)).astype(np.float32)
    features[77] += 30
    monkeypatch.setattr(appearance, "MANY", 500)
    monkeypatch.setattr(appearance, "SAMPLE", 100)
    far = appearance.distances(features)
    assert np.flatnonzero(far > appearance.FAR).tolist() == [77]
    assert np.median(far) == pytest.approx(1)
