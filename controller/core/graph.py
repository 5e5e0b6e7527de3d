"""What may run next: the actions of a plan by their needs. What needs something that failed never runs."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

from controller.core.model import Action


class Order:
    """Hands out actions once all they need is done, in the plan's own order."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = {action.id: action for action in actions}
        self._rank = {action.id: rank for rank, action in enumerate(actions)}
        self._sorter: TopologicalSorter[str] = TopologicalSorter()
        for action in actions:
            self._sorter.add(action.id, *(need for need in action.needs if need in self._actions))
        self._sorter.prepare()
        self._spoiled: set[str] = set()

    def ready(self) -> tuple[list[Action], list[Action]]:
        """(to run now, never to run because something they need did not happen)."""
        run, skip = [], []
        while found := self._sorter.get_ready():
            for name in sorted(found, key=self._rank.__getitem__):
                action = self._actions[name]
                if any(need in self._spoiled for need in action.needs):
                    skip.append(action)
                    self.settle(name, done=False)
                else:
                    run.append(action)
            if run:
                break
        return run, skip

    def settle(self, action: str, *, done: bool) -> None:
        """Says what became of an action that was handed out."""
        if not done:
            self._spoiled.add(action)
        self._sorter.done(action)

    def pending(self) -> bool:
        return self._sorter.is_active()
