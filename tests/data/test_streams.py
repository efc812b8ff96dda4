import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cervix_tf.data import SquareRows, batches, prepare, square_size, training_stream
from cervix_tf.errors import UserError

SIZE = 32


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    import cv2

    folder, rows = tmp_path_factory.mktemp("stream"), []
    for k in range(10):
        noise = np.random.default_rng(k).integers(0, 256, (40, 50, 3), "uint8")
        cv2.imwrite(str(folder / f"{k}.png"), noise)
        name = f"{k}.png"
        rows.append({"image": name, "path": str(folder / name), "label": "abc"[k % 3]})
    return pd.DataFrame(rows)


def taken(stream, count):
    return [[np.asarray(part) for part in batch] for batch in itertools.islice(stream, count)]


def equal(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    count=st.integers(1, 12),
    batch=st.integers(1, 20),
    seed=st.integers(0, 2**31 - 1),
    start=st.integers(0, 30),
)
def test_resumed_stream_goes_on_as_the_uninterrupted(count, batch, seed, start):
    squares = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, 4, 4, 3), np.uint8
    )
    labels = np.arange(count) * 7
    whole = taken(training_stream(squares, labels, batch, seed), start + 3)
    resumed = taken(training_stream(squares, labels, batch, seed, start_step=start), 3)
    assert equal(whole[start:], resumed)
    places = np.concatenate([keys for _, keys, _ in whole])
    for epoch in range(len(places) // count):
        rows = places[epoch * count : (epoch + 1) * count]
        assert (rows[:, 0] == epoch).all()
        assert sorted(rows[:, 1]) == list(range(count)), "every photograph once an epoch"
    for images, keys, classes in whole:
        assert images.shape == (batch, 4, 4, 3)
        assert (images == keys[:, 1, None, None, None]).all()
        assert (classes == keys[:, 1] * 7).all()


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    batch=st.integers(1, 20),
    seed=st.integers(0, 2**31 - 1),
    start=st.integers(0, 9),
)
def test_balanced_stream_shows_every_class_equally_often(counts, batch, seed, start):
    labels = np.repeat(np.arange(len(counts)), counts)
    squares = np.zeros((len(labels), 2, 2, 3), np.uint8)
    whole = taken(training_stream(squares, labels, batch, seed, balanced=True), start + 3)
    resumed = taken(training_stream(squares, labels, batch, seed, start, balanced=True), 3)
    assert equal(whole[start:], resumed)
    places = np.concatenate([keys for _, keys, _ in whole])
    shown = np.bincount(labels[places[:, 1]], minlength=len(counts))
    assert shown.max() - shown.min() <= 1
    assert len(set(map(tuple, places))) == len(places), "no view comes twice"
    for k, count in enumerate(counts):
        own = places[labels[places[:, 1]] == k]
        for epoch in range(len(own) // count):
            rows = own[epoch * count : (epoch + 1) * count]
            assert (rows[:, 0] == epoch).all()
            assert sorted(rows[:, 1]) == sorted(np.flatnonzero(labels == k))


def test_order_changes_with_epoch_and_seed():
    squares, labels = np.zeros((50, 2, 2, 3), np.uint8), np.zeros(50)
    orders = [
        tuple(keys[:, 1])
        for seed in (0, 1)
        for _, keys, _ in taken(training_stream(squares, labels, 50, seed), 3)
    ]
    assert len(set(orders)) == 6
    assert tuple(range(50)) not in orders


@pytest.mark.parametrize("cache", ["memory", "none", "folder"])
def test_stream_of_prepared_squares(manifest, tmp_path, cache):
    squares = prepare(manifest, SIZE, tmp_path if cache == "folder" else cache)
    for images, keys, _ in taken(training_stream(squares, np.zeros(10), 4, seed=1), 3):
        assert images.dtype == np.uint8
        assert np.array_equal(images, np.stack([squares[k] for k in keys[:, 1]]))


def test_evaluation_is_in_the_order_of_the_manifest_with_the_last_batch(manifest):
    dataset = batches(manifest, SIZE, 4, cache="memory")
    assert len(dataset) == 3
    side = square_size(SIZE)
    margin = (side - SIZE) // 2
    whole = prepare(manifest, side, "memory").array[:, margin:-margin, margin:-margin]
    for _ in range(2):
        found = taken(dataset, 9)
        assert [len(labels) for _, labels in found] == [4, 4, 2]
        assert np.array_equal(np.concatenate([images for images, _ in found]), whole)
        assert np.concatenate([labels for _, labels in found]).tolist() == [0, 1, 2] * 3 + [0]


def test_training_shuffles_every_pass_and_shows_all(manifest):
    dataset = batches(manifest, SIZE, 4, training=True, seed=5, cache="memory")
    passes = [taken(dataset, 9) for _ in range(3)]
    again = batches(manifest, SIZE, 4, training=True, seed=5, cache="memory")
    assert equal(passes[0], taken(again, 9))
    assert equal(passes[1], taken(again, 9))
    seen = [np.concatenate([images for images, _ in p]) for p in passes]
    assert len({pictures.tobytes() for pictures in seen}) == 3
    for pictures in seen:
        assert len(np.unique(pictures.reshape(10, -1), axis=0)) == 10


@pytest.mark.slow
def test_augmented_batches_differ_between_passes_and_repeat_with_the_seed(manifest):
    options = {"flip": True, "rotation": 40.0}
    one, two = (batches(manifest, SIZE, 4, True, options, seed=2, cache="memory") for _ in range(2))
    first = taken(one, 9)
    assert first[0][0].dtype == np.float32
    assert equal(first, taken(two, 9))
    assert not equal(first, taken(one, 9))
    assert [images.shape for images, _ in first] == [(n, SIZE, SIZE, 3) for n in (4, 4, 2)]


def test_photographs_without_labels(manifest):
    unknown = manifest.assign(label=manifest["label"].where(manifest.index > 1))
    labels = np.concatenate(
        [found for _, found in taken(batches(unknown, SIZE, 4, cache="memory"), 9)]
    )
    assert labels.tolist() == [-1, -1, 2, 0, 1, 2, 0, 1, 2, 0]
    nothing = manifest.assign(label=None)
    labels = np.concatenate(
        [found for _, found in taken(batches(nothing, SIZE, 4, cache="memory"), 9)]
    )
    assert set(labels) == {-1}
    with pytest.raises(UserError):
        batches(unknown, SIZE, 4, training=True, cache="memory")


def test_keras_fits_and_evaluates_on_batches(manifest):
    import keras

    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    training = batches(manifest, SIZE, 4, True, {"flip": True}, cache="memory")
    history = model.fit(training, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.predict(batches(manifest, SIZE, 4, cache="memory"), verbose=0).shape == (10, 3)


def test_stream_of_some_rows_is_the_stream_of_their_copy(manifest, tmp_path):
    squares = prepare(manifest, SIZE, tmp_path).array
    rows = np.array([7, 2, 9, 3, 0])
    labels = np.arange(5)
    read = taken(training_stream(SquareRows(squares, rows), labels, 4, seed=1), 3)
    assert equal(read, taken(training_stream(np.asarray(squares)[rows], labels, 4, seed=1), 3))


def test_no_stream_is_rewritten_which_would_copy_all_squares(manifest):
    squares = prepare(manifest, SIZE, "memory")
    streams = [training_stream(squares, np.zeros(10), 4, seed=1)]
    streams += [batches(manifest, SIZE, 4, training, cache="memory") for training in (True, False)]
    for stream in streams:
        assert stream.options().experimental_optimization.apply_default_optimizations is False
