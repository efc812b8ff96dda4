import imagehash
import numpy as np
import pytest
from PIL import Image

from cervix_tf.quality.near_duplicates import signatures as hashing
from cervix_tf.quality.near_duplicates.signatures import (
    BACK,
    SIDE,
    TURNS,
    blank,
    compute_signatures,
    dct_coefficients,
    directions,
    hashes,
    turned_coefficients,
    turned_directions,
)


@pytest.fixture(scope="module")
def greys():
    import cv2

    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (12, SIDE, SIDE), "uint8")
    return np.stack(
        [cv2.normalize(cv2.GaussianBlur(n, (0, 0), 4), None, 0, 255, 32) for n in noise]
    )


def test_bits_are_those_of_imagehash(greys):
    theirs = [imagehash.phash(Image.fromarray(g)).hash for g in greys]
    ours = hashes(dct_coefficients(greys)[:, 0])
    for one, other in zip(ours, theirs, strict=True):
        whole = np.unpackbits(np.array([one], ">u8").view("u1")).reshape(8, 8)
        assert np.sum(whole != other) <= 4, "another reduction to 32 x 32 may tip a close bit"


def test_turns_are_those_of_the_picture(greys):
    every = turned_coefficients(dct_coefficients(greys)[:, 0])
    for k, (transposed, upside_down, mirrored) in enumerate(TURNS):
        laid = greys.swapaxes(1, 2) if transposed else greys
        laid = laid[:, ::-1] if upside_down else laid
        laid = laid[:, :, ::-1] if mirrored else laid
        assert np.allclose(dct_coefficients(laid)[:, 0], every[:, k], atol=1e-3)
    assert np.array_equal(every[:, 0], dct_coefficients(greys)[:, 0])


def test_a_window_has_the_frequencies_of_what_it_shows(greys):
    import cv2

    for k, (side, across, down) in enumerate(hashing.WINDOWS):
        width = round(10 * SIDE * side)
        left, top = (round(10 * SIDE * (0.5 + at - side / 2)) for at in (across, down))
        for grey, own in zip(greys, directions(dct_coefficients(greys)[:, k]), strict=True):
            large = cv2.resize(grey, (10 * SIDE, 10 * SIDE), interpolation=cv2.INTER_NEAREST)
            part = np.ascontiguousarray(large[top : top + width, left : left + width])
            part = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            assert own @ directions(dct_coefficients(part[None])[:, 0])[0] > 0.99


def test_brightness_and_contrast_do_not_matter(greys):
    one, other = (dct_coefficients(g)[:, 0] for g in (greys, greys * 0.4 + 90))
    assert np.allclose(directions(one), directions(other), atol=1e-4)
    assert np.array_equal(
        directions(dct_coefficients(np.zeros((1, SIDE, SIDE))))[0, 0], np.zeros(72)
    )


def test_signatures_are_hashes_and_directions(greys):
    every = compute_signatures(greys)
    found = dct_coefficients(greys)
    assert np.array_equal(every.windows, hashes(found))
    assert np.array_equal(every.turns, hashes(turned_coefficients(found[:, 0])))
    assert np.allclose(every.directions / 127, directions(found), atol=0.5 / 127 + 1e-6)
    assert not every.plain.any()
    assert compute_signatures(np.full((2, SIDE, SIDE), 90, np.uint8)).plain.all()
    assert blank(3).plain.all()
    assert [each.shape for each in blank(3)] == [each[:3].shape for each in every]


def test_directions_turn_as_pictures_do(greys):
    whole = dct_coefficients(greys)[:, 0]
    own, every = directions(whole), directions(turned_coefficients(whole))
    for turn in range(len(TURNS)):
        assert np.allclose(
            turned_directions(own, np.full(len(own), turn)), every[:, turn], atol=1e-5
        )
        assert np.allclose(
            turned_directions(every[:, turn], np.full(len(own), BACK[turn])), own, atol=1e-5
        )
    assert np.allclose(turned_directions(own[:, None], np.arange(8)[None]), every, atol=1e-5)
