from pathlib import Path

import cv2
import numpy as np
import pytest

from cervix_tf.data.decoding import dimensions
from cervix_tf.data.photographs import square
from cervix_tf.quality.appearance import measure, shrunk
from cervix_tf.quality.near_duplicates.clusters import near_duplicates
from cervix_tf.quality.near_duplicates.signatures import SIDE, compute_signatures
from tests.planted.alterations import PROMISED, SQUEEZED, cropped, encoded


def grey(path: Path, data: bytes | None = None) -> np.ndarray:
    return measure([shrunk(square(path, 256, data=data))])[0][0]


def cut(photograph: np.ndarray, aspect: float) -> np.ndarray:
    """A middle part as wide as the shorter side, of an aspect of 1 or more."""
    height, width = photograph.shape[:2]
    side = min(height, width)
    shares = np.repeat([(1 - side / aspect / height) / 2, (1 - side / width) / 2], 2)
    return cropped(photograph, shares)


def seen(files: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Small grey pictures of photographs, and their aspects."""
    sizes = np.array([dimensions(data) for data in files])
    return np.stack([grey(Path("copy.jpg"), data) for data in files]), sizes[:, 1] / sizes[:, 0]


def clusters(greys: np.ndarray, aspects: np.ndarray | None = None) -> np.ndarray:
    return near_duplicates(compute_signatures(greys), greys, np.arange(len(greys)), aspects)


@pytest.fixture(scope="module", params=["phantoms", "annocerv"])
def pictures(request, tmp_path_factory):
    """Photographs, their small grey pictures and the patients."""
    from cervix_tf.data import phantom, read_manifest

    if request.param == "phantoms":
        folder = tmp_path_factory.mktemp("drawn")
        manifest = phantom(folder, per_class=16, seed=4, sizes=[(240, 320), (320, 240)])
    else:
        manifest = read_manifest(request.getfixturevalue("shared") / "data/annocerv").iloc[:120]
    paths = [Path(path) for path in manifest["path"]]
    return paths, np.stack([grey(path) for path in paths]), manifest["group"].to_numpy()


# The same files stand for two cases of AnnoCerv.
ONE_PATIENT = {"C23": "C1", "C26": "C16", "C28": "C21", "C87": "C55", "C98": "C100"}


@pytest.mark.slow
def test_planted_copies_are_found_and_strangers_are_not_joined(pictures):
    paths, originals, patient = pictures
    patient = np.array([ONE_PATIENT.get(name, name) for name in patient])
    one, other = np.triu_indices(len(paths), 1)
    strangers = patient[one] != patient[other]
    for k, (kind, make) in enumerate(PROMISED.items()):
        random = np.random.default_rng(k)
        rows = random.permutation(len(paths))[:15]
        copies = [grey(paths[row], make(cv2.imread(str(paths[row])), random)) for row in rows]
        assert any(np.any(copy != originals[row]) for copy, row in zip(copies, rows, strict=True))
        cluster = clusters(np.concatenate([originals, copies]))
        assert np.mean(cluster[len(paths) :] == cluster[rows]) >= 0.97, kind
        joined = cluster[one] == cluster[other]
        assert np.mean(joined[strangers]) <= 0.001, kind


def test_squeezed_copies_are_found_and_strangers_of_other_aspects_are_not_joined(pictures):
    paths, _, patient = pictures
    patient = np.array([ONE_PATIENT.get(name, name) for name in patient])
    photographs = [
        cut(cv2.imread(str(path)), (1, 4 / 3, 1.5)[k % 3]) for k, path in enumerate(paths)
    ]
    originals, aspects = seen([encoded(photograph, 95) for photograph in photographs])
    one, other = np.triu_indices(len(paths), 1)
    strangers = patient[one] != patient[other]
    for k, (kind, make) in enumerate(SQUEEZED.items()):
        random = np.random.default_rng(k)
        rows = random.permutation(len(paths))[:15]
        copies, squeezed = seen([make(photographs[row], random) for row in rows])
        greys = np.concatenate([originals, copies])
        cluster = clusters(greys, np.concatenate([aspects, squeezed]))
        assert np.mean(cluster[len(paths) :] == cluster[rows]) >= 0.97, kind
        joined = cluster[one] == cluster[other]
        assert np.mean(joined[strangers]) <= 0.001, kind


def test_order_does_not_matter(pictures):
    _, greys, _ = pictures
    greys = np.concatenate([greys[:40], np.rot90(greys[:10], axes=(1, 2)), greys[5:15, :, ::-1]])
    once = clusters(greys)
    assert len(np.unique(once)) <= 40
    order = np.random.default_rng(0).permutation(len(greys))
    again = clusters(greys[order])
    assert np.array_equal(once[order][:, None] == once[order], again[:, None] == again)


def test_pictures_that_show_nothing_are_not_joined():
    flat = np.full((5, SIDE, SIDE), 40, np.uint8)
    assert len(np.unique(clusters(flat))) == 5
    assert clusters(flat[:0]).shape == (0,)


def test_only_the_chosen_are_compared(pictures):
    _, greys, _ = pictures
    greys = np.concatenate([greys[:3], greys[:3, ::-1]])
    cluster = near_duplicates(compute_signatures(greys), greys, np.array([4, 0, 1]))
    assert cluster.tolist() == [0, 1, 0]
