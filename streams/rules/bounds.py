"""Kinds of numbers in settings: what is out of bounds is refused when the settings are read."""

from typing import Annotated

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Factor = Annotated[float, msgspec.Meta(gt=0)]
Minutes = Annotated[float, msgspec.Meta(gt=0)]
