"""Runs that events start: the handlers of Lambda functions, and the worker of `hubwright watch`."""

from __future__ import annotations

from controller.events.pull import pull_handler
from controller.events.push import push_handler

__all__ = ["pull_handler", "push_handler"]
