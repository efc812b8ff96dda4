import numpy as np
import pytest
import tensorflow as tf

from cervix_tf import models
from cervix_tf.errors import UserError
from cervix_tf.training.steps import Stepper


def test_too_little_memory_is_one_line_that_says_what_helps(recipe):
    def view(images, keys, training):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    chosen = recipe()
    model = models.build("cervixnet1", image_size=32, **chosen.model.options)
    stepper = Stepper(model, view, chosen, chosen.stages[1], np.ones(3, "float32"))
    images = np.zeros((8, 40, 40, 3), "uint8")
    with pytest.raises(UserError, match="8 photographs of 32 x 32 .*batch_size") as caught:
        stepper(images, np.zeros((8, 2), "int32"), np.zeros(8, "int32"))
    assert "\n" not in str(caught.value)
