"""Who runs which trial: claims of several processes, kills, half-written journals."""

import pytest

from cervix_tf.errors import UserError
from cervix_tf.recipes import load_space
from cervix_tf.runs.claims import claimed
from cervix_tf.training.study import Study
from tests.planted.damages import DAMAGES

pytest.importorskip("optuna")
SPACE = {
    "optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "points": 3, "log": True},
    "model.l2": [0.0, 1e-4],
}


@pytest.fixture
def study(tmp_path):
    """Opener of one study, as if in another process each time."""
    return lambda **begun: Study(tmp_path / "study", load_space(SPACE), {"recipe": 1, **begun})


def numbers(claims):
    return [claim.trial.number for claim in claims]


def test_every_combination_is_claimed_once_by_whoever_asks(study):
    one, two = study(), study()
    assert one.enqueue_grid(4, seed=0) == 4
    assert two.enqueue_grid(None, seed=0) == 6, "the first four are not queued again"
    assert one.enqueue_grid(None, seed=5) == 6
    claims = [who.claim("grid", 6, 0) for who in (one, two, two, one, two, one)]
    assert numbers(claims) == [0, 1, 2, 3, 4, 5]
    found = {tuple(claim.values.values()) for claim in claims}
    assert found == {tuple(point.values()) for point in load_space(SPACE).grid()}
    assert one.claim("grid", 6, 0) is two.claim("grid", 6, 0) is None


def test_a_killed_process_leaves_its_trial_to_the_next(study):
    one, two = study(), study()
    one.enqueue_grid(None, seed=0)
    killed, kept = one.claim("grid", 6, 0), one.claim("grid", 6, 0)
    killed.trial.report(1.5, 10)
    killed.lease.release()  # as good as killed
    heir = two.claim("grid", 6, 0)
    assert (heir.trial.number, heir.values) == (0, killed.values)
    assert two.optuna.trials[0].intermediate_values == {10: 1.5}
    next_one = two.claim("grid", 6, 0)
    assert next_one.trial.number == 2, "what another still runs is left to it"
    two.tell(heir, 1.0)
    heir.lease.release()
    kept.lease.release()
    assert study().claim("grid", 6, 0).trial.number == 1, "what is told is not run again"


def test_a_stopped_process_keeps_its_trial(study):
    one, two = study(), study()
    one.enqueue_grid(2, seed=0)
    stopped = one.claim("grid", 2, 0)
    with claimed(one.run(0).folder):
        stopped.lease.release()  # as good as silent for too long
        assert two.claim("grid", 2, 0).trial.number == 1
        assert two.claim("grid", 2, 0) is None
    assert two.claim("grid", 2, 0).trial.number == 0


def test_a_kill_between_claim_and_values(study):
    one = study()
    one.optuna.ask()  # running by the journal, no value drawn, nobody's
    claim = study().claim("random", 1, 7)
    assert claim.trial.number == 0
    assert set(claim.values) == set(SPACE)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_values_belong_to_the_number_not_to_the_process(tmp_path, sampler):
    def values(folder, processes):
        studies = [Study(tmp_path / folder, load_space(SPACE), {}) for _ in range(processes)]
        claims = [studies[k % processes].claim(sampler, 6, 3) for k in range(6)]
        return [claim.values for claim in claims]

    alone = values("alone", 1)
    assert alone == values("shared", 3)
    assert len({claim["optimizer.learning_rate"] for claim in alone}) == 6
    assert all(1e-4 <= claim["optimizer.learning_rate"] <= 1e-2 for claim in alone)


def test_no_more_trials_than_asked_for(study):
    one = study()
    claims = [one.claim("random", 3, 0) for _ in range(3)]
    assert numbers(claims) == [0, 1, 2]
    assert study().claim("random", 3, 0) is None
    assert study().claim("random", 4, 0).trial.number == 3


def test_half_a_line_in_the_journal(study, tmp_path):
    one = study()
    one.enqueue_grid(None, seed=0)
    claim = one.claim("grid", 6, 0)
    with (tmp_path / "study/journal.log").open("ab") as journal:
        journal.write(b'{"op_code":6,"worker_')  # killed while writing
    two = study()
    assert two.claim("grid", 6, 0).trial.number == 1
    one.optuna.tell(claim.trial, 1.0)
    assert study().optuna.trials[0].value == 1.0


def test_other_searches_and_other_folders_are_refused(study, tmp_path):
    study()
    with pytest.raises(UserError, match="a search with another recipe"):
        study(recipe=2)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/recipe.yaml").write_text("")
    with pytest.raises(UserError, match="holds other things"):
        Study(tmp_path / "run", load_space(SPACE), {})
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["recipe.yaml"]


def test_a_study_file_of_many_aliases_is_told(study, tmp_path):
    study()
    lines = ["a: &a {x: 1}"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{new}: &{new} {{<<: [{', '.join(10 * ['*' + old])}]}}")
    (tmp_path / "study/study.yaml").write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"study\.yaml is damaged.* with its aliases"):
        study()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_study_is_told(study, tmp_path, damage):
    study()
    path = tmp_path / "study/study.yaml"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(UserError, match=r"study\.yaml is damaged"):
        study()


@pytest.mark.parametrize("damage", ["garbage", "null", "list"])
def test_a_damaged_journal_is_told(study, tmp_path, damage):
    study().enqueue_grid(None, seed=0)
    path = tmp_path / "study/journal.log"
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole) + b"\n" + whole)
    with pytest.raises(UserError, match=r"journal\.log is damaged"):
        study()
