"""A run or an ensemble as one Keras model, its calibration inside."""

import keras

from cervix_tf.runs import Calibration, Run
from cervix_tf.runs.calibration import LEAST


class Calibrated(keras.layers.Layer):
    """Calibrates probabilities (N, classes), as `Calibration` does.

    Args:
        calibration: The calibration.

    Example:
        >>> Calibrated(load("runs/first").calibration)(np.array([[0.9, 0.05, 0.05]]))
    """

    def __init__(self, calibration: Calibration, **options):
        super().__init__(**options)
        self.calibration = calibration

    def call(self, probabilities):
        """Calibrate probabilities."""
        logits = keras.ops.log(keras.ops.maximum(probabilities, LEAST))
        offsets = keras.ops.convert_to_tensor(self.calibration.offsets, logits.dtype)
        return keras.ops.softmax(logits * self.calibration.slope + offsets)


def calibrated_model(run: Run, raw: bool = False) -> keras.Model:
    """Build one Keras model of what `predict` does with a run's network, or an ensemble's.

    Args:
        run: The run or ensemble.
        raw: Whether to leave the calibration out.

    Returns:
        RGB (N, S, S, 3) in [0, 255] in, probabilities (N, classes) out.

    Example:
        >>> calibrated_model(load("runs/first")).predict(images)
    """
    calibration = None if raw else run.calibration
    if calibration is None and len(run.members) == 1:
        return run.members[0].model
    image = keras.Input((run.image_size, run.image_size, 3), name="image")
    each = []
    for number, member in enumerate(run.members, 1):
        network = member.model
        network.name = f"network_{number}"  # layers of one model need names of their own
        probabilities = network(image)
        each.append(Calibrated(calibration)(probabilities) if calibration else probabilities)
    return keras.Model(image, keras.layers.average(each) if len(each) > 1 else each[0])
