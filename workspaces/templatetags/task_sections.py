"""What other apps know of a task, for its page."""

from django import template
from django.conf import settings
from django.utils.html import format_html_join
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

from workspaces.models import WorkspaceTask

register = template.Library()


@register.simple_tag
def task_sections(task: WorkspaceTask) -> SafeString:
    """The sections of the functions that ``TASK_PAGE_SECTIONS`` names, in their order."""
    sections = map(import_string, settings.TASK_PAGE_SECTIONS)
    return format_html_join("\n", "{}", ((section(task),) for section in sections))
