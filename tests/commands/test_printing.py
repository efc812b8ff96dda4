"""What verbs leave out of TensorFlow's own lines."""

import logging

from cervix_tf.commands.printing import import_tensorflow


def test_retracing_is_no_news_and_other_warnings_are(caplog):
    import_tensorflow()
    tensorflow = logging.getLogger("tensorflow")
    tensorflow.warning("5 out of the last 9 calls triggered tf.function retracing.")
    tensorflow.warning("The disk is full.")
    assert [record.getMessage() for record in caplog.records] == ["The disk is full."]
