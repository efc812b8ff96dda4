import cv2
import numpy as np
import pytest

from cervix_tf.data.photographs import square_of
from cervix_tf.quality.near_duplicates import frames, neighbours
from cervix_tf.quality.near_duplicates.alignment import same
from cervix_tf.quality.near_duplicates.clusters import near_duplicates
from cervix_tf.quality.near_duplicates.signatures import SIDE, TURNS, compute_signatures

SIZES = [(300, 400), (400, 300), (320, 320), (270, 480), (480, 320)]  # width, height
COUNT = 40


def drawn(seed: int) -> np.ndarray:
    """A photograph of one of the sizes."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 9), "uint8")
    return cv2.resize(noise, SIZES[seed % len(SIZES)], interpolation=cv2.INTER_CUBIC)


def copied(seed: int) -> np.ndarray:
    """The same photograph, turned and squeezed to another of the sizes."""
    photograph = np.rot90(drawn(seed), seed // 3)[:: seed % 2 * 2 - 1]
    size = SIZES[(seed + 2 + seed % 2) % len(SIZES)]
    return cv2.resize(np.ascontiguousarray(photograph), size, interpolation=cv2.INTER_AREA)


def seen(photographs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The grey pictures that an audit keeps of photographs, and their aspects."""
    greys = np.stack([square_of(photograph, SIDE) for photograph in photographs])
    return greys, np.array(
        [photograph.shape[1] / photograph.shape[0] for photograph in photographs]
    )


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    return [make(seed) for make in (drawn, copied) for seed in range(COUNT)]


def test_squeezed_copies_are_joined_and_no_others(photographs, monkeypatch):
    greys, aspects = seen(photographs)
    signatures, rows = compute_signatures(greys), np.arange(len(greys))
    without = near_duplicates(signatures, greys, rows)
    assert np.mean(without[:COUNT] == without[COUNT:]) < 0.5, "what this is for"
    cluster = near_duplicates(signatures, greys, rows, aspects)
    assert np.array_equal(cluster[:COUNT], cluster[COUNT:])
    assert len(np.unique(cluster)) == COUNT
    monkeypatch.setattr(neighbours, "MANY", 10)
    assert np.array_equal(near_duplicates(signatures, greys, rows, aspects), cluster)


def test_pairs_are_once_with_the_way_and_the_most_alike_first(photographs):
    greys, aspects = seen(photographs)
    rows = np.random.default_rng(0).permutation(len(greys))
    pairs = frames.squeezed(greys, aspects, rows, 10**6)
    a, b = rows[pairs["a"]], rows[pairs["b"]]
    assert len(set(map(frozenset, zip(a.tolist(), b.tolist(), strict=True)))) == len(pairs)
    assert np.all(np.diff(pairs["alike"]) <= 0)
    own = np.abs(a - b) == COUNT
    assert pairs["alike"][own].min() > 0.9
    parts = frames.shared(greys[a], greys[b], np.stack([aspects[a], aspects[b]], 1), pairs["way"])
    assert np.array_equal(same(*parts, pairs["way"]), own)
    few = frames.squeezed(greys, aspects, rows, 5)
    assert np.array_equal(few, pairs[:5])


@pytest.mark.parametrize("turn", range(len(TURNS)))
def test_what_both_squares_hold_is_the_same_part_of_the_frame(turn):
    transposed, upside_down, mirrored = TURNS[turn]
    wide = cv2.resize(drawn(3), (450, 300))
    copy = wide[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    copy = cv2.resize(np.ascontiguousarray(copy.T if transposed else copy), (360, 400))
    greys, aspects = seen([wide, copy])
    one, other = frames.shared(greys[:1], greys[1:], aspects[None], np.array([turn]))
    other = other[0].T if transposed else other[0]
    other = other[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    assert np.abs(one[0] - other)[2:-2, 2:-2].mean() < 3
    # Two thirds of the width are in the wide one's square, nine tenths of the height in the other's.
    held = wide if transposed else cv2.resize(wide[15:285], (450, 300))
    assert np.abs(one[0] - square_of(held, SIDE)).mean() < 3


def test_middles_do_not_change_with_the_aspect():
    shapes = [(300, 300), (300, 400), (400, 300), (300, 600), (600, 300)]
    greys, aspects = seen([cv2.resize(drawn(1), shape) for shape in shapes])
    middles = frames.frame_directions(greys, aspects, np.arange(5)) / 127
    assert (middles @ middles[0]).min() > 0.95
    assert not frames.frame_directions(greys[:1], np.array([2.8]), np.zeros(1, int)).any()


def test_photographs_of_one_aspect_cost_nothing(monkeypatch):
    def refused(*_):
        raise AssertionError("middles were computed")

    monkeypatch.setattr(frames, "frame_directions", refused)
    greys = np.zeros((4, SIDE, SIDE), np.uint8)
    assert not len(frames.squeezed(greys, np.array([0.75, 4 / 3, 0.75, 0.76]), np.arange(4), 9))
    with pytest.raises(AssertionError):
        frames.squeezed(greys, np.array([0.75, 4 / 3, 0.75, 1]), np.arange(4), 9)
