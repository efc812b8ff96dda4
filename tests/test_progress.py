import io
import re

import pytest
from rich.console import Console

from cervix_tf import progress


def test_a_bar_inside_another_is_drawn_with_it():
    console = Console(file=io.StringIO(), force_terminal=True)
    with progress.bar("Trials", 3, console) as outer:
        display = progress._shown[0]
        for number in range(2):
            with progress.bar("Training", 10) as inner:
                inner(4, note="loss 1")
                assert [task.description for task in display.tasks] == ["Trials", "Training"]
                assert display.tasks[1].completed == 4
            assert len(display.tasks) == 1
            outer(number + 1)
    assert not progress._shown
    with progress.bar("Alone", 1, Console(file=io.StringIO())) as quiet:
        quiet(1)  # no terminal: nothing is drawn


def test_a_progress_function_takes_the_place_of_the_bar():
    told = []
    with progress.bar("Training", 3, progress=lambda *counts: told.append(counts)) as shown:
        shown(1, note="loss 1")
        shown(3, 4)
    assert told == [(1, 3), (3, 4)]
    assert not progress._shown


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_is_heeded(monkeypatch, no_color):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    console = Console(file=io.StringIO(), force_terminal=True)
    with progress.bar("Training", 2, console) as shown:
        shown(1)
    text = console.file.getvalue()
    assert "Training" in text
    assert bool(re.search(r"\x1b\[(\d+;)*(3\d|9\d)", text)) is not bool(no_color)


def test_a_quiet_block_has_no_bar():
    console = Console(file=io.StringIO(), force_terminal=True)
    with progress.no_bars(), progress.bar("Training", 2, console) as shown:
        shown(1)
    assert console.file.getvalue() == ""
    with progress.bar("Training", 2, console) as shown:
        shown(2)
    assert "Training" in console.file.getvalue()


def test_time_left_is_of_the_whole_job(monkeypatch):
    clock = [0.0]
    console = Console(file=io.StringIO(), force_terminal=True, get_time=lambda: clock[0])
    left = progress.TimeLeft()
    with progress.bar("Folds", 3, console) as folds:
        left.display = progress._shown[0]
        folds(0)
        for resumed in (0, 40):  # steps that another process has taken
            with progress.bar(progress.TRAINING, 50) as training:
                outer, inner = left.display.tasks
                assert left.seconds(inner) is None
                training(resumed)
                clock[0] += 10
                training(resumed + 5)
                assert left.seconds(inner) == 10 * (45 - resumed) / 5
                # Of the folds the part that is trained counts: a tenth of the first.
                part = outer.completed + (resumed + 5) / 50
                assert left.seconds(outer) == pytest.approx(clock[0] * (3 - part) / part)
                clock[0] += 20
            folds(outer.completed + 1)
    assert str(left.render(outer)) == "0:00:30"
