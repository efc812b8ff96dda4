"""The HTML templates of all pages, in the folder `html`."""

import functools

from jinja2 import Environment, PackageLoader


def render(template: str, **values) -> str:
    """Fill in a template; every text in it is escaped.

    Args:
        template: Its file in `pages/html`. A whole page extends `base.html`, which holds the style
            that all share; `macros.html` draws a picture with its caption.
        values: What the template shows.

    Returns:
        HTML that needs no other file.

    Example:
        >>> render("base.html")[:15]
        '<!doctype html>'
    """
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> Environment:
    loader = PackageLoader("cervix_tf", "pages/html")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
