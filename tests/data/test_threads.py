import threading
import time

import cv2
import pytest

from cervix_tf.data.photographs import cores
from cervix_tf.data.threads import opencv_alone, spread


def test_every_row_is_done_once():
    done, mutex = [], threading.Lock()

    def work(row):
        with mutex:
            done.append(row)

    spread(work, iter(range(500)))
    assert sorted(done) == list(range(500))
    spread(work, [])
    assert len(done) == 500


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_an_error_ends_it_after_the_rows_in_hand(error):
    done, failed = [], threading.Event()

    def work(row):
        if row == 5:
            failed.set()
            raise error
        if failed.is_set():
            time.sleep(0.05)  # longer than the main thread needs to hear of it
        done.append(row)

    with pytest.raises(type(error)):
        spread(work, range(1000))
    assert len(done) <= 5 + 3 * cores()


def test_opencv_has_its_threads_back_whatever_happens():
    threads = cv2.getNumThreads()

    def fail():
        assert cv2.getNumThreads() == 1
        raise ValueError("amiss")

    with pytest.raises(ValueError, match="amiss"), opencv_alone():
        fail()
    assert cv2.getNumThreads() == threads


def test_opencv_has_its_threads_back_when_two_want_it_alone_at_once():
    threads = cv2.getNumThreads()

    def work(_):
        with opencv_alone():
            time.sleep(0.01)
            assert cv2.getNumThreads() == 1

    spread(work, range(8))
    assert cv2.getNumThreads() == threads
