"""Strangers' Markdown as HTML that a page may show."""

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

# HTML in the text is shown as text. The library refuses `javascript:`, `vbscript:`, `file:` and `data:` links.
# A picture would tell its server who reads the result, and when.
_RENDERER = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def render_markdown(text: str) -> SafeString:
    """CommonMark with tables as HTML; nothing of it runs, and nothing is fetched."""
    html: str = _RENDERER.render(text)
    return mark_safe(html)  # noqa: S308  # the renderer escapes everything
