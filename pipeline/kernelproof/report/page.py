"""`results/report.html`: the report as one page that needs no network, from `assets/`.

Its policy lets the page's own two blocks run, by their hashes, and forbids everything else: what a
case or a reason says is data, whatever it looks like.
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
    """The whole page; `content` is that of `page_data`."""
    script, style = _joined(_SCRIPTS), _joined(_STYLES)
    parts = {
        "policy": html.escape(_policy(script, style)),
        "title": html.escape(str(content["conclusion"])),
        "style": style,
        "data": embedded(content),
        "script": script,
    }
    template = (ASSETS / "page.html").read_text(encoding="utf-8")
    # In one pass, so that a mark within a part stays what it is.
    return _MARK.sub(lambda mark: parts[mark[1]], template)


def embedded(content: Mapping[str, Any]) -> str:
    """JSON that no HTML parser takes for the end of its block, or the start of another."""
    text = to_json(content, inf_nan_mode="null").decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def _policy(script: str, style: str) -> str:
    """The Content-Security-Policy: nothing but these two."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """As browsers compare it: of what stands between the tags."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
