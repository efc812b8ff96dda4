TINY = ("model.widths=[4,4]", "model.dense=8", "image_size=32", "batch_size=8")
STAGES = 'stages=[{"train": "all", "steps": 2}]'


def test_a_fit_prints_how_it_goes(run, phantoms, tmp_path):
    settings = [word for setting in (*TINY, STAGES) for word in ("--set", setting)]
    words = ("fit", "--model", "cervixnet1", "--data", phantoms, "--cache", "memory")
    code, out, err = run(*words, "--run", tmp_path / "run", *settings)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("cervixnet1 at 32 x 32: ")
    assert lines[1].startswith("step     2  all       training ")
    assert lines[2].startswith("The step alone makes ")
    assert lines[-1] == f"Run folder: {tmp_path / 'run'}"
    code, out, err = run("fit", "--resume", tmp_path / "run")
    assert out.splitlines()[0] == f"{tmp_path / 'run'} is complete: nothing is left to train."
