"""The HTML templates of all pages, in the folder `html`."""

import base64
import functools
import hashlib
import re

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


def sealed(page: str) -> str:
    """Forbid a page everything but its own style and program and pictures that stand in it.

    Args:
        page: HTML of `render`, with one `<style>` and at most one `<script>`; elements have no `style`,
            no event attributes.

    Returns:
        The page with a Content-Security-Policy: whatever gets into it by mistake is not run, nothing
        is asked of any host, and text is never taken for HTML.

    Example:
        >>> page = sealed(render("base.html"))
    """
    rules = ["default-src 'none'", "img-src data:", "base-uri 'none'", "form-action 'none'"]
    for tag in ("style", "script"):
        if found := re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL):
            digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
            rules.append(f"{tag}-src 'sha256-{digest}'")
    rules += ["require-trusted-types-for 'script'", "trusted-types 'none'"]
    policy = f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">\n'
    return page.replace('<meta name="viewport"', f'{policy}<meta name="viewport"', 1)


@functools.cache
def _environment() -> Environment:
    loader = PackageLoader("cervix_tf", "pages/html")
    return Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
