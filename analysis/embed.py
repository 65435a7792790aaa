"""Data inside the page: as they are where they are small, else packed with gzip and base64.

The page's script unpacks with `DecompressionStream` (Chrome 80, Firefox 113, Safari 16.4, or later). Base64
costs a third over bytes; gzip saves more on everything that is packed here: plotly.js shrinks from 4.8 MB to
2.0 MB, a figure of thousands of points to about a tenth.
"""

from __future__ import annotations

import base64
import gzip
import json

from markupsafe import Markup

SMALL = 64_000  # characters: below, packing saves too little to give up that people can read them


def packed(content: bytes) -> Markup:
    """Gzip, then base64. The same bytes for the same content: neither a time nor a name is stored."""
    return Markup(base64.b64encode(gzip.compress(content, 9, mtime=0)).decode())


def encoded(value: object) -> str:
    """JSON that cannot end the script element it stands in. NaN is not JSON: ValueError."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def block(key: str, value: object) -> Markup:
    """A script element that holds `value` as JSON; the page's `load(key)` reads it."""
    text = encoded(value)
    if len(text) < SMALL:
        return Markup('<script type="application/json" id="{}">{}</script>').format(key, Markup(text))
    return gzipped(key, text.encode())


def gzipped(key: str, content: bytes) -> Markup:
    """A script element that holds packed bytes."""
    return element(key, packed(content))


def element(key: str, content: Markup) -> Markup:
    """A script element that holds what `packed` gave."""
    return Markup('<script type="application/gzip" id="{}">{}</script>').format(key, content)
