"""What the tests of the models share: TF-Slim's reference, variables by its names, noise."""

import importlib.util

import numpy as np
import pytest

from tests.planted.shortcuts import shallow_keras_networks, small_networks


@pytest.fixture(scope="session")
def slim(shared):
    """The module that rebuilds TF-Slim's checkpoints and holds what it computed with them."""
    path = shared / "fixtures" / "tf_slim" / "slim_reference.py"
    module_spec = importlib.util.spec_from_file_location("slim_reference", path)
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return module


@pytest.fixture
def photographs():
    """Make uint8 noise of shape (count, size, size, 3)."""

    def make(count, size, seed=0):
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)

    return make


@pytest.fixture(scope="session")
def shaken():
    """Give every variable of a model a value of its own, so that a mix-up shows."""

    def shake(model, seed=0):
        rng = np.random.default_rng(seed)
        for variable in model.weights:
            noise = rng.uniform(0.9, 1.1, variable.shape)
            variable.assign(variable.numpy() * noise + 0.01 * rng.uniform(0, 1, variable.shape))
        for layer in model.layers if hasattr(model, "layers") else ():
            if hasattr(layer, "finalize_state"):  # a Normalization computes with derived values
                layer.finalize_state()
        return model

    return shake


@pytest.fixture(scope="module")
def small():
    """Networks with few of their many like units."""
    with pytest.MonkeyPatch.context() as patch:
        small_networks(patch, ("Mixed_3b", "Mixed_5a", "Mixed_5c"))
        shallow_keras_networks(patch)
        yield


@pytest.fixture(scope="module")
def inception(shaken, small):
    """A small Inception v2 with its ImageNet logits, its variables other than at the start."""
    from cervix_tf import models

    return shaken(models.backbone("inception", image_size=32, top=True))


@pytest.fixture(scope="module")
def inception_variables(inception, tmp_path_factory):
    """The same by TF-Slim's names: name to array."""
    import tensorflow as tf

    from cervix_tf import models

    prefix = tmp_path_factory.mktemp("slim") / "inception_v2.ckpt"
    models.save_slim_checkpoint(inception, prefix)
    reader = tf.train.load_checkpoint(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.fixture(scope="session")
def write_v2():
    """Write a name-to-array mapping as a V2 checkpoint."""
    import tensorflow as tf

    def write(values, prefix):
        tf.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=list(values.values()),
        )
        return prefix

    return write


@pytest.fixture(scope="session")
def graph_saver():
    """Run a writer in a TensorFlow 1 graph that holds the variables."""
    import tensorflow as tf

    def run(values, write):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            assigned, fed = [], {}
            for name, value in values.items():
                variable = tf.compat.v1.get_variable(name, value.shape, use_resource=False)
                place = tf.compat.v1.placeholder(value.dtype, value.shape)
                assigned.append(tf.compat.v1.assign(variable, place).op)
                fed[place] = value
            session.run(assigned, fed)
            write(session)

    return run
