import cv2
import numpy as np
import pytest
import tensorflow as tf

from cervix_tf.data import RandomView, phantom
from cervix_tf.data.crops import BOX
from cervix_tf.errors import UserError
from cervix_tf.segmentation import fit_localizer, load_localizer, overlap, segment
from cervix_tf.segmentation.localizer.training import AUGMENT
from tests.planted.shortcuts import uncompiled


def test_mask_and_photograph_move_together_and_only_the_photograph_changes_colour():
    rng = np.random.default_rng(0)
    mask = (cv2.GaussianBlur(rng.normal(size=(4, 64, 64)).transpose(1, 2, 0), (0, 0), 6) > 0) * 255
    mask = mask.transpose(2, 0, 1).astype("uint8")
    both = np.concatenate([np.repeat(mask[..., None], 3, 3), mask[..., None]], 3)
    keys = np.stack([np.zeros(4), np.arange(4)], 1).astype("int32")
    moves = {k: v for k, v in AUGMENT.items() if k not in ("brightness", "contrast", "hue")}
    views = RandomView(64, jit=False, **moves)(both, keys, training=True).numpy()
    assert np.array_equal(views[..., 0], views[..., 3])
    assert (views[..., 3] != mask).any()
    view = RandomView(64, jit=False, **AUGMENT)
    coloured = view(both, keys, training=True).numpy()
    assert np.array_equal(coloured[..., 3], views[..., 3])
    assert np.abs(coloured[..., 0] - views[..., 0]).max() > 10
    plain = view(both[..., :3], keys, training=True).numpy()
    assert np.allclose(coloured[..., :3], plain, atol=1e-3), "a mask changes nothing in the picture"
    stream = tf.data.Dataset.from_tensors((both, keys)).map(
        lambda images, keys: view(images, keys, training=True)
    )
    # float32 places are off by 1e-5 pixels, and the edge of a mask is steep.
    assert np.allclose(next(iter(stream)).numpy(), coloured, atol=0.05), "in tf.data too"


def test_overlap():
    found, true = np.zeros((2, 3, 4, 4), bool)
    found[1, :2], true[1, 1:3] = True, True
    true[2, 0] = True
    dice, iou = overlap(found, true)
    assert dice.tolist() == [1, 0.5, 0]
    assert iou == pytest.approx([1, 1 / 3, 0])
    for other in (true * np.uint8(255), true * 1.0, true[:2]):
        with pytest.raises(UserError, match="must be bool and of one shape"):
            overlap(found, other)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    return phantom(folder, per_class=12, seed=3, sizes=[(120, 160), (160, 120)])


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("localizer") / "localizer.keras"
    return fit_localizer(drawn, path, steps=30, size=64, batch_size=8), path


