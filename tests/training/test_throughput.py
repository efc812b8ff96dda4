import itertools
from types import SimpleNamespace

import pytest

from cervix_tf.data import decoding_pass, read_manifest
from cervix_tf.errors import UserError
from cervix_tf.training import bench, throughput

PARTS = ("first_pass", "cached_pass", "augmentation", "step", "viewed", "fit")


@pytest.mark.slow
def test_every_part_has_a_rate_and_the_bottleneck_takes_longest(phantoms, recipe, tmp_path):
    manifest = read_manifest(phantoms)
    calls = []
    figures = bench(
        manifest, recipe(), tmp_path, seconds=0.1, progress=lambda *call: calls.append(call)
    )
    assert all(figures[part] > 0 for part in PARTS)
    assert figures["photographs"] == len(manifest)
    assert calls[-1] == (len(manifest), len(manifest))
    assert list(tmp_path.glob("*.npy")), "the cache is filled"
    assert (figures["model"], figures["image_size"], figures["batch_size"]) == ("cervixnet1", 32, 8)
    assert figures["epochs"] == pytest.approx((8 + 9) * 8 / len(manifest))
    assert figures["waiting"] == max(0, 1 - figures["fit"] / figures["viewed"]) < 1
    assert figures["overhead"] > 0
    assert figures["device"].startswith(("CPU", "GPU"))
    seconds = {part: figures["epochs"] / figures[part] for part in PARTS[1:4]}
    seconds["first_pass"] = 1 / figures["first_pass"]
    assert figures["bottleneck"] == max(seconds, key=seconds.get)


@pytest.mark.slow
def test_slow_decoding_is_the_bottleneck_of_a_short_run(phantoms, recipe, monkeypatch):
    """By a clock on which decoding a photograph takes a second, and nothing else any time."""
    decoded, ticks, original = [], itertools.count(), decoding_pass.square
    monkeypatch.setattr(
        decoding_pass,
        "square",
        lambda path, *rest: (decoded.append(path), original(path, *rest))[1],
    )
    clock = SimpleNamespace(perf_counter=lambda: len(decoded) + next(ticks) / 1e3)
    monkeypatch.setattr(throughput, "time", clock)
    short = recipe(stages=[{"train": "all", "steps": 1}])
    manifest = read_manifest(phantoms)[:4]
    figures = bench(manifest, short, "memory", seconds=0.01)
    assert figures["bottleneck"] == "first_pass"
    assert figures["first_pass"] == pytest.approx(1, rel=0.01)


def test_without_a_time_to_measure_it_is_refused(phantoms, recipe):
    with pytest.raises(UserError, match="seconds=0"):
        bench(read_manifest(phantoms), recipe(), "memory", seconds=0)
