import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cervix_tf as cx
from cervix_tf.segmentation import superpixel_mask, superpixel_patches

TISSUE, METAL = (180, 110, 115), (90, 95, 90)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Photographs of 24 phantoms and their true masks."""
    folder = tmp_path_factory.mktemp("drawn")
    table = cx.data.phantom(folder, per_class=8, seed=11, sizes=[(240, 320), (320, 240)])
    images = [cv2.imread(path)[..., ::-1] for path in table["path"]]
    return images, [cv2.imread(path, cv2.IMREAD_GRAYSCALE) > 127 for path in table["mask"]]


def test_beats_the_centred_square_on_phantoms(drawn):
    ours, squares = [], []
    for image, truth in zip(*drawn, strict=True):
        height, width = truth.shape
        square, side = np.zeros_like(truth), min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square[top : top + side, left : left + side] = True
        ours.append(iou(superpixel_mask(image), truth))
        squares.append(iou(square, truth))
    assert np.mean(ours) > np.mean(squares) + 0.03


@pytest.mark.parametrize("space", ["rgb", "lab"])
def test_a_disc_of_tissue_is_found_with_the_os_in_it(space):
    image = np.full((200, 260, 3), METAL, np.uint8)
    truth = cv2.circle(np.zeros((200, 260), np.uint8), (130, 100), 60, 1, -1) > 0
    image[truth] = TISSUE
    cv2.circle(image, (130, 100), 15, (40, 10, 10), -1)  # far darker than any reference
    mask = superpixel_mask(image, segments=30, keep=30, space=space)
    assert mask.shape == (200, 260)
    assert mask.dtype == bool
    assert mask[100, 130]
    assert iou(mask, truth) > 0.9


def test_own_reference_finds_what_has_its_colour():
    image = np.full((128, 128, 3), TISSUE, np.uint8)
    image[:, :64] = (200, 60, 60)
    mask = superpixel_mask(image, reference=[(200, 60, 60)], segments=16, keep=16, limit=20)
    assert mask[:, :60].all()
    assert not mask[:, 68:].any()


def test_keep_is_the_most_patches_kept():
    image = np.full((128, 128, 3), TISSUE, np.uint8)
    image[..., 0] += np.arange(128, dtype=np.uint8)[:, None] // 4
    sizes = [superpixel_mask(image, keep=keep).mean() for keep in (1, 3, 6, 50)]
    assert sizes == sorted(sizes)
    assert 0 < sizes[0] < 0.4
    assert sizes[-1] == 1


def test_highlights_do_not_push_a_patch_away():
    image = np.full((128, 128, 3), (140, 85, 90), np.uint8)
    image[::4, ::2] = 255
    image[:, ::5] = (140, 85, 90)
    image[:40] = (140, 85, 90)
    one = {"reference": [(140, 85, 90)], "segments": 1, "limit": 5}
    assert superpixel_mask(image, **one).all()
    assert not superpixel_mask(image, highlights=True, **one).any()


@pytest.mark.parametrize(
    "colour",
    [(0, 0, 0), (255, 255, 255), (128, 128, 128), (60, 120, 60), (90, 140, 220), (120, 110, 100)],
)
def test_pictures_without_tissue_give_an_empty_mask(colour):
    image = np.full((60, 80, 3), colour, np.uint8)
    for space in ("rgb", "lab"):
        assert not superpixel_mask(image, space=space).any()


def test_a_landscape_and_grey_phantoms_are_empty(drawn):
    sky = np.linspace((90, 140, 230), (170, 200, 240), 100)[:, None].repeat(300, 1)
    field = np.linspace((70, 110, 50), (40, 70, 30), 100)[:, None].repeat(300, 1)
    noise = np.random.default_rng(0).normal(0, 8, (200, 300, 3))
    landscape = np.clip(np.concatenate([sky, field]) + noise, 0, 255).astype(np.uint8)
    assert not superpixel_mask(landscape).any()
    for image in drawn[0][:5]:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2)
        assert not superpixel_mask(grey).any()


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(0, 300),
    width=st.integers(0, 300),
    seed=st.integers(0, 99),
    segments=st.integers(1, 60),
    keep=st.integers(1, 60),
    space=st.sampled_from(["rgb", "lab"]),
)
def test_any_size_gives_a_mask_of_that_size(height, width, seed, segments, keep, space):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    if seed % 3 == 0:
        image[:] = TISSUE
    mask = superpixel_mask(image, segments=segments, keep=keep, space=space)
    assert mask.shape == (height, width)
    assert mask.dtype == bool
    if min(height, width) < 8:
        assert not mask.any()


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (8, 4000), (1, 1), (3000, 9)])
def test_slivers(size):
    assert superpixel_mask(np.full((*size, 3), TISSUE, np.uint8)).shape == size


@pytest.mark.slow
def test_same_mask_again_and_mirrored_and_enlarged(drawn):
    for image, _ in zip(*drawn, strict=True):
        mask = superpixel_mask(image, segments=20, keep=10)
        assert (mask == superpixel_mask(image.copy(), segments=20, keep=10)).all()
        large = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        again = superpixel_mask(large, segments=20, keep=10)[::2, ::2]
        assert (mask == again).mean() > 0.75
        view = np.asfortranarray(image[:, ::-1])[:, ::-1]  # other strides, same pixels
        assert (mask == superpixel_mask(view, segments=20, keep=10)).all()


def test_the_picture_is_left_as_it_is(drawn):
    image = drawn[0][0].copy()
    superpixel_mask(image)
    assert (image == drawn[0][0]).all()


def test_patches_are_numbered_from_0_and_about_as_many_as_asked_for(drawn):
    for segments in (10, 40):
        patches = superpixel_patches(drawn[0][0], segments)
        count = len(np.unique(patches))
        assert patches.min() == 0
        assert patches.max() == count - 1
        assert segments / 2 <= count <= 1.5 * segments


def test_mistakes():
    image = np.zeros((32, 32, 3), np.uint8)
    for wrong in (image[..., 0], image[..., :2], image.astype(np.float32), image[None]):
        with pytest.raises(cx.UserError, match="uint8 of shape"):
            superpixel_mask(wrong)
    with pytest.raises(cx.UserError, match="segments must be"):
        superpixel_mask(image, segments=0)
    with pytest.raises(cx.UserError, match="keep must be"):
        superpixel_mask(image, keep=2.5)
    with pytest.raises(cx.UserError, match="limit must be"):
        superpixel_mask(image, limit=-1)
    with pytest.raises(cx.UserError, match="did you mean 'lab'"):
        superpixel_mask(image, space="labb")
    with pytest.raises(cx.UserError, match="reference must be"):
        superpixel_mask(image, reference=[(1, 2)])
