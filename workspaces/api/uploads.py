"""Files that are uploaded as forms."""

from rest_framework.request import Request

from iacplatform.common.errors import InvalidInput

# What a form adds to the file in it: boundaries, headers and the other fields.
FORM_BYTES = 64 * 1024


def refuse_large(request: Request, field: str, largest: int) -> None:
    """Looks at the announced length before the form is read, which may fill a disk.

    Raises ``InvalidInput`` for more than ``largest`` bytes.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > largest + FORM_BYTES:
        raise InvalidInput(field, f"is larger than {largest:,} bytes")