@pytest.mark.slow
def test_it_learns_from_masks(trained, drawn):
    localizer, path = trained
    card = load_localizer(path).card
    assert card == localizer.card
    assert card["data"].startswith("phantoms")
    assert card["photographs"] + card["held_out"] == len(drawn)
    assert card["iou"] > 0.75
    assert card["dice"] > card["iou"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_localiser_and_a_split_is_kept(drawn, tmp_path, caplog):
    caplog.set_level("INFO", "cervix_tf")
    held = drawn["group"] == drawn["group"][0]
    own = drawn.assign(split=held.map({True: "validation", False: None}).astype("object"))
    with uncompiled():
        one, other = (
            fit_localizer(own, tmp_path / name, steps=2, size=32, batch_size=4)
            for name in ("a.keras", "b.keras")
        )
    assert one.card["held_out"] == held.sum()
    assert f"{held.sum()} held out, 2 steps" in caplog.messages[0]
    assert f"IoU {other.card['iou']:.4f}" in caplog.messages[-1]
    for a, b in zip(one.network.get_weights(), other.network.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)


@pytest.mark.slow
def test_boxes_hold_the_os_of_phantoms_of_another_seed_and_size(trained, tmp_path):
    other = phantom(tmp_path, per_class=5, seed=8, sizes=[(200, 300)])
    table = segment(other, method="localizer", model=trained[1])
    located = table[table["flags"].isna()]
    assert len(located) >= 12
    right, bottom = located["box_x"] + located["box_w"], located["box_y"] + located["box_h"]
    inside = located["os_x"].between(located["box_x"], right) & located["os_y"].between(
        located["box_y"], bottom
    )
    assert inside.mean() > 0.9


@pytest.mark.slow
def test_it_learns_from_boxes_alone(drawn, tmp_path):
    boxed = drawn.copy()
    for row, path in drawn["mask"].items():
        boxed.loc[row, list(BOX)] = cv2.boundingRect(cv2.imread(path, 0))
    boxes = boxed.drop(columns="mask").assign(label=None, split=None)
    localizer = fit_localizer(boxes, tmp_path / "a.keras", steps=20, size=32, batch_size=8)
    assert localizer.card["iou"] > 0.6


def test_mistakes(drawn, tmp_path):
    path = tmp_path / "a.keras"
    with pytest.raises(UserError, match="no mask and no box"):
        fit_localizer(drawn.drop(columns="mask"), path)
    boxes = drawn.drop(columns="mask").assign(box_x=0.1, box_y=0.1, box_w=0.5, box_h=0.5)
    with pytest.raises(UserError, match="photographs have no valid box"):
        fit_localizer(boxes, path)
    with pytest.raises(UserError, match="row 0, column 'box_w': 'wide' is no number"):
        fit_localizer(boxes.assign(box_w="wide"), path)
    with pytest.raises(UserError, match="steps=0"):
        fit_localizer(drawn, path, steps=0)
    wrong = {
        "steps": [1.5, True],
        "seed": [-1, None],
        "batch_size": ["3"],
        "validation": ["x", 0.9],
    }
    wrong["learning_rate"] = [0, -1, 1e9, "a"]
    for name, value in [(name, value) for name, values in wrong.items() for value in values]:
        with pytest.raises(UserError, match=f"{name}={value!r}: give a"):
            fit_localizer(drawn, path, **{name: value})
    for size in (128.0, "128", 127):
        with pytest.raises(UserError, match=f"size={size!r}: give a whole multiple of 4"):
            fit_localizer(drawn, path, size=size)
    for augment, reason in (
        ({"bogus": 1}, "'bogus' is no option: give a dict of flip"),
        ("none", "'none' is no option"),
        ({"scale": 1}, "two of them as scale"),
        ({"hue": 9}, "hue is out of its range"),
    ):
        with pytest.raises(UserError, match=reason):
            fit_localizer(drawn, path, augment=augment)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        fit_localizer(drawn, tmp_path / "file/a.keras")
    with pytest.raises(UserError, match="ends in .keras"):
        fit_localizer(drawn, tmp_path / "folder")
    with pytest.raises(UserError, match="is missing or no picture"):
        fit_localizer(drawn.assign(mask="gone.png"), path)
    for size in ((64, 32), (32, 32)):  # of another photograph; of the centred square alone
        other = tmp_path / "other.png"
        cv2.imwrite(str(other), np.full(size, 255, np.uint8))
        masks = [str(other), str(other), *drawn["mask"][2:]]
        with pytest.raises(
            UserError, match=r"2 of \d+ photographs .*cannot be read: (.*proportions)"
        ):
            fit_localizer(drawn.assign(mask=masks), path)
    far = drawn.drop(columns="mask").assign(box_x=9000, box_y=10, box_w=20, box_h=20)
    with pytest.raises(UserError, match="its box, 20 x 20 at 9000, 10, lies outside its"):
        fit_localizer(far, path)
    with pytest.raises(UserError, match="split 'train'"):
        fit_localizer(drawn.assign(split="validation"), path)
    assert not path.exists()
