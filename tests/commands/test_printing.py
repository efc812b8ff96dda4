"""What verbs leave out of TensorFlow's own lines."""

import logging
from unittest.mock import Mock

from cervix_tf.commands.printing import import_tensorflow


def test_retracing_is_no_news_and_other_messages_are():
    import_tensorflow()
    tensorflow, handler = logging.getLogger("tensorflow"), Mock(level=logging.NOTSET)
    tensorflow.addHandler(handler)
    tensorflow.error("5 out of the last 9 calls triggered tf.function retracing.")
    tensorflow.warning(
        "AutoGraph could not transform <f> and will run it as-is.\nPlease report this"
    )
    tensorflow.error("The disk is full.")
    tensorflow.removeHandler(handler)
    (call,) = handler.handle.call_args_list
    assert call.args[0].getMessage() == "The disk is full."
