"""`evidence`: one folder with what an auditor asks for about a group; and the records of runs."""

from __future__ import annotations

from pathlib import Path

from controller.cli.files import write_new
from controller.cli.output import write
from controller.cli.past import past
from controller.cli.recorded import records_of
from controller.cli.settings import Settings
from controller.core.errors import UsageError
from controller.core.past import applied
from controller.render.document import to_json
from controller.render.escape import code, terminal
from controller.render.escape import markdown as markdown_of
from controller.render.past import NOTE, document, markdown
from controller.source import git


def evidence(settings: Settings, group: str, as_of: str, out: Path) -> int:
    """Writes the folder: history, manifests and locks as they were, the records of the runs, and what it is."""
    if out.exists():
        raise UsageError(f"{out} is there already", "give a new folder")
    revision, standing, happened = past(settings, group, as_of)
    found, unread = records_of(settings)
    good = [(place, data) for place, data, wrong in found if not wrong]
    names = {one.promotion for one in happened}
    runs = tuple(one for one in applied(data for _, data in good) if one.promotion in names)
    data = document(revision, as_of, standing, happened, runs, unread)
    texts = {"history.json": to_json(data), "history.md": markdown(data)}
    texts |= _manifests(settings, revision, names, group)
    for place, record in good:
        if any(names & {*action.get("origins", ())} for action in record.get("actions", ())):
            texts[f"records/{place.rpartition('/')[2]}"] = to_json(record)
    texts["README.md"] = readme(group, as_of, revision, sorted(texts), unread)
    for name in texts:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
    write_new({out / name: text for name, text in texts.items()})
    write("".join(f"written: {terminal(str(out / name))}\n" for name in sorted(texts)))
    return 5 if unread else 0


def _manifests(settings: Settings, revision: str, names: set[str], group: str) -> dict[str, str]:
    """The files at the revision about the group and its promotions, to the letter."""
    folder = git.read(git.repository(Path(settings.repo)), revision, settings.path, attribution=False)
    wanted = {*(f"{name}.yaml" for name in names), *(f"{name}.lock.yaml" for name in names), f"{group}.yaml"}
    return {
        f"manifests/{file.below}": file.data.decode("utf-8", "replace")
        for file in folder.files
        if file.path.rpartition("/")[2] in wanted or b"kind: Guardrails" in file.data or b"kind: Waiver" in file.data
    }


def readme(group: str, as_of: str, revision: str, names: list[str], unread: str) -> str:
    """What the folder is and has in it."""
    lines = [
        f"# Evidence about the model group {markdown_of(group)} as of {markdown_of(as_of)}",
        "",
        f"Gathered by Hubwright at revision {markdown_of(revision)}.",
        "",
        "- `history.json`, `history.md`: which promotions Git asked to be Approved, by which commit and pull request,",
        "  and what runs did about them.",
        "- `manifests/`: the manifests and locks as they were at that revision: what reviewers saw. A lock names every",
        "  object and image by its digest.",
        "- `records/`: what each run meant to do before it did it, and what became of it, with the ids of AWS's",
        "  requests. Each has a digest of its own content; the originals are in the hub's audit bucket.",
        "",
        f"{NOTE} Who approved a pull request is in a record's `review` where one was handed in; the author of",
        "a commit is what the commit says, and proves nothing.",
        "",
    ]
    if not any(name.startswith("records/") for name in names):
        lines += [
            "There are no records of runs about it: the hub has no audit bucket, or none of them is about it.",
            "",
        ]
    if unread:
        lines += [f"Not all records could be read: {markdown_of(unread)}", ""]
    return "\n".join([*lines, "Files:", "", *(f"- {code(name)}" for name in names)]) + "\n"
