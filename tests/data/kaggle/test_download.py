import sys
from types import ModuleType, SimpleNamespace

import pytest

from cervix_tf import cli
from cervix_tf.data import fetch
from cervix_tf.errors import UserError

COMPETITION = "intel-mobileodt-cervical-cancer-screening"


class HTTPError(OSError):
    """As kagglehub's, of requests: the answer rides along."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.response = SimpleNamespace(status_code=status)


class UnauthenticatedError(Exception):
    """As kagglehub's where there is no token."""


class ProxyError(OSError):
    """As that of requests, which is no ConnectionError of Python's."""


@pytest.fixture
def kagglehub(monkeypatch):
    """A kagglehub whose download does what the test says, and remembers what it was asked for."""
    module = ModuleType("kagglehub")
    module.asked = []

    def does(outcome):
        def competition_download(handle, **options):
            module.asked.append((handle, options))
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        module.competition_download = competition_download
        return module

    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return does


def test_the_folder_is_returned(kagglehub, tmp_path):
    module = kagglehub(str(tmp_path))
    assert fetch() == tmp_path
    assert fetch(tmp_path / "data") == tmp_path
    assert module.asked == [
        (COMPETITION, {}),
        (COMPETITION, {"output_dir": str(tmp_path / "data")}),
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            HTTPError(403, "403 Client Error.\n\nYou don't have permission"),
            "HTTP 403.*rules are not",
        ),
        (HTTPError(401, "401 Client Error."), "does not know the token"),
        (HTTPError(502, "Bad gateway"), "answered HTTP 502"),
        (UnauthenticatedError("User is not authenticated"), "there is no valid token"),
        (
            ValueError("Invalid Kaggle credentials file at kaggle.json"),
            "no valid token.*kaggle.json",
        ),
        (
            ConnectionError("Name or service\nnot known"),
            "was not reached.*Name or service not known",
        ),
        (ProxyError("Unable to connect to proxy"), "was not reached"),
        (OSError(28, "No space left on device"), "No space left"),
    ],
)
def test_every_failure_says_why_and_what_kaggle_needs(kagglehub, error, reason):
    kagglehub(error)
    with pytest.raises(UserError, match=reason) as raised:
        fetch()
    needs(str(raised.value))


def test_without_kagglehub(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UserError, match="kagglehub is not installed") as raised:
        fetch()
    needs(str(raised.value))


def needs(message: str):
    assert "\n" not in message
    for need in (
        "an account",
        f"https://www.kaggle.com/competitions/{COMPETITION}/rules",
        "kaggle.json",
        "KAGGLE_API_TOKEN",
        "KAGGLE_USERNAME and KAGGLE_KEY",
        "pip install 'cervix-tf[kaggle]'",
    ):
        assert need in message


def test_a_folder_that_cannot_be_used(kagglehub, tmp_path):
    kagglehub(FileExistsError("output_dir is not empty"))
    with pytest.raises(UserError, match=f"{tmp_path} is not empty"):
        fetch(tmp_path)
    kagglehub(TypeError("unexpected keyword argument 'output_dir'"))
    with pytest.raises(UserError, match="pip install -U kagglehub"):
        fetch(tmp_path)


def test_the_verb(kagglehub, tmp_path, monkeypatch, capsys):
    kagglehub(str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["cervix-tf", "fetch"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert str(tmp_path) in capsys.readouterr().out
    kagglehub(HTTPError(403, "403 Client Error."))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
