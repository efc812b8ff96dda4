from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from cervix_tf.data import STILL, RandomView, centre_crop, warping
from cervix_tf.errors import UserError
from cervix_tf.recipes.schema import Augment

SIDE, SIZE = 36, 28
FULL = {
    "flip": True,
    "quarter_turns": True,
    "rotation": 30.0,
    "scale": (0.7, 1.4),
    "crop": 0.2,
    "brightness": 0.3,
    "contrast": 0.3,
    "hue": 0.1,
    "saturation": 0.5,
    "erase": 0.7,
}


def noise(count=4, side=SIDE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def keys_of(count=4, epoch=0):
    return np.stack([np.full(count, epoch), np.arange(count)], 1).astype(np.int32)


def composed(image, drawn, size):
    """The same view in float64: shift, turn and magnify (OpenCV), mirror, then one resampling."""
    side = len(image)
    centre = (side - 1) / 2
    shift = np.array([[1, 0, -drawn["shift_x"]], [0, 1, -drawn["shift_y"]], [0, 0, 1.0]])
    degrees = np.degrees(np.float64(drawn["rotation"])) + 90 * drawn["quarter"]
    turn = np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((centre, centre), degrees, np.float64(drawn["scale"]))
    mirror = np.array([[drawn["flip_x"], 0, 0], [0, drawn["flip_y"], 0], [0, 0, 1.0]])
    mirror[:2, 2] = centre - mirror[:2, :2] @ [centre, centre]
    crop = np.eye(3)
    crop[:2, 2] = -(side - size) / 2
    back = np.linalg.inv(crop @ mirror @ turn @ shift)
    y, x = np.mgrid[:size, :size]
    places = np.einsum("ij,jhw->ihw", back, np.stack([x, y, np.ones_like(x)]).astype(float))
    channels = [
        map_coordinates(image[..., c].astype(float), places[1::-1], order=1, mode="reflect")
        for c in range(3)
    ]
    view = coloured(np.stack(channels, -1), drawn)
    top, left, bottom, right = drawn["rectangle"].astype(int)
    view[top:bottom, left:right] = drawn["fill"]
    return view


def coloured(view, drawn):
    """Hue about the grey axis, saturation, brightness, contrast about mid grey, one after the other."""
    axis = np.full(3, np.float64(drawn["hue"]) / np.sqrt(3))
    view = view @ cv2.Rodrigues(axis)[0].T
    grey = view @ [0.299, 0.587, 0.114]
    view = grey[..., None] + (view - grey[..., None]) * np.float64(drawn["saturation"])
    view = view * np.float64(drawn["brightness"])
    return np.clip((view - 127.5) * np.float64(drawn["contrast"]) + 127.5, 0, 255)


def drawn_for(view, keys):
    drawn = {name: np.asarray(values) for name, values in view.draw(keys).items()}
    return [{name: values[k] for name, values in drawn.items()} for k in range(len(keys))]


amount = st.floats(0, 1).map(lambda x: round(x, 3))
options = st.fixed_dictionaries(
    {
        "flip": st.booleans(),
        "quarter_turns": st.booleans(),
        "rotation": st.floats(0, 180),
        "scale": st.tuples(st.floats(0.3, 1), st.floats(1, 3)),
        "crop": amount,
        "brightness": amount,
        "contrast": amount,
        "hue": st.floats(0, 0.5),
        "saturation": amount,
        "erase": st.sampled_from([0.0, 0.5, 1.0]),
        "seed": st.integers(0, 2**31 - 1),
    }
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(options, st.integers(0, 10**6), st.sampled_from(["uint8", "float32"]))
def test_view_equals_the_transforms_composed_in_float(options, epoch, kind):
    view, keys, images = RandomView(SIZE, **options), keys_of(4, epoch), noise(seed=epoch)
    views = np.asarray(view(images.astype(kind), keys, training=True))
    assert views.shape == (4, SIZE, SIZE, 3)
    assert views.dtype == np.float32
    for image, seen, drawn in zip(images, views, drawn_for(view, keys), strict=True):
        # float32 places are off by 1e-5 pixels, and two pixels of noise differ by up to 255 levels.
        np.testing.assert_allclose(seen, composed(image, drawn, SIZE), atol=0.05)


@settings(max_examples=15, deadline=None)
@given(options, st.integers(0, 10**6))
def test_drawn_numbers_stay_in_their_ranges(options, epoch):
    view = RandomView(SIZE, **options)
    low, high = options["scale"]
    for drawn in drawn_for(view, keys_of(16, epoch)):
        assert drawn["flip_x"] in ((1, -1) if options["flip"] else (1,))
        assert drawn["quarter"] in ((0, 1, 2, 3) if options["quarter_turns"] else (0,))
        assert abs(np.degrees(drawn["rotation"])) <= options["rotation"] * 1.00001
        assert low * 0.9999 <= drawn["scale"] <= high * 1.0001
        assert abs(drawn["shift_x"]) <= round(options["crop"] * SIZE + 0.5)
        assert abs(drawn["contrast"] - 1) <= options["contrast"] * 1.0001
        assert abs(drawn["brightness"] - 1) <= options["brightness"] * 1.0001
        assert abs(drawn["hue"]) <= options["hue"] * 2 * np.pi * 1.0001
        assert abs(drawn["saturation"] - 1) <= options["saturation"] * 1.0001
        top, left, bottom, right = drawn["rectangle"]
        assert 0 <= top <= bottom <= SIZE
        assert 0 <= left <= right <= SIZE
        assert drawn["fill"].min() >= 0
        assert drawn["fill"].max() < 255


def test_erasing_comes_as_often_as_asked_and_covers_what_it_says():
    count = 4000
    drawn = RandomView(100, erase=0.3).draw(keys_of(count))
    top, left, bottom, right = np.asarray(drawn["rectangle"]).T
    erased = bottom > top
    assert erased.mean() == pytest.approx(0.3, abs=0.03)
    area = ((bottom - top) * (right - left))[erased] / 100**2
    assert 0.01 < area.min() < 0.03
    assert 0.37 < area.max() < 0.42
    assert area.mean() == pytest.approx(0.2, abs=0.02)
    centre = (top + bottom)[erased].mean() / 200, (left + right)[erased].mean() / 200
    assert centre == pytest.approx((0.5, 0.5), abs=0.02)
    assert not np.asarray(RandomView(100).draw(keys_of())["rectangle"]).any()


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize("sides", [(SIDE, SIZE), (25, 25), (256, 224), (182, 160)])
def test_flips_and_quarter_turns_alone_are_exact(flip, turns, sides):
    view = RandomView(sides[1], **{**STILL, "flip": flip, "quarter_turns": turns})
    images, keys = noise(16, sides[0]), keys_of(16)
    views, crops = np.asarray(view(images, keys, training=True)), centre_crop(images, sides[1])
    seen = set()
    for got, crop, drawn in zip(views, crops, drawn_for(view, keys), strict=True):
        step = int(drawn["flip_y"]), int(drawn["flip_x"])
        assert np.array_equal(got, np.rot90(crop, int(drawn["quarter"]))[:: step[0], :: step[1]])
        seen.add((*step, int(drawn["quarter"])))
    assert len(seen) > {0: 0, 1: 2, 2: 5}[flip + turns], "the keys of the test draw too few"


def test_shift_alone_is_exact_and_mirrors_at_the_border():
    view, images, keys = RandomView(SIZE, **{**STILL, "crop": 1.0}), noise(8), keys_of(8)
    padded = np.pad(images, [(0, 0), (SIDE, SIDE), (SIDE, SIDE), (0, 0)], "symmetric")
    margin = (SIDE - SIZE) // 2 + SIDE
    for k, drawn in enumerate(drawn_for(view, keys)):
        top, left = int(margin + drawn["shift_y"]), int(margin + drawn["shift_x"])
        expected = padded[k, top : top + SIZE, left : left + SIZE]
        assert np.array_equal(view(images, keys, training=True)[k], expected)


@pytest.mark.parametrize("still", [RandomView(SIZE, **FULL), RandomView(SIZE)])
def test_without_training_it_is_the_exact_centre(still):
    images = noise()
    for given_keys in (None, keys_of()):
        views = still(images, given_keys, training=False)
        assert np.array_equal(views, images[:, 4:-4, 4:-4])
        assert views.dtype == tf.float32
    views = RandomView(SIZE, **STILL)(images, keys_of(), training=True)
    assert np.array_equal(views, images[:, 4:-4, 4:-4])


def test_defaults_are_those_of_a_recipe():
    options = RandomView(SIZE).options
    assert {name: options[name] for name in Augment.model_fields} == Augment().model_dump()
    assert set(options) == {*Augment.model_fields, "size", "seed"}


@pytest.mark.slow
def test_eagerly_compiled_in_a_dataset_and_in_xla_it_is_the_same():
    view, images, keys = RandomView(SIZE, **FULL), noise(), keys_of()
    eager = np.asarray(view(images, keys, training=True))
    assert np.array_equal(eager, view(images, keys, training=True))

    def call(images, keys):
        return view(images, keys, training=True)

    dataset = tf.data.Dataset.from_tensors((images, keys)).map(call)
    ways = {
        "function": tf.function(call)(images, keys),
        "xla": tf.function(call, jit_compile=True)(images, keys),
        "dataset": next(iter(dataset)),
    }
    for name, views in ways.items():
        np.testing.assert_allclose(views, eager, atol=0.05, err_msg=name)


def test_view_of_a_key_does_not_depend_on_its_batch():
    view, images, keys = RandomView(SIZE, **FULL), noise(8), keys_of(8, epoch=3)
    whole = np.asarray(view(images, keys, training=True))
    order = [5, 1, 6]
    np.testing.assert_allclose(
        view(images[order], keys[order], training=True), whole[order], atol=0.05
    )
    assert np.abs(view(images, keys_of(8, epoch=4), training=True) - whole).mean() > 10
    other = RandomView(SIZE, **FULL, seed=1)
    assert np.abs(other(images, keys, training=True) - whole).mean() > 10


def test_without_keys_every_call_draws_anew():
    view, images = RandomView(SIZE, **FULL), np.repeat(noise(1), 4, 0)
    one, two = (np.asarray(view(images, training=True)) for _ in range(2))
    assert np.abs(one - two).mean() > 10
    assert np.abs(one[0] - one[1]).mean() > 10
    compiled = tf.function(lambda x: view(x, training=True))
    assert np.abs(compiled(images) - compiled(images)).mean() > 10
    again = RandomView(SIZE, **FULL)
    assert np.array_equal(again(images, training=True), one), "the seed decides them"


def test_layer_in_a_saved_model(tmp_path):
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    model = keras.Model(inputs, RandomView(SIZE, **FULL, seed=5)(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    assert loaded.output_shape == (None, SIZE, SIZE, 3)
    assert np.array_equal(loaded.predict(noise(), verbose=0), noise()[:, 4:-4, 4:-4])
    view, images = loaded.layers[1], noise()
    expected = RandomView(SIZE, **FULL, seed=5)(images, keys_of(), training=True)
    assert np.array_equal(view(images, keys_of(), training=True), expected)


def test_gradient_reaches_a_layer_behind_the_view():
    """Also in a model that Keras trains, with batches of two sizes."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3), dtype="uint8"),
            RandomView(SIZE, **FULL),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )
    model.compile("sgd", "mse")
    before = model.layers[-1].kernel.numpy()
    model.fit(noise(5), np.zeros((5, 3)), batch_size=3, verbose=0)
    assert np.abs(model.layers[-1].kernel.numpy() - before).max() > 0


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"rotation": 181}, "rotation"),
        ({"scale": (1.2, 0.8)}, "scale"),
        ({"scale": (0, 1)}, "scale"),
        ({"crop": 1.5}, "crop"),
        ({"brightness": -0.1}, "brightness"),
        ({"hue": 0.6}, "hue"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_out_of_range_are_named(wrong, name):
    with pytest.raises(UserError, match=f"{name} is out of its range; received"):
        RandomView(SIZE, **wrong)


def test_centre_crop_of_too_small_squares_is_refused():
    with pytest.raises(UserError, match="36 pixels are too small for a crop of 40"):
        RandomView(40)(noise())


def test_views_are_the_same_without_xla():
    options, images, keys = {"hue": 0.1, "erase": 1.0}, noise(), keys_of(4, 0)
    one, other = (
        RandomView(SIZE, jit=jit, **options)(images, keys, training=True) for jit in (True, False)
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


def test_a_gpu_where_xla_does_not_work_draws_by_kernels_and_a_warning_says_so(monkeypatch):
    def lacking(*given):
        raise tf.errors.InternalError(None, None, "libdevice not found at ./libdevice.10.bc\nlong")

    gpu = SimpleNamespace(name="/device:CPU:0")  # stands for one
    monkeypatch.setattr(warping.tf.config, "list_logical_devices", lambda kind: [gpu])
    monkeypatch.setattr(warping, "_by_xla", lacking)
    warping.has_xla.cache_clear()
    view = RandomView(SIZE)
    try:
        with pytest.warns(UserWarning, match="XLA does not work .*libdevice.10.bc.: views"):
            taken = view(noise(), keys_of(4, 0), training=True)
    finally:
        warping.has_xla.cache_clear()
    monkeypatch.undo()
    np.testing.assert_allclose(taken, view(noise(), keys_of(4, 0), training=True), atol=1e-3)
