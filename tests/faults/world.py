"""The folders that a case works on, what a verb writes there undisturbed, and the laws after a fault."""

import contextlib
import csv
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

HERE = Path(__file__).parent
TINY = ["--model", "cervixnet2", "--data", "{data}"] + [
    word
    for key in (
        "image_size=32", "batch_size=8", "model.widths=[4,4,8]", "validation=0.3",
        "stages=[{train: all, steps: 4}]", "checkpoint_every=2", "validate_every=2",
    )
    for word in ("--set", key)
]  # fmt: skip
CACHE = ["--cache", "{cache}"]
VERBS = {
    "phantom": ["phantom", "{out}/drawn", "--per-class", "2", "--test", "1", "--size", "120x160"],
    "prepare": ["prepare", "--data", "{data}", "--size", "32", *CACHE],
    "audit": ["audit", "--data", "{data}", "--out", "{out}/audit", *CACHE],
    "fit": ["fit", *TINY, "--run", "{out}/run", *CACHE],
    "evaluate": ["evaluate", "{run}", "--out", "{out}/figures", *CACHE],
    "explain": [
        *("explain", "{run}", "--out", "{out}/maps.png", "--photographs", "2"),
        *("--method", "gradient", *CACHE),
    ],
    "report": ["report", "{run}", "--out", "{out}/report.html"],
    "predict": ["predict", "{run}", "{data}/test", "--out", "{out}/predictions.csv"],
    "predict to the screen": ["predict", "{run}", "{data}/test"],
    "submit": ["submit", "{run}", "--test", "{data}/test", "--out", "{out}/submission.csv"],
    "export": ["export", "{run}", "--out", "{out}/exported"],
    "export to ONNX": ["export", "{run}", "--format", "onnx", "--out", "{out}/model.onnx"],
    "card": ["card", "{run}", "--out", "{out}/card"],
    "cache": ["cache", *CACHE, "--prune", "0", "--yes"],
    "segment": ["segment", "{data}", "--out", "{out}/segmented"],
    "explore": ["explore", "--data", "{data}", "--out", "{out}/explored", "--size", "16", *CACHE],
    "crossfit": ["crossfit", *TINY, "--out", "{out}/ensemble", "--folds", "2", *CACHE],
    "search": [
        *("search", *TINY, "--study", "{out}/study", "--trials", "2", *CACHE),
        *("--space", "optimizer.learning_rate=[0.01, 0.001]"),
    ],
}  # fmt: skip
ERRORS = {
    "ENOSPC": ("write", "create"),
    "EIO": ("write", "open", "read"),
    "EACCES": ("open", "create"),
    "EMFILE": ("open",),
    "ENAMETOOLONG": ("create",),
}
SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -signal.SIGKILL}
STREAMS = {
    "stdout to a closed pipe": {"stdout": "pipe"},
    "stdout closed": {"stdout": "closed"},
    "stdout to /dev/full": {"stdout": "/dev/full"},
    "stderr closed": {"stderr": "closed"},
    "stdout in ASCII": {"encoding": "ascii"},
}
PLACES = {
    "no HOME": {"unset": ["HOME", "XDG_CACHE_HOME"]},
    "HOME not to be written": {
        "set": {"HOME": "/dev/null/home", "XDG_CACHE_HOME": "/dev/null/cache"}
    },
    "TMPDIR not to be written": {"set": {"TMPDIR": "/dev/null/tmp"}},
}
DAMAGES = ("deleted", "cut", "flip")
FAULTS = (*ERRORS, *SIGNALS, *STREAMS, *PLACES, *(f"cache {how}" for how in DAMAGES))
LATER = 1 << 40  # the n of a fault that does not come
# What differs between two undisturbed calls, or is not compared number by number.
TIMES = ("started", "seconds", "command", "time", "duration", "images_per_second")


def faults(verb: str) -> list[str]:
    """Which faults concern a verb."""
    cached = "{cache}" in VERBS[verb]
    return [name for name in FAULTS if cached or not name.startswith("cache ")]


