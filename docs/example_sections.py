"""The site's reading of docstrings: `Example:` holds Python, as Google's `Examples:` does."""

import re

from griffe import Extension


class ExampleSections(Extension):
    """Read every section `Example:` as `Examples:`, which is the name that griffe knows."""

    def on_object(self, *, obj, **_) -> None:
        """Rename the section before the docstring is parsed."""
        if obj.docstring:
            obj.docstring.value = re.sub("(?m)^Example:$", "Examples:", obj.docstring.value)
