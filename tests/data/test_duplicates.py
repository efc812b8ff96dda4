import importlib.util
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data.duplicates import close_pairs, near_duplicates
from cervix_tf.data.hashing import SIDE
from cervix_tf.data.looks import measure
from cervix_tf.data.photographs import square


def alterations():
    path = Path(__file__).parents[2] / "benchmarks/alterations.py"
    spec = importlib.util.spec_from_file_location("alterations", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROMISED = alterations().PROMISED


def grey(path: Path, data: bytes | None = None) -> np.ndarray:
    return measure(square(path, 256, data))[0]


@pytest.fixture(scope="module", params=["phantoms", "annocerv"])
def pictures(request, tmp_path_factory):
    """Photographs, their small grey pictures and the patients."""
    from cervix_tf.data import phantom, read_manifest

    if request.param == "phantoms":
        folder = tmp_path_factory.mktemp("drawn")
        manifest = phantom(folder, per_class=25, seed=4, sizes=[(300, 400), (400, 300)])
    else:
        manifest = read_manifest(request.getfixturevalue("shared") / "data/annocerv").iloc[:120]
    paths = [Path(path) for path in manifest["path"]]
    return paths, np.stack([grey(path) for path in paths]), manifest["group"].to_numpy()


# The same files stand for two cases of AnnoCerv.
ONE_PATIENT = {"C23": "C1", "C26": "C16", "C28": "C21", "C87": "C55", "C98": "C100"}


def test_planted_copies_are_found_and_strangers_are_not_joined(pictures):
    paths, originals, patient = pictures
    patient = np.array([ONE_PATIENT.get(name, name) for name in patient])
    one, other = np.triu_indices(len(paths), 1)
    strangers = patient[one] != patient[other]
    for k, (kind, make) in enumerate(PROMISED.items()):
        random = np.random.default_rng(k)
        rows = random.permutation(len(paths))[:25]
        copies = [grey(paths[row], make(cv2.imread(str(paths[row])), random)) for row in rows]
        cluster = near_duplicates(np.concatenate([originals, copies]))
        assert np.mean(cluster[len(paths) :] == cluster[rows]) >= 0.97, kind
        joined = cluster[one] == cluster[other]
        assert np.mean(joined[strangers]) <= 0.001, kind


def test_order_does_not_matter(pictures):
    _, greys, _ = pictures
    greys = np.concatenate([greys[:40], np.rot90(greys[:10], axes=(1, 2)), greys[5:15, :, ::-1]])
    once = near_duplicates(greys)
    assert len(np.unique(once)) <= 40
    order = np.random.default_rng(0).permutation(len(greys))
    again = near_duplicates(greys[order])
    assert np.array_equal(once[order][:, None] == once[order], again[:, None] == again)


def test_pictures_that_show_nothing_are_not_joined():
    flat = np.full((5, SIDE, SIDE), 40, np.uint8)
    assert len(np.unique(near_duplicates(flat))) == 5
    assert near_duplicates(flat[:0]).shape == (0,)


def slow_pairs(windows, turns, distance):
    near = {
        (min(a, b), max(a, b))
        for a in range(len(windows))
        for b in range(len(windows))
        if a != b
        and min((int(w) ^ int(t)).bit_count() for w in windows[a] for t in turns[b]) <= distance
    }
    return sorted(near)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 40), st.integers(0, 30), st.integers(0, 10**6))
def test_close_pairs_are_all_that_are_close(count, distance, seed):
    random = np.random.default_rng(seed)
    # Few bits set: many pairs are near each other.
    windows, turns = (
        random.integers(0, 2**63, (count, k), np.uint64)
        & random.integers(0, 2**63, (count, k), np.uint64)
        for k in (3, 2)
    )
    found = close_pairs(windows, turns, distance, most=10**6)
    assert [tuple(pair) for pair in found.tolist()] == slow_pairs(windows, turns, distance)


def test_with_too_many_pairs_the_nearest_are_kept():
    random = np.random.default_rng(1)
    hashes = random.integers(0, 2**63, (60, 1), np.uint64)
    hashes = np.concatenate([hashes, hashes ^ np.uint64(0b111)])
    whole, few = (close_pairs(hashes, hashes, 32, most) for most in (10**6, 80))
    assert len(whole) > 1000
    assert len(few) <= 80
    assert {(k, k + 60) for k in range(60)} <= {tuple(pair) for pair in few.tolist()}


def test_all_pairs_of_many_hashes_cost_little():
    random = np.random.default_rng(2)
    windows, turns = (random.integers(0, 2**63, (2000, k), np.uint64) for k in (14, 8))
    began = time.process_time()
    close_pairs(windows, turns, 14, most=10**5)
    # A sixteenth of what 8,000 photographs take, which is to be less than 5 s on two cores.
    assert time.process_time() - began < 2 * 5 / 16 * 3
