import sys

import pytest

from cervix_tf import cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    def call(*words) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cervix-tf", "explore", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.mark.slow
def test_explore_writes_a_page_and_says_where(run, phantoms, tmp_path):
    words = ("--data", phantoms, "--out", tmp_path / "out", "--size", 16, "--components", 3)
    network = ("--backbone", "cervixnet1", "--weights", "none", "--set", "image_size=32")
    code, out, err = run(*words, *network, "--cache", "memory", "--seed", 1)
    assert code == 0, err
    assert "33.3%" in out
    assert "Nearest neighbour on 3 components of 16 × 16 RGB pixels: right " in out
    assert "1024 features of cervixnet1" in out
    assert "class prior 33.3 %; 36 phantoms (drawn photographs)" in out
    assert (tmp_path / "out/explore.html").is_file()
    assert (tmp_path / "out/cervixnet1_tsne.png").is_file()


def test_mistakes(run, phantoms, tmp_path):
    words = ("--data", phantoms, "--out", tmp_path / "out")
    for more, said in (
        (("--backbone", "keras:MobileNett"), "did you mean 'keras:MobileNet'"),
        (("--weights", "imagenet"), "need a backbone"),
        (("--set", "alpha"), "write KEY=VALUE"),
        (("--set", "alpha=[1"), "not valid YAML"),
        (("--backbone", "cervixnet2", "--cache", "memory"), "no ImageNet weights"),
    ):
        code, _, err = run(*words, *more)
        assert code == 2
        assert said in err
        assert err.count("\n") == 1, err
    assert not (tmp_path / "out").exists()
