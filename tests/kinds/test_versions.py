"""Looking for a promotion's other versions: everything unknown is read once, and what is known is not listed again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from controller.core.arn import Version
from controller.core.model import Target
from controller.core.view import Package, View
from controller.kinds import versions
from controller.kinds.base import World

HUB = Target("111111111111", "eu-west-1")


def at(number: int) -> Version:
    return Version(HUB.account, HUB.region, "churn", number)


class Registry:
    """Versions by number with their promotion ids; `hidden` ones are not listed yet."""

    def __init__(self, live: dict[int, str], hidden: frozenset[int] = frozenset()) -> None:
        self.live, self.hidden = live, hidden
        self.listed: list[int] = []
        self.described: list[int] = []

    def pages(self, operation: str, result: str, /, **parameters: Any) -> Iterator[dict[str, Any]]:
        assert (operation, parameters["SortOrder"]) == ("ListModelPackages", "Descending")
        for number in sorted({*self.live} - self.hidden, reverse=True):
            self.listed.append(number)
            yield {"ModelPackageArn": at(number).arn}

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        number = int(parameters["ModelPackageName"].rpartition("/")[2])
        self.described.append(number)
        metadata = {"hubwright/promotion": self.live.get(number, "none")}
        return {"ModelPackageArn": at(number).arn, "CustomerMetadataProperties": metadata}


def world(seen: dict[int, str]) -> World:
    packages = tuple(
        Package(at(number), "Completed", "Approved", {"hubwright/promotion": promotion})
        for number, promotion in seen.items()
    )
    views = {HUB: View(HUB, packages=packages)}
    return World(None, None, views, "x", pause=lambda _: None)  # type: ignore[arg-type]


def found(where: World, registry: Registry, promotion: str, up_to: int = 0) -> list[int]:
    return [item.number for item in versions.siblings(where, registry, HUB, "churn", promotion, up_to)]


def test_the_list_is_read_down_to_what_is_known_and_no_further() -> None:
    seen = {number: f"p{number}" for number in range(1, 301)}
    registry = Registry({**seen, 301: "p301", 302: "p7"})
    here = world(seen)
    assert found(here, registry, "p7") == [7, 302]
    assert (registry.listed, registry.described) == ([302, 301, 300], [7, 301, 302])
    assert found(here, registry, "p9") == [9]
    assert (registry.listed[3:], registry.described[3:]) == ([302], [9])


def test_what_the_list_does_not_show_yet_is_asked_for_by_its_number() -> None:
    registry = Registry({1: "a", 2: "b", 3: "b"}, hidden=frozenset({2, 3}))
    assert found(world({1: "a"}), registry, "b", up_to=3) == [2]
    assert found(world({1: "a"}), Registry({1: "a", 2: "b", 3: "b"}, frozenset({2})), "b") == [2, 3]
