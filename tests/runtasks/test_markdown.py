"""Strangers' Markdown."""

import re

import pytest

from runtasks.markdown import render_markdown


def test_markdown_becomes_html() -> None:
    html = render_markdown("# Two findings\n\n- **first**\n- `second`\n\n| a |\n| - |\n| 1 |")

    for part in (
        "<h1>Two findings</h1>",
        "<strong>first</strong>",
        "<code>second</code>",
        "<td>1</td>",
    ):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onmouseover=alert(1)>b</b>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "<javascript:alert(1)>",
        "![x](https://evil.example.com/pixel.png)",
        "![x][y]\n\n[y]: https://evil.example.com/pixel.png",
        '[x](https://x.example.com "\\" onclick=\\"alert(1)")',
        "```<script>\nalert(1)\n```",
    ],
)
def test_nothing_of_it_runs_and_nothing_is_fetched(text: str) -> None:
    html = render_markdown(text)

    tags = re.findall(r"<[^>]*>", html)
    assert not any(re.match(r"</?(script|img|b)\b", tag) for tag in tags)
    assert not any(re.search(r"\s(on\w+|src)=", re.sub(r'"[^"]*"', '""', tag)) for tag in tags)
    assert not any(re.search(r'href="(?!https://)', tag) for tag in tags)
