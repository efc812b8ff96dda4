"""A run or an ensemble as one Keras model, its calibration inside."""

import keras

from cervix_tf.runs import Calibration, Run
from cervix_tf.runs.calibration import LEAST


class CalibratedMean(keras.layers.Layer):
    """Averages probabilities of several networks as `geometric_mean`, then calibrates them.

    Args:
        calibration: The calibration; None to leave it out.

    Example:
        >>> CalibratedMean(load("ensembles/first").calibration)([first, second])
    """

    def __init__(self, calibration: Calibration | None, **options):
        super().__init__(**options)
        self.calibration = calibration

    def call(self, probabilities):
        """Average and calibrate a list of (N, classes)."""
        ops = keras.ops
        logs = [ops.log(ops.maximum(each, LEAST)) for each in probabilities]
        mean = sum(logs[1:], logs[0]) / len(logs)
        if self.calibration is None:
            return ops.softmax(mean)
        offsets = ops.convert_to_tensor(self.calibration.offsets, mean.dtype)
        return ops.softmax(mean * self.calibration.slope + offsets)


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
        each.append(network(image))
    return keras.Model(image, CalibratedMean(calibration)(each))
