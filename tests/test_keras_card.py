import pytest

from cervix_tf.errors import UserError
from cervix_tf.keras_card import load_card, save_model


def test_a_model_and_its_card_are_one_file(tmp_path):
    import keras

    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    save_model(model, path, {"class_names": ["é", "b"]}, "card.json")
    assert load_card(path, "card.json") == {"class_names": ["é", "b"]}
    assert keras.saving.load_model(path).output_shape == (None, 3)
    with pytest.raises(UserError, match=r"model.keras holds no other.json"):
        load_card(path, "other.json")
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="train again"):
        load_card(path, "card.json")
