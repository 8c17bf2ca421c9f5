"""Files that are downloaded as they are."""

from django.http import HttpResponse

NO_STORE = {"Cache-Control": "no-store"}


def attachment(content: bytes, *, filename: str, content_type: str) -> HttpResponse:
    """An answer that browsers save and nobody caches; ``filename`` is made of our own ids."""
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            **NO_STORE,
        },
    )
