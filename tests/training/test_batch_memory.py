import pytest
import tensorflow as tf

from cervix_tf.errors import UserError
from cervix_tf.training.batch_memory import check_batch


def test_a_batch_larger_than_the_machine_is_refused_and_a_usual_one_is_not():
    check_batch(32, 2048)
    with pytest.raises(
        UserError, match=r"batch_size 2000000000: .* need \d+ GB, and this machine has"
    ):
        check_batch(2_000_000_000, 32)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (tf.errors.ResourceExhaustedError, "A batch of photographs does not fit into memory"),
        (tf.errors.DataLossError, "The photographs' cache cannot be read: cut"),
    ],
)
def test_faults_of_the_pipeline_are_one_line(phantoms, tmp_path, monkeypatch, fault, message):
    import cervix_tf as cx
    from tests.conftest import TINY

    def broken(*_):
        def photographs():
            raise fault(None, None, "cut\nat op 3")
            yield

        return photographs()

    monkeypatch.setattr("cervix_tf.training.loop.training_stream", broken)
    with pytest.raises(UserError, match=message) as caught:
        cx.fit(cx.data.read_manifest(phantoms), TINY, run=tmp_path / "run")
    assert "\n" not in str(caught.value)
