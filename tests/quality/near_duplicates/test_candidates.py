import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.quality.near_duplicates.candidates import (
    ALIKE_AT_ALL,
    ALIKE_AT_BEST,
    DISTANCE,
    candidates,
)
from cervix_tf.quality.near_duplicates.signatures import (
    BACK,
    CENTRAL,
    SIDE,
    TURNS,
    compute_signatures,
    dct_coefficients,
    directions,
    hashes,
    low_frequencies,
    turned_coefficients,
    turned_directions,
)


def drawn(count: int, seed: int, broad: float = 6) -> np.ndarray:
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (count, SIDE, SIDE), "uint8")
    soft = [cv2.GaussianBlur(each, (0, 0), broad) for each in noise]
    every = [cv2.normalize(each, None, 0, 255, cv2.NORM_MINMAX) for each in soft]
    return np.array(every, np.uint8).reshape(count, SIDE, SIDE)


def slow_candidates(greys: np.ndarray, gate: float) -> dict[tuple[int, int], float]:
    """The same from the DCT coefficients themselves, a pair at a time."""
    found = dct_coefficients(greys)
    windows, whole = hashes(found), turned_coefficients(found[:, 0])
    turns, shapes, wholes = hashes(whole), directions(found), directions(whole)
    long, own = low_frequencies(directions(turned(found[:, :CENTRAL]))), low_frequencies(shapes)
    pairs = {}
    for a in range(len(greys)):
        for b in range(a + 1, len(greys)):
            alike = low_products(long[a], own[b])  # by the turn of a
            for turn in np.flatnonzero(alike >= gate):
                differ = np.bitwise_count(
                    [windows[b] ^ turns[a, turn], windows[a] ^ turns[b, BACK[turn]]]
                )
                if differ.min() <= DISTANCE:
                    products = [shapes[b] @ wholes[a, turn], shapes[a] @ wholes[b, BACK[turn]]]
                    pairs[a, b] = max(pairs.get((a, b), 0), np.max(products))
    return pairs


def turned(windows: np.ndarray) -> np.ndarray:
    """Coefficients of windows (N, W, ...) in every turn, (N, W, 8, ...)."""
    flat = turned_coefficients(windows.reshape(-1, *windows.shape[2:]))
    return flat.reshape(*windows.shape[:2], *flat.shape[1:])


def low_products(turns: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """The greatest product of the whole of one and the whole or middle of the other, by turn."""
    (whole, middle), (other, others_middle) = turns, windows[:CENTRAL]
    return np.max([whole @ other, whole @ others_middle, middle @ other], axis=0)


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 40), st.integers(0, 10**6), st.sampled_from([-1.0, ALIKE_AT_ALL, 0.7]))
def test_candidates_are_all_that_are_near_and_alike(count, seed, gate):
    greys = drawn(count, seed, broad=12)
    copies = [
        np.rot90(grey) if k % 2 else grey[3:, 2:] for k, grey in enumerate(greys[: count // 2])
    ]
    copies = [cv2.resize(np.ascontiguousarray(copy), (SIDE, SIDE)) for copy in copies]
    greys = np.concatenate([greys, *[copy[None] for copy in copies]])
    found = candidates(compute_signatures(greys), np.arange(len(greys)), max_pairs=10**6, gate=gate)
    wanted = slow_candidates(greys, gate)
    mine = {(min(p["a"], p["b"]), max(p["a"], p["b"])): p["alike"] for p in found}
    assert len(mine) == len(found), "each pair once"
    assert np.all(np.diff(found["alike"]) <= 0), "the most alike first"
    # Signatures are rounded, so a pair at a limit may fall to either side.
    assert {pair for pair, alike in wanted.items() if alike > ALIKE_AT_BEST + 0.04} <= set(mine) | {
        pair for pair in wanted if near_the_gate(greys, pair, gate)
    }
    for pair, alike in mine.items():
        assert pair in wanted or near_the_gate(greys, pair, gate)
        assert alike >= ALIKE_AT_BEST
        assert alike <= wanted.get(pair, 1) + 0.03


def near_the_gate(greys: np.ndarray, pair: tuple[int, int], gate: float) -> bool:
    found = dct_coefficients(greys[list(pair)])
    turns, windows = (low_frequencies(directions(own)) for own in (turned(found), found))
    return abs(low_products(turns[0, :CENTRAL], windows[1]) - gate).min() < 0.03


def test_the_way_lays_one_on_the_other():
    greys = drawn(1, 3)
    for k, (transposed, upside_down, mirrored) in enumerate(TURNS):
        copy = greys[0].T if transposed else greys[0]
        copy = copy[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
        both = compute_signatures(np.stack([greys[0], copy]))
        (pair,) = candidates(both, np.arange(2), max_pairs=10)
        window, turn = divmod(int(pair["way"]), len(TURNS))
        assert window == 0
        laid_on = turned_directions(both.directions[pair["b"], 0], turn)
        assert np.abs(laid_on - both.directions[pair["a"], 0]).max() <= 2, k
        assert pair["distance"] <= 2
        assert pair["alike"] > 0.999


def test_places_are_those_in_the_rows():
    greys = drawn(5, 1)
    greys[4] = greys[1]
    (pair,) = candidates(compute_signatures(greys), np.array([3, 4, 0, 1]), max_pairs=10)
    assert {int(pair["a"]), int(pair["b"])} == {1, 3}


def test_with_too_many_pairs_the_nearest_are_kept():
    # Variations on one picture, and each of them again a little lighter.
    greys = (0.7 * drawn(1, 0) + 0.3 * drawn(60, 1)).astype(np.uint8)
    greys = np.concatenate([greys, np.minimum(greys, 250) + np.uint8(5)])
    every, few = (
        candidates(compute_signatures(greys), np.arange(120), most) for most in (10**6, 90)
    )
    assert len(every) > 200
    assert every["distance"].max() == DISTANCE
    assert few["distance"].max() < every["distance"].max()
    assert {(k, k + 60) for k in range(60)} <= {(min(p), max(p)) for p in few[["a", "b"]].tolist()}
    kept = every[every["distance"] <= few["distance"].max()]
    assert np.array_equal(np.sort(kept[["a", "b"]]), np.sort(few[["a", "b"]]))


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(count):
    assert len(candidates(compute_signatures(drawn(count, 0)), np.arange(count), max_pairs=1)) == 0


def test_of_many_pictures_few_hashes_are_compared(monkeypatch):
    few = drawn(200, 2, broad=12)
    one, other = few[np.random.default_rng(0).integers(0, 200, (2, 800))]
    many = compute_signatures((0.6 * one + 0.4 * other).astype(np.uint8))
    compared, count = [], np.bitwise_count
    monkeypatch.setattr(np, "bitwise_count", lambda h: (compared.append(h.size), count(h))[1])
    assert len(candidates(many, np.arange(800), max_pairs=10**5)) > 100
    pairs = 800 * 799 // 2
    # Every window of either under every turn of the other would be 72 million.
    assert 0 < sum(compared) < 0.03 * pairs * many.windows.shape[1] * len(TURNS) * 2
