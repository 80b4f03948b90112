"""The values that parameters may have: types for the annotations of estimators, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

#: Width of a layer. A wider one would not fit the memory of any machine.
Width: TypeAlias = Annotated[int, Field(ge=1, le=2**20)]
Widths: TypeAlias = Annotated[tuple[Width, ...], Field(min_length=1)]
#: How often something is done, within the 32 bits that libraries count with.
Count: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1)]
CountOrZero: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
