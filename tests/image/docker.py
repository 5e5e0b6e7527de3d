"""Stands in for Docker's command in the steps of a workflow: notes what it was told, and does it with other programs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tests.image.engine import Engine


def main(words: list[str]) -> int:
    folder = Path(os.environ["STAND_IN"])
    given = sys.stdin.read() if "--password-stdin" in words else ""
    with (folder / "told").open("a") as told:
        told.write(json.dumps([*words, *([given] if given else [])]) + "\n")
    if words[:2] == ["buildx", "build"]:
        return build(Engine(folder), words[2:])
    if words[0] == "run":
        _, _, name, *arguments = words
        code, out, err = Engine(folder).pull(name, "tried").run(*arguments)
        sys.stdout.write(out)
        sys.stderr.write(err)
        return code
    return 0


def build(engine: Engine, words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    for name in ("file", "platform", "provenance", "sbom", "tag", "metadata-file"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("label", "build-arg"):
        parser.add_argument(f"--{name}", action="append", default=[])
    for name in ("pull", "push"):
        parser.add_argument(f"--{name}", action="store_true", required=True)
    parser.add_argument("context", type=Path)
    said = parser.parse_args(words)
    arguments = dict(word.split("=", 1) for word in said.build_arg)
    more = [f"--timestamp={arguments['SOURCE_DATE_EPOCH']}", f"--platform={said.platform}"]
    more += [f"--build-arg={word}" for word in said.build_arg] + [f"--label={word}" for word in said.label]
    engine.build(said.context.resolve(), said.file, "released", *more)
    digest = engine.push("released", said.tag)
    Path(said.metadata_file).write_text(json.dumps({"containerimage.digest": digest}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
