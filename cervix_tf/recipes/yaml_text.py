"""YAML as people write it, read so that no text can do more than be refused."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from cervix_tf.errors import UserError, unknown

DEEPEST = 20  # levels of keys and lists
# Values and letters, those behind an alias every time: a few lines can stand for any number of them.
MOST = 10**6


def read_yaml(kind: str, source: str | Path, folder: Path) -> tuple[Path, Any]:
    """Read a YAML file, or the one of that name in a folder of the package; `kind` is for errors."""
    if not isinstance(source, str | os.PathLike):
        raise UserError(
            f"A {type(source).__name__} is no {kind}: give the name of one, or a YAML file's path."
        )
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        names = sorted(shipped.stem for shipped in folder.glob("*.yaml"))
        if str(source) not in names:
            raise unknown(kind, str(source), names)
        path = folder / f"{source}.yaml"
    if not path.is_file():
        raise UserError(f"The {kind} {path} does not exist.")
    try:
        return path, loaded(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"The {kind} {path} is not valid YAML: {one_line(error)}.") from error


def loaded(text: str) -> Any:
    """Read YAML.

    Args:
        text: Whatever a user gave.

    Returns:
        Its value.

    Raises:
        yaml.YAMLError: It is no YAML, has a key twice, or is larger or deeper than `MOST` and `DEEPEST`.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        return loader.construct_document(node)
    except yaml.YAMLError:
        raise
    except (RecursionError, ValueError) as error:  # of a date that is none, too
        raise yaml.YAMLError(str(error) or "it is nested too deeply") from error
    except Exception as error:  # of a tag and what stands behind it: PyYAML expects them to agree
        raise yaml.YAMLError("a tag such as !!int stands before what is none") from error
    finally:
        loader.dispose()


def shown(value: Any) -> str:
    """Write a value for an error message, a long one in part."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def one_line(error: Exception) -> str:
    """Give an error's message without its line breaks."""
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    """Safe YAML in which no key may stand twice: the first would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := [name for name, times in names.items() if times > 1 and name != "<<"]:
            raise yaml.YAMLError(f"the key {twice[0]!r} stands twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _check_size(root: yaml.Node) -> None:
    """Refuse what holds itself, or is larger than anything a person writes."""
    waiting, size = [(root, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        size += 1 + len(node.value)
        if depth > DEEPEST:
            raise yaml.YAMLError("it is nested too deeply, or holds itself")
        if size > MOST:
            raise yaml.YAMLError(f"it holds more than {MOST} values and letters, with its aliases")
        below = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            below = [each for pair in node.value for each in pair]
        waiting += [(each, depth + 1) for each in below]
