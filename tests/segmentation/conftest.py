"""A stand-in for the localiser that finds what is red, and pictures for it."""

import cv2
import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def red():
    import keras

    from cervix_tf.segmentation import Localizer

    class Red(keras.layers.Layer):
        """Its logits are known: how much more red than green there is."""

        def call(self, images):
            images = keras.ops.cast(images, "float32")
            excess = images[..., :1] - images[..., 1:2] - 60.0
            return keras.ops.average_pool(excess, 4, 4) / 6.0

        def compute_output_shape(self, shape):
            return (shape[0], shape[1] // 4, shape[2] // 4, 1)

    inputs = keras.Input((64, 64, 3))
    return Localizer(keras.Model(inputs, Red()(inputs)), threshold=0.8)


@pytest.fixture(scope="session")
def picture():
    """Maker of a grey picture with a red box, which may have a hole."""

    def draw(height, width, box=None, hole=False):
        image = np.full((height, width, 3), 90, np.uint8)
        if box:
            x, y, w, h = box
            image[y : y + h, x : x + w] = (200, 40, 40)
            if hole:
                image[y + h // 3 : y + h // 2, x + w // 3 : x + w // 2] = 90
        return image

    return draw


@pytest.fixture
def folder(tmp_path, picture):
    """A wide red box, a grey photograph, a black one, one a pixel wide, and a damaged file."""
    wide = picture(200, 400, (40, 20, 120, 160))
    odd = [wide, picture(100, 100), picture(50, 80) * 0, picture(90, 1)]
    paths = []
    for k, image in enumerate(odd):
        paths.append(tmp_path / f"{k}.png")
        cv2.imwrite(str(paths[-1]), image[..., ::-1])
    paths.append(tmp_path / "broken.jpg")
    paths[-1].write_bytes(b"\xff\xd8 no photograph")
    return pd.DataFrame({"path": [str(p) for p in paths], "label": "Type_1"})
