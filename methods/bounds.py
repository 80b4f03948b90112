"""Types of estimator parameters with their valid ranges, which the suite checks before it runs anything."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

#: Width of a layer; a wider layer exceeds the memory of any machine.
Width: TypeAlias = Annotated[int, Field(ge=1, le=2**20)]
Widths: TypeAlias = Annotated[tuple[Width, ...], Field(min_length=1)]
#: Counts, such as epochs or restarts, within the 32-bit integers of the libraries.
PositiveInt: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1)]
NonNegativeInt: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
FiniteFloat: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
PositiveFloat: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
