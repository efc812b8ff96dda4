import imagehash
import numpy as np
import pytest
import scipy.fft
from PIL import Image

from cervix_tf.quality.near_duplicates.signatures import (
    BACK,
    SIDE,
    TURNS,
    WINDOWS,
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

    for k, (side, across, down) in enumerate(WINDOWS):
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


def differing_bits(hashes, pictures):
    """Bits in which hashes differ from ImageHash's of the same pictures."""
    theirs = [imagehash.phash(Image.fromarray(np.ascontiguousarray(p))).hash for p in pictures]
    ours = np.unpackbits(np.array(hashes, ">u8")[:, None].view("u1"), axis=1)
    return np.sum(ours != np.reshape(theirs, (-1, 64)), axis=1)


def test_signatures_are_hashes_and_directions(greys):
    import cv2

    every = compute_signatures(greys)
    for k, (side, across, down) in enumerate(WINDOWS):
        centre = (SIDE - 1) / 2 + SIDE * across, (SIDE - 1) / 2 + SIDE * down
        size = (round(SIDE * side),) * 2
        seen = [cv2.getRectSubPix(g, size, centre) for g in greys]
        assert differing_bits(every.windows[:, k], seen).mean() <= 2, k
    for k, (transposed, upside_down, mirrored) in enumerate(TURNS):
        seen = greys.swapaxes(1, 2) if transposed else greys
        seen = seen[:, :: -1 if upside_down else 1, :: -1 if mirrored else 1]
        assert differing_bits(every.turns[:, k], seen).max() <= 4, k
    # Directions: the coefficients of frequencies up to 9, weighted by their frequency, at length 127.
    halves = greys.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).mean(axis=(2, 4))
    frequency = np.hypot(*np.indices((10, 10)))
    used = scipy.fft.dctn(halves, axes=(1, 2), norm="ortho")[:, :10, :10] * frequency
    used = used[:, (frequency > 0) & (frequency <= 9)]
    used /= np.linalg.norm(used, axis=1, keepdims=True)
    own = every.directions[:, 0] / 127
    assert np.abs(own @ own.T - used @ used.T).max() < 0.02
    assert np.abs(np.linalg.norm(every.directions, axis=2) / 127 - 1).max() < 0.01


def test_what_shows_nothing_is_plain(greys):
    flat = np.full((1, SIDE, SIDE), 90, np.uint8)
    faint = np.clip(greys[:1] / 255 * 4 + 90, 0, 255).astype(np.uint8)
    assert compute_signatures(np.concatenate([flat, faint, greys])).plain.tolist() == [
        True,
        True,
    ] + 12 * [False]
    room, full = blank(3), compute_signatures(greys[:3])
    assert room.plain.all()
    for empty, filled in zip(room, full, strict=True):
        assert (empty.shape, empty.dtype) == (filled.shape, filled.dtype)


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