@dataclass
class World:
    """A folder with photographs, a finished run, and a server of command lines.

    Attributes:
        root: The folder; everything happens inside it.
        calls: How often each verb opens, writes, creates and reads, undisturbed, and its seconds.
    """

    root: Path
    calls: dict[str, dict] = field(default_factory=dict)

    def __post_init__(self):
        self.root = self.root.resolve()
        for name in ("out", "cache", "home", "tmp", "expected"):
            (self.root / name).mkdir()
        library = self.root / "preload.so"
        command = ["cc", "-shared", "-fPIC", "-O1", "-w", "-o", library, HERE / "preload.c", "-ldl"]
        subprocess.run(command, check=True)
        setting = {
            "LD_PRELOAD": str(library), "HOME": str(self.root / "home"), "TMPDIR": str(self.root / "tmp"),
            "XDG_CACHE_HOME": str(self.root / "home/cache"), "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1", "MPLCONFIGDIR": str(self.root / "matplotlib"),
            "PYTHONPATH": str(HERE.parents[1]),
        }  # fmt: skip
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | setting,
            cwd=HERE.parents[1],
        )  # fmt: skip
        assert self.server.stdout.readline() == "ready\n"
        self._need("phantom", "{data}", "--per-class", "4", "--test", "4", "--size", "120x160")
        self.measure("fit")
        shutil.copytree(self.root / "expected/fit/run", self.root / "run")
        self.inputs = self._hashes()

    def close(self) -> None:
        """End the server."""
        self.server.stdin.close()
        self.server.wait()

    def _hashes(self) -> dict[str, str]:
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for name in ("data", "run")
            for path in sorted((self.root / name).rglob("*"))
            if path.is_file()
        }

    def call(self, words: list[str], **case) -> dict:
        """Run one command line under a fault; exit code, what it said, and its calls."""
        root = self.root
        places = {name: str(root / name) for name in ("data", "run", "out", "cache")}
        case = {
            "words": [word.format(**places) if word[0] == "{" else word for word in words],
            "folder": str(root / "out"), "within": str(root), "cache": places["cache"],
            "stdout": str(root / "stdout"), "stderr": str(root / "stderr"), "encoding": "utf-8",
            "set": {}, "unset": [], "call": "open", "nth": LATER, "action": 0, "sticky": 0, **case,
        }  # fmt: skip
        (root / "stdout").write_text("")
        (root / "stderr").write_text("")
        self.server.stdin.write(json.dumps(case) + "\n")
        self.server.stdin.flush()
        done = json.loads(self.server.stdout.readline())
        texts = {name: (root / name).read_text(errors="replace") for name in ("stdout", "stderr")}
        return done | texts

    def _need(self, *words: str) -> dict:
        done = self.call(list(words))
        assert done["code"] == 0, (words, done)
        return done

    def begin(self) -> None:
        """Empty what a case writes into."""
        for name in ("out", "cache", "home", "tmp"):
            shutil.rmtree(self.root / name)
            (self.root / name).mkdir()

    def measure(self, verb: str) -> dict:
        """Run a verb undisturbed, once, and keep what it wrote."""
        if verb not in self.calls:
            self.begin()
            self.calls[verb] = self._need(*VERBS[verb])
            shutil.copytree(self.root / "out", self.root / "expected" / verb)
        return self.calls[verb]

    def try_one(self, verb: str, fault: str, draw: random.Random) -> tuple[str, list[str]]:
        """Run a verb under a fault and again without; what was injected, and which laws were broken."""
        usual = self.measure(verb)
        self.begin()
        words, case, said = list(VERBS[verb]), {}, fault
        if fault in ERRORS:
            kinds = [kind for kind in ERRORS[fault] if usual[kind]]
            if not kinds:
                return fault, []
            kind = draw.choice(kinds)
            case = {"call": kind, "nth": draw.randint(1, usual[kind]), "sticky": draw.randint(0, 1)}
            said = (
                f"{fault} at {kind} {case['nth']} of {usual[kind]}{' and after' * case['sticky']}"
            )
            case["action"] = getattr(errno, fault)
        elif fault in SIGNALS:
            number = getattr(signal, fault)
            kind = draw.choice([kind for kind in ("open", "write", "time") if usual.get(kind, 1)])
            if kind == "time":
                case = {"signal": number, "after": draw.uniform(0.05, 1) * usual["seconds"]}
                said = f"{fault} after {case['after']:.2f} of {usual['seconds']:.2f} s"
            else:
                case = {"call": kind, "nth": draw.randint(1, usual[kind]), "action": -number}
                said = f"{fault} at {kind} {case['nth']} of {usual[kind]}"
        elif fault in STREAMS:
            case = STREAMS[fault]
        elif fault in PLACES:
            case = PLACES[fault]
            if "HOME" in fault and "--cache" in words:
                at = words.index("--cache")
                del words[at : at + 2]
        else:
            how = fault.split()[1]
            kind = draw.choice(("open", "write") if usual["write"] else ("open",))
            case = {"call": kind, "nth": draw.randint(1, usual[kind]), "action": -signal.SIGSTOP}
            said = f"{fault} at {kind} {case['nth']} of {usual[kind]}"
            case["damage"] = how
        done = self.call(words, **case)
        broken = self._broken(verb, fault, done)
        if self._hashes() != self.inputs:
            raise AssertionError(f"{verb}, {said}: the inputs have changed")
        again = words
        if verb == "fit" and (self.root / "out/run/recipe.yaml").is_file():
            again = ["fit", "--resume", "{out}/run", *CACHE]
            if done["code"] == 0:
                again = None
        if again:
            after = self.call(again)
            if after["code"] != 0:
                broken.append(f"going on fails: {_short(after)}")
        broken += self._compare(verb)
        return said, broken

    def _broken(self, verb: str, fault: str, done: dict) -> list[str]:
        """The laws of what is said, of exit codes and of what lies there that a fault has broken."""
        code, text, broken = done["code"], done["stderr"], []
        lines = [line for line in text.splitlines() if line.strip()]
        for word in ("Traceback", "Exception ignored", '  File "', "core dumped"):
            if word in text + done["stdout"]:
                broken.append(f"{word}: {_short(done)}")
                break
        allowed = {0} if fault in STREAMS else {0, 2}
        if fault in SIGNALS:
            allowed = {SIGNALS[fault]} if done["injected"] else {SIGNALS[fault], 0}
        elif fault == "stdout to a closed pipe":
            allowed = {0, 1}
        elif fault == "stdout to /dev/full":
            allowed = {2} if self.calls[verb]["stdout"] else {0}
        if code not in allowed:
            broken.append(f"exit code {code}: {_short(done)}")
        head = {2: "Error: ", 130: "Interrupted: ", 143: "Terminated: "}.get(code)
        if head and fault != "stderr closed" and sum(li.startswith(head) for li in lines) != 1:
            broken.append(f"no one line {head!r}: {_short(done)}")
        if len(lines) > 1 + len(self.calls[verb]["stderr"].splitlines()) + 2:
            broken.append(f"{len(lines)} lines: {_short(done)}")
        for path in sorted((self.root / "out").rglob("*")):
            if path.is_file() and not _is_temporary(path):
                try:
                    parse(path)
                except Exception as error:
                    broken.append(f"half-written {path.name}: {error!r}"[:200])
        told = code is not None and code >= 0 and fault not in ERRORS  # which may hit the removal
        if told and (left := self._litter()):
            broken.append(f"temporary files left: {left}")
        return broken

    def _litter(self) -> list[str]:
        out = [p for p in (self.root / "out").rglob("*") if _is_temporary(p)]
        out += list((self.root / "tmp").iterdir())
        return sorted(str(path.relative_to(self.root)) for path in out)

    def _compare(self, verb: str) -> list[str]:
        """How what lies there differs from what the undisturbed verb left."""
        out, expected = self.root / "out", self.root / "expected" / verb
        broken = (
            [f"temporary files left after the next run: {left}"] if (left := self._litter()) else []
        )
        files = [
            {
                str(p.relative_to(top))
                for p in top.rglob("*")
                if p.is_file() and not _is_temporary(p)
            }
            for top in (out, expected)
        ]
        # Locks are counted on; which trial of a search is taken up again is in its number.
        apart = ("locks", "trials") if verb == "search" else ("locks",)
        files = [{n for n in some if not set(apart) & set(Path(n).parts)} for some in files]
        if files[0] != files[1]:
            lacks, more = sorted(files[1] - files[0])[:5], sorted(files[0] - files[1])[:5]
            broken.append(f"other files: without {lacks}, with {more}")
        for name in sorted(files[0] & files[1]):
            try:
                one, other = parse(out / name), parse(expected / name)
                if name == "study/study.yaml":  # it draws a name in the database
                    one["name"] = other["name"]
                if not _alike(one, other):
                    broken.append(f"another {name}")
            except Exception as error:
                broken.append(f"unreadable {name}: {error!r}"[:200])
        return broken


