"""What is made once of an operation of botocore's model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from botocore.model import OperationModel

T = TypeVar("T")


def by_name(make: Callable[[OperationModel], T]) -> Callable[[OperationModel], T]:
    """Keeps what is made by the operation's name: every client has models of its own, which must not outlive it."""
    kept: dict[str, T] = {}

    @functools.wraps(make)
    def found(model: OperationModel) -> T:
        if model.name not in kept:
            kept[model.name] = make(model)
        return kept[model.name]

    return found
