"""Lets the start page of the admin read the state of the platform."""

from django import template

from executor.admin.overview import Overview, overview

register = template.Library()


@register.simple_tag
def platform_overview() -> Overview:
    """``{% platform_overview as overview %}``."""
    return overview()
