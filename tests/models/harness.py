"""What every registered network must do, whatever it is.

Run on tiny members of each family by `test_catalogue.py`, and on all of `keras.applications` by
`benchmarks/keras_table.py`. Eagerly: tracing a graph of a large network takes longer than running it.
"""

import keras
import numpy as np
import tensorflow as tf

from cervix_tf import models


def exercise(name, folder, image_size, **options):
    """Take uint8 and float32, a training step, predict, save and load; return the model."""
    keras.utils.set_random_seed(0)
    model = models.build(name, image_size=image_size, l2=1e-4, head_l2=1e-3, dropout=0.1, **options)
    assert [layer.name for layer in model.layers[-2:]] == ["logits", "probabilities"]
    assert model.layers[1].name == "preprocessing"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, image_size, image_size, 3), dtype=np.uint8)

    # the same photographs as uint8 and as float32
    entry = keras.Model(model.input, model.layers[1].output)
    np.testing.assert_allclose(entry(images), entry(images.astype("float32")), atol=1e-4)

    # one training step
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = -tf.reduce_mean(tf.math.log(outputs[:, 0])) + tf.add_n(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
    keras.optimizers.SGD(0.1, global_clipnorm=1.0).apply(gradients, model.trainable_variables)

    # probabilities, and the same ones saved and loaded
    expected = model(images, training=False).numpy()
    assert expected.shape == (2, 3)
    np.testing.assert_allclose(expected.sum(1), 1, atol=1e-5)
    model.save(folder / "model.keras")
    again = models.load_model(folder / "model.keras")
    np.testing.assert_array_equal(again(images, training=False).numpy(), expected)
    assert len(again.losses) == len(model.losses) > 0
    heads = [[layer.name for layer in models.head_layers(m)] for m in (model, again)]
    assert heads[0] == heads[1]
    return model
