"""The download of the competition's photographs."""

from pathlib import Path

from cervix_tf.errors import UserError

COMPETITION = "intel-mobileodt-cervical-cancer-screening"
_UNREACHED = ("ConnectionError", "ConnectTimeout", "ProxyError", "ReadTimeout", "SSLError")
RULES = f"https://www.kaggle.com/competitions/{COMPETITION}/rules"


def fetch(folder: Path | str | None = None) -> Path:
    """Download the competition's photographs, about 35 GB, and unpack them, by kagglehub.

    What lies in kagglehub's cache already is not downloaded again. `test_stg2.7z`, the photographs of
    stage 2, is protected by a password and left to you: unpack it to `test_stg2` beside `train`.

    Args:
        folder: An empty folder, or one to be made; by default kagglehub's cache, where every verb looks
            for photographs when no `--data` is given.

    Returns:
        The competition's folder, as `read_kaggle` takes it.

    Raises:
        UserError: kagglehub is not installed, or Kaggle was not reached or refused; the message says
            which, and all that Kaggle needs: an account, accepted rules and a token.

    Example:
        >>> read_kaggle(fetch())
    """
    try:
        import kagglehub
    except ImportError as error:
        raise UserError(_message("kagglehub is not installed")) from error
    into = {} if folder is None else {"output_dir": str(folder)}
    try:
        return Path(kagglehub.competition_download(COMPETITION, **into))
    except FileExistsError as error:
        raise UserError(f"{folder} is not empty: give an empty folder, or none.") from error
    except Exception as error:  # kagglehub hands on those of requests, zipfile and its own
        if into and isinstance(error, TypeError):
            raise UserError(
                "This kagglehub cannot download to a folder: `pip install -U kagglehub`, or give none."
            ) from error
        raise UserError(_message(_reason(error))) from error


def _reason(error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    text = " ".join(str(error).split())
    words = text.lower()
    if status == 401 or (status is None and words.startswith("401")):
        return "Kaggle does not know the token (HTTP 401)"
    if status == 403 or (status is None and words.startswith("403")):
        return "Kaggle refused (HTTP 403): most often the rules are not accepted by the token's account"
    if status is not None:
        return f"Kaggle answered HTTP {status}"
    name = type(error).__name__
    if name in ("UnauthenticatedError", "CredentialError") or "credentials" in words:
        return f"there is no valid token ({text})" if text else "there is no valid token"
    # Those of requests are no kin of Python's ConnectionError, but are called so.
    if isinstance(error, ConnectionError | TimeoutError) or name in _UNREACHED:
        return f"Kaggle was not reached: is there a network? ({text[:120]})"
    return f"{name}: {text[:200]}"


def _message(reason: str) -> str:
    return (
        f"Kaggle's photographs were not downloaded: {reason}. Needed are an account at "
        f"https://www.kaggle.com, the competition's rules accepted at {RULES}, a token "
        "(~/.kaggle/kaggle.json, or KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY), and "
        "`pip install 'cervix-tf[kaggle]'`."
    )
