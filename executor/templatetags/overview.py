"""Lets the start page of the admin read the state of the platform."""

from typing import Any

from django import template

from executor.admin.overview import Overview, overview
from iacplatform.common.figures import CountedSection, counted_sections

register = template.Library()


@register.simple_tag
def platform_overview() -> Overview:
    """``{% platform_overview as overview %}``."""
    return overview()


@register.simple_tag(takes_context=True)
def platform_figures(context: Any) -> list[CountedSection]:
    """``{% platform_figures as sections %}``: what the user may look at, counted."""
    return counted_sections(context["request"])
