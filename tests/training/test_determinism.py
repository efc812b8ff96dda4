import tensorflow as tf

from cervix_tf.training.determinism import repeatable


def test_the_options_set_before_are_restored():
    options = {"remapping": False, "disable_meta_optimizer": False}
    tf.config.optimizer.set_experimental_options(options)
    before = tf.config.optimizer.get_experimental_options()
    with repeatable():
        assert tf.config.optimizer.get_experimental_options()["disable_meta_optimizer"]
    after = tf.config.optimizer.get_experimental_options()
    assert not after.get("disable_meta_optimizer")
    assert after["remapping"] == before["remapping"] is False
    tf.config.optimizer.set_experimental_options(
        {"remapping": True, "disable_meta_optimizer": True}
    )
