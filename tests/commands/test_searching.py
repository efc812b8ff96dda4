import sys

import pandas as pd
import pytest

from cervix_tf import training
from cervix_tf.commands import searching
from cervix_tf.commands.searching import _weights
from cervix_tf.errors import UserError


def test_weights_of_the_pretrained_networks():
    assert _weights(None) is None
    assert _weights(["none"]) == "none"
    assert _weights(["inception=a.ckpt", "resnet=none"]) == {
        "inception": "a.ckpt",
        "resnet": "none",
    }
    with pytest.raises(UserError, match="with several, write"):
        _weights(["none", "a.ckpt"])
    with pytest.raises(UserError, match="inception is given twice, as a and as b"):
        _weights(["inception=a", "inception=b"])
    with pytest.raises(UserError, match="inception=: write none, imagenet or a path"):
        _weights(["inception="])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["batch_size=[8, 16, 8]"], "batch_size: 8 is there twice"),
        (["batch_size=[8]", "--space", "batch_size=[16]"], "--space batch_size is given twice"),
    ],
)
def test_no_trial_is_asked_for_twice(mistake, phantoms, tmp_path, words, message):
    given = ("search", "--model", "cervixnet2", "--data", phantoms, "--study", tmp_path / "study")
    assert message in mistake(*given, "--space", *words)
    assert not (tmp_path / "study").exists()


def test_a_search_goes_on_in_a_fresh_process(monkeypatch, phantoms, tmp_path, capsys):
    """While trials wait the command starts itself anew, then it prints the best."""
    states, started = [["complete", "waiting"], ["complete", "complete"]], []

    class Replaced(Exception):
        pass

    def search(manifest, recipe, space, **given):
        assert given["max_trials"] == searching.TRIALS_A_PROCESS
        state = states.pop(0)
        return pd.DataFrame(
            {"trial": [0, 1], "state": state, "log_loss": [0.9, 0.8], "model.l2": [0.0, 0.1]}
        )

    def execv(program, words):
        started.append(words)
        raise Replaced

    monkeypatch.setattr(training, "search", search, raising=False)
    monkeypatch.setattr(searching.os, "execv", execv)
    monkeypatch.setattr(sys, "argv", ["cervix-tf", "search", "--space", "model.l2=[0, 0.1]"])
    given = dict(
        space=["model.l2=[0, 0.1]"], study=tmp_path / "study", recipe="cervixnet2", data=phantoms
    )
    with pytest.raises(Replaced):
        searching.search(**given)
    assert started == [[sys.executable, "-m", "cervix_tf.cli", *sys.argv[1:]]]
    assert "log loss" not in capsys.readouterr().out
    searching.search(**given)
    out = capsys.readouterr().out
    assert out.splitlines()[1].split() == ["1", "0.8000", "0.1"]
    assert "2 complete" in out
    assert not states


def test_without_optuna_the_line_says_what_to_install(mistake, phantoms, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(vars(training), "search", raising=False)
    for module in ("hyperparameter_search", "study", "storages"):  # imported anew, they look for it
        monkeypatch.delitem(sys.modules, f"cervix_tf.training.{module}", raising=False)
    words = ("search", "--model", "cervixnet2", "--space", "6.2", "--study", tmp_path)
    assert "pip install 'cervix-tf[tune]'" in mistake(*words, "--data", phantoms)
