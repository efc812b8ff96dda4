"""Every command of the README and the docs is run, in the order of its page.

A page's code blocks and code spans are read with markdown-it. A block holds commands, or, marked so,
Python, YAML, or text: what the command before it prints. Numbers in it may be others; `...` is anything.
A command of a program that is not in `RUNS` fails. One of a verb in `BEGUN` whose options another command
of the same verb has too, and more, is only begun: it reads its options, recipe and photographs, and ends
where the work would start. It is carried out where the page says what it prints or needs what it writes.
"""

import argparse
import contextlib
import functools
import importlib
import itertools
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from pathlib import Path

import pytest
import typer
import yaml
from markdown_it import MarkdownIt
from packaging.requirements import Requirement

from cervix_tf import cli

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "kaggle_submission/README.md",
    ROOT / "docs/api/index.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/guides/*.md")),
    *sorted(ROOT.glob("docs/appendix/*.md")),
]
# Among the quick tests; the README and the other pages are not.
QUICK = ("index.md", "kaggle.md", "models.md")
# Commands that are read, but not carried out, and why.
ONLY_READ = {
    "make": "installs into `.venv` and takes minutes; the target has to be there",
    "pip": "it would change the environment of the tests; the extra has to be there",
    "python": "a benchmark or notebook takes minutes; its own parser has to take the arguments",
    "kaggle": "it needs an account; the parser of Kaggle's client has to take the arguments",
}
SERVES = ("demo",)  # verbs that go on until they are interrupted: their arguments are read
# A cluster takes half a minute to start; tests/inference/test_prediction_cluster.py starts one.
CLUSTER = "--ray"
# Verbs that take long, and the functions that they spend it in.
BEGUN = {
    "audit": ("quality.audit",),
    "bench": ("training.bench",),
    "crossfit": ("training.crossfit", "commands.training.estimated"),
    "evaluate": ("evaluation.evaluate",),
    "explain": ("explanation.explain",),
    "explore": ("exploration.explore",),
    "export": ("inference.export",),
    "fit": ("training.fit", "training.resume", "commands.training.estimated"),
    "phantom": ("data.phantom",),
    "predict": ("inference.predict", "inference.write_predictions"),
    "reproduce": ("reproduction.reproduce",),
    "search": ("training.search", "commands.searching.estimated"),
    "segment": ("segmentation.segment",),
    "submit": ("inference.predict",),
}
END = ("", "")  # of a page
FILL = {"RUN": "runs/first", "TEST": "data", "STUDY": "studies/resnet", "FOLDER": "folder"}
# Put behind the options of a command that holds the word; the last counts: less of the same.
LESS = {
    "crossfit": "--folds 2",
    "phantom": "--per-class 6 --test 3 --size 120x160",
    "search": "--trials 1",
    "reproduce": "--only table3",
    "bench": "--seconds 0.02",
    "--backbone": "--set image_size=64",
}


