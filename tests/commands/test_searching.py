import pytest

from cervix_tf.commands.searching import _weights
from cervix_tf.errors import UserError


def test_weights_of_the_pretrained_networks():
    assert _weights(None) is None
    assert _weights(["none"]) == "none"
    assert _weights(["inception=a.ckpt", "resnet=none"]) == {
        "inception": "a.ckpt",
        "resnet": "none",
    }
    with pytest.raises(UserError, match="did you mean 'inception'"):
        _weights(["incepton=a.ckpt"])
    with pytest.raises(UserError, match="with several, write"):
        _weights(["none", "a.ckpt"])