def _is_temporary(path: Path) -> bool:
    return (
        path.name.startswith(".") and path.name != ".gitignore" or path.suffix in (".part", ".tmp")
    )


def _short(done: dict) -> str:
    words = " / ".join(done["stderr"].strip().splitlines()[-3:])
    return f"({done['code']}) {words[-300:]}"


def parse(path: Path):
    """Read a file as what its suffix says; what can be compared is returned."""
    suffix = path.suffix
    if suffix == ".json":
        return json.loads(path.read_text(encoding="utf-8"))
    if suffix in (".yaml", ".yml"):
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    if suffix == ".csv":
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n"), "cut"
        rows = list(csv.reader(text.splitlines()))
        assert len({len(row) for row in rows}) == 1, "ragged"
        return rows
    if suffix in (".npz", ".keras", ".zip"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return sorted(archive.namelist())
    if suffix == ".npy":
        return list(np.load(path, allow_pickle=False).shape)
    if suffix in (".png", ".jpg"):
        import cv2

        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert picture is not None, "no picture"
        return list(picture.shape)
    if suffix == ".html":
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), "cut"
    if suffix == ".pb":
        assert path.stat().st_size, "empty"
    return None


def _alike(one, other) -> bool:
    """Whether two parsed files say the same, numbers to a thousandth, times apart."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = {key for key in one.keys() | other.keys() if key not in (*TIMES, "files.json")}
        return all(
            key in one
            and key in other
            and (key in ("bytes", "sha256") or _alike(one[key], other[key]))
            for key in keys
        )
    if isinstance(one, list) and isinstance(other, list):
        if one and all(isinstance(row, list) for row in (*one, *other)):
            timed = {k for k, name in enumerate(one[0]) if name in TIMES}
            one = [[cell for k, cell in enumerate(row) if k not in timed] for row in one]
            other = [[cell for k, cell in enumerate(row) if k not in timed] for row in other]
        return len(one) == len(other) and all(map(_alike, one, other))
    with contextlib.suppress(TypeError, ValueError):
        return bool(np.isclose(float(one), float(other), rtol=1e-3, atol=1e-3, equal_nan=True))
    return one == other


def drawn(seed: int, verbs: list[str] | None = None):
    """Draw verb, fault and a generator for the rest, for ever."""
    draw = random.Random(seed)
    while True:
        verb = draw.choice(verbs or list(VERBS))
        yield verb, draw.choice(faults(verb)), random.Random(draw.random())


def until(minutes: float, seed: int, verbs: list[str] | None = None):
    """The draws of some minutes."""
    end = time.monotonic() + 60 * minutes
    for case in drawn(seed, verbs):
        if time.monotonic() > end:
            return
        yield case