def items(page: Path) -> list[tuple[str, str | list[str]]]:
    """What a page shows to type and what is printed, in its order: ("sh", words) or (kind, text)."""
    found: list[tuple[str, str | list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.info in ("python", "yaml", "text"):
            found.append((token.info, token.content))
        elif token.type in ("fence", "code_block"):
            assert token.info in ("", "sh"), f"{page.name}: what is a block of {token.info!r}?"
            lines = token.content.replace("\\\n", " ").splitlines()
            found += [("sh", words) for line in lines if (words := _words(line))]
        elif token.type == "inline":
            spans = [child.content for child in token.children if child.type == "code_inline"]
            found += [("sh", _words(span)) for span in spans if _is_command(span)]
    return found


def _words(line: str) -> list[str]:
    """The words of a command, real folders in the place of those that only stand for some."""
    words = shlex.split(line, comments=True)
    return ["/".join(FILL.get(part, part) for part in word.split("/")) for word in words]


def _is_command(span: str) -> bool:
    """Whether a span of code is a command: several words, the first of which is a program."""
    first, *rest = span.split()
    return bool(rest) and (first in RUNS or bool(shutil.which(first)))


@functools.cache
def _carried_out() -> set[tuple[Path, int]]:
    """Where a command has options that no other of its verb has all of: page and place in it."""
    options: dict[tuple[Path, int], set[str]] = {}
    for page in PAGES:
        for place, ((kind, what), (_, said)) in enumerate(itertools.pairwise([*items(page), END])):
            if kind == "sh" and what[0] == "cervix-tf" and not str(said).startswith("Error: "):
                options[page, place] = {what[1], *(word for word in what if word.startswith("--"))}
    chosen: dict[tuple[Path, int], set[str]] = {}
    # The README comes last: other pages go on with what they write.
    for where in sorted(options, key=lambda at: (-len(options[at]), at[0] == PAGES[0])):
        if not any(options[where] <= others for others in chosen.values()):
            chosen[where] = options[where]
    return set(chosen)


def _is_needed(words: list[str], later: list[tuple[str, str | list[str]]]) -> bool:
    """Whether something later on the page reads what a command writes, and it is not there yet."""
    text = "\n".join(" ".join(what) if kind == "sh" else str(what) for kind, what in later)
    written = re.findall(r"--(?:out|run|study) (\S+)|^phantom (\S+)", " ".join(words))
    return any(
        re.search(rf"(?<![\w/])(?<!--out ){re.escape(path)}(?![\w.])", text)
        for path in map("".join, written)
        if not Path(path).exists()
    )


@pytest.mark.parametrize(
    "page",
    [page if page.name in QUICK else pytest.param(page, marks=pytest.mark.slow) for page in PAGES],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_command_runs(page, place, short, spoiled, run, monkeypatch):
    names: dict = {}
    shown = [*items(page), END]
    for place, ((kind, what), (next_kind, said)) in enumerate(itertools.pairwise(shown)):
        said = said if next_kind == "text" else ""
        if kind == "sh":
            program, *words = what
            assert program in RUNS, f"{page.name}: no way is known to run {shlex.join(what)}"
            if program == "cervix-tf" and (words[0] in SERVES or CLUSTER in words):
                verbs = typer.main.get_command(cli.app).commands
                verbs[words[0]].make_context(words[0], words[1:])
            elif program == "cervix-tf":
                again = not said and (page, place) not in _carried_out()
                begun = again and not _is_needed(words, shown[place + 1 :])
                with spoiled(said), _ending(BEGUN.get(words[0], ()) if begun else ()):
                    _cervix_tf(words, said, run, begun)
            else:
                RUNS[program](words, monkeypatch)
        elif kind == "python":
            _make_way(what)
            what = re.sub(r"\bsteps=\d+", "steps=2", what)
            exec(compile(what, page.name, "exec"), names)
        elif kind == "yaml":
            assert yaml.safe_load(what)


def test_commands_are_found_wherever_they_stand(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Type `sort names.txt`, not `fit` or `sort`.\n\n    curl -O x\n\n```sh\nls\n```\n"
    )
    assert items(page) == [
        ("sh", ["sort", "names.txt"]),
        ("sh", ["curl", "-O", "x"]),
        ("sh", ["ls"]),
    ]
    assert set(RUNS) == {"cervix-tf", *ONLY_READ}


# How the programs are run -----------------------------------------------------------------------------


@contextlib.contextmanager
def _ending(functions: Sequence[str]) -> Iterator[None]:
    """Let the program end where it calls one of these functions of the package."""
    with pytest.MonkeyPatch.context() as patch:
        for function in functions:
            patch.setattr(f"cervix_tf.{function}", lambda *_, **__: sys.exit())
        yield


def _cervix_tf(words: list[str], said: str, run, begun: bool) -> None:
    fails = said.startswith("Error: ")
    if not begun and not fails and words[0] != "audit":  # its --run is one to read
        _make_way(" ".join(words))
    less = " ".join(LESS.get(word, "") for word in words)
    code, out, err = run(*words, *shlex.split(less))
    if not words[1:] and not said and code == 2:  # a verb that is named, without what it needs
        code, out, err = run(*words, "--help")
    assert code == (2 if fails else 0), f"{shlex.join(words)}\n{out}\n{err}"
    printed = [_masked(line) for line in (out + "\n" + err).splitlines()]
    for line in filter(None, map(_masked, said.splitlines())):
        pattern = re.escape(line).replace(re.escape("..."), ".*")
        assert any(re.fullmatch(pattern, each) for each in printed), f"{line}\n{out}\n{err}"


def _masked(line: str) -> str:
    """A line with its numbers and its gaps alike."""
    return " ".join(re.sub(r"-?\d[\d.,]*(e[-+]\d+)?", "0", line).split())


def _make_way(text: str) -> None:
    """Remove the run that a command or program trains into, and phantoms drawn before."""
    for run in re.findall(
        r"""--run[ =](\S+)|run="(.+?)"|^phantom (\S+)|--out (ensembles/\S+)""", text
    ):
        shutil.rmtree("".join(run), ignore_errors=True)


def _parsed(main, words, monkeypatch):
    """Run a program until its parser has taken the arguments."""

    class Parsed(Exception):
        pass

    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser):
        raise Parsed(parse(parser))

    monkeypatch.setattr(sys, "argv", words)
    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        with pytest.raises(Parsed):
            main()


def _python(words, monkeypatch):
    if words[0] == "-m" and words[1].startswith("benchmarks."):
        _parsed(importlib.import_module(words[1]).main, words[1:], monkeypatch)
    else:
        assert words[0] == "notebooks/execute.py", f"no way is known to run {words}"
        _parsed(runpy.run_path(str(ROOT / words[0]))["main"], words, monkeypatch)


def _kaggle(words, monkeypatch):
    with contextlib.redirect_stdout(None):  # without a token it says how to get one
        from kaggle import cli

    _parsed(cli.main, ["kaggle", *words], monkeypatch)


def _make(words, monkeypatch):
    subprocess.run(["make", "--dry-run", *words], cwd=ROOT, check=True, capture_output=True)


def _pip(words, monkeypatch):
    verb, wanted = words[:2]
    assert verb in ("install", "wheel")
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    extras = setup["options.extras_require"]
    if wanted.startswith("."):
        wanted = wanted.replace(".", setup["metadata"]["name"], 1)
    requirement = Requirement(wanted)
    if requirement.name == setup["metadata"]["name"]:
        assert requirement.extras <= set(extras)
    else:
        assert requirement.name in [Requirement(n).name for n in extras["dev"].split("\n") if n]


RUNS = {"cervix-tf": _cervix_tf, "python": _python, "kaggle": _kaggle, "make": _make, "pip": _pip}
