"""Well-formed XML from numbers and foreign strings: the one place where text becomes markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# What XML 1.0 cannot hold even escaped: control characters, lone surrogates and two noncharacters.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def escape(text: object) -> str:
    """Text for an element or a quoted attribute; characters that XML forbids become U+FFFD."""
    return html.escape(_ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def num(value: float) -> str:
    """A coordinate with one decimal (a tenth of a pixel is not seen), without a trailing zero."""
    shown = f"{value:.1f}"
    shown = shown.removesuffix(".0")
    return "0" if shown == "-0" else shown


def fine(value: float) -> str:
    """An opacity or a width, with at most three decimals."""
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def attributes(**values: object) -> str:
    """Attributes with a space before each: None is left out, floats are rounded, `_` becomes `-`."""
    parts = []
    for key, value in values.items():
        if value is None:
            continue
        shown = num(value) if isinstance(value, float) else escape(value)
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{shown}"')
    return "".join(parts)


def element(name: str, children: Iterable[str] | str = (), /, **values: object) -> str:
    """One element; `children` are markup, `values` its attributes."""
    inner = children if isinstance(children, str) else "".join(children)
    head = f"<{name}{attributes(**values)}"
    return f"{head}>{inner}</{name}>" if inner else f"{head}/>"


def group(children: Iterable[str], **values: object) -> str:
    """A `g` element; nothing for nothing."""
    inner = "".join(children)
    return element("g", inner, **values) if inner else ""
