"""Checks the house rules that no linter knows: sizes of rooms, counted exemptions, no address of a package index."""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE, FUNCTION, P90, NESTING = 350, 50, 25, 4
EXEMPTIONS = 40  # `noqa` and `type: ignore` in the package together
_EXEMPT = re.compile(r"#\s*(noqa|type:\s*ignore)")
_NEST = (ast.If, ast.For, ast.While, ast.With, ast.Try)


def modules() -> list[Path]:
    return sorted((ROOT / "controller").rglob("*.py"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def depth(node: ast.AST) -> int:
    """How deep statements nest below a node; `elif` does not count as deeper."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deepest = max(deepest, depth(child) + (isinstance(child, _NEST) and not chained))
    return deepest


def faults() -> Iterator[str]:
    lines, lengths, exempt = [], [], 0
    for path in modules():
        text = path.read_text()
        name = path.relative_to(ROOT)
        lines.append(text.count("\n"))
        exempt += len(_EXEMPT.findall(text))
        if lines[-1] > MODULE:
            yield f"{name}: {lines[-1]} lines; there is room for {MODULE}"
        for node in functions(ast.parse(text)):
            lengths.append(length(node))
            if lengths[-1] > FUNCTION:
                yield f"{name}:{node.lineno}: {node.name} has {lengths[-1]} lines; there is room for {FUNCTION}"
            if depth(node) > NESTING:
                yield f"{name}:{node.lineno}: {node.name} nests {depth(node)} deep; {NESTING} is the most"
    tall = sorted(lengths)[int(len(lengths) * 0.9)]
    if tall > P90:
        yield f"nine of ten functions should have at most {P90} lines, and have {tall}"
    if exempt > EXEMPTIONS:
        yield f"{exempt} noqa and type: ignore in the package; {EXEMPTIONS} are the most"
    print(
        f"{len(lines)} modules: median {statistics.median(lines):.0f}, longest {max(lines)} lines; "
        f"{len(lengths)} functions: median {statistics.median(lengths):.0f}, p90 {tall}, longest {max(lengths)}; "
        f"{exempt} exemptions"
    )


def addresses() -> Iterator[str]:
    """Lock files name packages and hashes; where they come from is the reader's own setting."""
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        if re.search(r"https?://", path.read_text()):
            yield f"{path.relative_to(ROOT)}: records a download address"


def main() -> int:
    found = [*faults(), *addresses()]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
