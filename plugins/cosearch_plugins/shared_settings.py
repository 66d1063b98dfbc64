"""Settings that several problems have, each declared once."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Threads = Annotated[
    int | None,
    Field(
        ge=1,
        description="threads of the simulator; default as many as cores, but one in each of several workers",
        json_schema_extra={"affects_results": False},
    ),
]
