import json
import threading
import zipfile

import pytest

from cervix_tf import archives
from cervix_tf.errors import UserError
from cervix_tf.keras_card import load_card, load_network, save_model


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


def rewritten(path, change):
    """Write a Keras file with another configuration."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config["config"]["layers"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(config) if name == "config.json" else content)


@pytest.mark.parametrize("units", [10**9, 10**14, 10**30])
def test_more_weights_than_a_file_holds_are_refused_before_there_is_room_for_them(tmp_path, units):
    import keras

    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(3)]).save(path)
    assert load_network(path).count_params() == 21
    rewritten(path, lambda layers: layers[1]["config"].update(units=units))
    add_weight = keras.layers.Layer.add_weight
    with pytest.raises(ValueError, match="declares more weights than it holds"):
        load_network(path)
    assert keras.layers.Layer.add_weight is add_weight


def test_what_another_thread_builds_meanwhile_does_not_count(tmp_path, monkeypatch):
    import keras

    path, load, built = tmp_path / "model.keras", keras.saving.load_model, []
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save(path)

    def beside(*words, **options):
        def build():
            built.append(keras.Sequential([keras.Input((2,)), keras.layers.Dense(500_000)]))

        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
        return load(*words, **options)

    monkeypatch.setattr(keras.saving, "load_model", beside)
    assert load_network(path).count_params() == 9
    assert built[0].count_params() == 1_500_000


def test_a_card_of_an_archive_that_unpacks_to_far_more_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("card.json", json.dumps({"a": " " * 600_000}))
    assert len(load_card(path, "card.json")["a"]) == 600_000
    monkeypatch.setattr(archives, "SMALL", 1000)
    with pytest.raises(UserError, match=r"holds no card.json"):
        load_card(path, "card.json")
    with pytest.raises(ValueError, match="would unpack to"):
        load_network(path)
