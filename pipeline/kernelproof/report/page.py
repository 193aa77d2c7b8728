"""`results/report.html`: the report as one page that needs no network, from `assets/`.

The page's policy lets its own script and style run, by their hashes, and forbids all else: names
and reasons of cases are data, whatever they look like.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import to_json

ASSETS = Path(__file__).parent / "assets"
_MARK = re.compile(r"@@([a-z]+)@@")
_SCRIPTS = ("uPlot.iife.min.js", "charts.js", "list.js", "mutants.js", "sections.js", "page.js")
_STYLES = ("uPlot.min.css", "page.css")


def page(content: Mapping[str, Any]) -> str:
    """Returns the page of a content, which is that of `page_data`."""
    script, style = _joined(_SCRIPTS), _joined(_STYLES)
    parts = {
        "policy": html.escape(_policy(script, style)),
        "title": html.escape(str(content["conclusion"])),
        "style": style,
        "data": embedded(content),
        "script": script,
    }
    template = (ASSETS / "page.html").read_text(encoding="utf-8")
    # One pass, which replaces no mark within a part.
    return _MARK.sub(lambda mark: parts[mark[1]], template)


def embedded(content: Mapping[str, Any]) -> str:
    """Returns JSON without letters that could end its block in HTML, or start another."""
    text = to_json(content, inf_nan_mode="null").decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def _policy(script: str, style: str) -> str:
    """Returns the Content-Security-Policy that allows these two alone."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Returns the hash of the text between two tags, in the form of the policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
