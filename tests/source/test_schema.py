"""The schemas and the dataclasses say the same; the schemas stay in the subset that editors know."""

import dataclasses
import json
import types
import typing
from pathlib import Path

import pytest

from controller.core import manifest, manifests
from controller.core.manifest import KINDS, Access, FleetDefaults, SpokeDefaults, manifest_name
from controller.source import schema, strict
from tests.pace import seconds

ALL = {**KINDS, "Lock": manifests.Lock}
BEYOND_EDITORS = {
    "unevaluatedProperties",
    "unevaluatedItems",
    "prefixItems",
    "$dynamicRef",
    "$dynamicAnchor",
    "dependentSchemas",
    "$anchor",
    "$recursiveRef",
}


def follow(node, root):
    """The node that a local reference stands for, with what is written beside the reference."""
    if "$ref" in node:
        found = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def without_none(hint):
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return [hint]
    return [part for part in typing.get_args(hint) if part is not types.NoneType]


def agree(cls, node, root, where):
    """Every disagreement between a dataclass and an object schema."""
    node = follow(node, root)
    assert node["type"] == "object", where
    hints = typing.get_type_hints(cls)
    named = {manifest_name(cls, field.name): field for field in dataclasses.fields(cls)}
    assert set(named) == set(node["properties"]), where
    required = {name for name, field in named.items() if field.default is field.default_factory is dataclasses.MISSING}
    conditional = cls is manifest.From  # which of its names are needed depends on the others
    assert conditional or required == set(node.get("required", [])), where
    for name, field in named.items():
        value(hints[field.name], follow(node["properties"][name], root), root, f"{where}.{name}")
        if name not in required:
            default(field, follow(node["properties"][name], root), f"{where}.{name}")


def default(field, node, where):
    mine = field.default if field.default is not dataclasses.MISSING else field.default_factory()
    if mine is None or isinstance(mine, bool | int | str):
        assert node.get("default") == mine, where
    elif dataclasses.is_dataclass(mine):
        assert mine == type(mine)(), where
        assert node.get("default") == {}, where
    else:
        assert node.get("default") == ({} if isinstance(mine, dict) else list(mine)), where


def value(hint, node, root, where):
    parts = without_none(hint)
    if len(parts) > 1:
        names = {"int": "integer", "float": "number", "str": "string"}
        said = {names[part.__name__] for part in parts}
        known = {node["type"]} if isinstance(node["type"], str) else set(node["type"])
        assert known == (said - {"integer"} if "number" in said else said), where
        return
    hint = parts[0]
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint):
        agree(hint, node, root, where)
    elif origin is tuple:
        assert node["type"] == "array", where
        value(typing.get_args(hint)[0], follow(node["items"], root), root, f"{where}[]")
    elif origin is typing.Literal:
        assert set(typing.get_args(hint)) == set(node["enum"]), where
    elif origin is not None:
        assert node["type"] == "object", where
        assert node["additionalProperties"]["type"] == "string", where
    else:
        assert {"str": "string", "int": "integer", "bool": "boolean"}[hint.__name__] == node["type"], where


@pytest.mark.parametrize("kind", ALL)
def test_dataclasses_and_schemas_agree(kind):
    root = schema.schema(kind)
    assert root["properties"]["kind"]["const"] == kind
    assert root["properties"]["apiVersion"]["const"] == manifest.API_VERSION
    assert root["$id"] == f"https://hubwright.io/schemas/v1beta1/{kind.lower()}.json"
    agree(ALL[kind], root["properties"]["spec"], root, kind)


def test_a_disagreement_is_found():
    root = json.loads(json.dumps(schema.schema("Spoke")))
    root["properties"]["spec"]["properties"]["state"]["enum"].remove("Frozen")
    with pytest.raises(AssertionError):
        agree(ALL["Spoke"], root["properties"]["spec"], root, "Spoke")


def objects(node):
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from objects(child)
    elif isinstance(node, list):
        for child in node:
            yield from objects(child)


@pytest.mark.parametrize("kind", ALL)
def test_schemas_are_valid_closed_and_plain(kind):
    from jsonschema import Draft202012Validator

    root = schema.schema(kind)
    Draft202012Validator.check_schema(root)
    for node in objects(root):
        assert not BEYOND_EDITORS & set(node)
        if node.get("type") == "object" and "properties" in node:
            assert node["additionalProperties"] is False
            for name, child in node["properties"].items():
                if name not in {"spec", "metadata"} or "$ref" not in child:
                    found = follow(child, root)
                    assert found["title"], name
                    assert found["description"], name
        if isinstance(node.get("pattern"), str):
            assert node["pattern"].startswith("^"), node
            assert node["pattern"].endswith("$"), node
            assert "\\Z" not in node["pattern"]
            assert "\\d" not in node["pattern"]
            assert node["patternErrorMessage"]


def test_shared_definitions_are_the_same_everywhere():
    shared: dict[str, object] = {}
    for kind in ALL:
        for name, node in schema.schema(kind).get("$defs", {}).items():
            assert shared.setdefault(name, node) == node, f"{kind} {name}"


def test_every_schema_file_of_a_manifest_is_known():
    names = {path.stem for path in Path(schema.folder()).glob("*.json")}
    assert {kind.lower() for kind in ALL} <= names


@pytest.mark.parametrize("value", ["123456789012\n", "١٢٣٤٥٦٧٨٩٠١٢", "1234567890123", " 123456789012"])
def test_patterns_are_anchored_and_ascii(value):
    validator = schema._validator("Spoke")
    document = {
        "apiVersion": manifest.API_VERSION,
        "kind": "Spoke",
        "metadata": {"name": "a"},
        "spec": {"account": value, "allow": {}},
    }
    assert not validator.is_valid(document)
    document["spec"]["account"] = "123456789012"
    assert validator.is_valid(document)


def test_build_fills_the_types():
    assert manifest.build(manifest.Fleet, {"defaults": {"spoke": {"access": {"roleName": "r"}}}}) == manifest.Fleet(
        defaults=FleetDefaults(SpokeDefaults(access=Access(role_name="r")))
    )


def test_what_is_listed_twice_is_found_among_many_and_mixed_things():
    def faults(items):
        spec = "".join(f"    - {item}\n" for item in items)
        text = f"apiVersion: hubwright.io/v1beta1\nkind: Waiver\nmetadata: {{name: x}}\nspec:\n  for:\n{spec}"
        document = strict.read(text.encode())
        assert seconds(lambda: schema.check("x.yaml", document), 0.5) < 0.5  # compared each with each: 2 seconds
        found = schema.check("x.yaml", document)
        return [str(problem) for problem in found if problem.where.startswith("spec.for[")]

    names = [f"a{number}" for number in range(9_000)]
    not_text = "x.yaml:6:7: spec.for[0]: 1 is not text"
    assert [fault[: len(not_text)] for fault in faults([1, *names])] == [not_text]
    assert faults([*names, "a7"]) == ['x.yaml:9006:7: spec.for[9000]: "a7" is listed twice']
