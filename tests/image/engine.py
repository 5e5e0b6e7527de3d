"""The image's definition built for real, without Docker: buildah builds, skopeo carries, umoci unpacks, runc runs.

Base images cannot be pulled everywhere that tests run. A stand-in is made of Debian's packages, under the name that the
definition asks for; what users build is not changed for it. How this machine reaches its package index is mounted while
something is built, and stays out of what is built.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
DEFINITION = "packaging/Dockerfile"
PROGRAMS = ("buildah", "mmdebstrap", "runc", "skopeo", "umoci", "docker-registry")
#: Of which Debian the base's Python is.
SUITES = {"3.13": "trixie"}
WHEEL = next((TOP / "scripts" / "bootstrap").glob("pip-*.whl"))
_FILE = re.compile(r"(?:file://)?(/[^\s'\",]+)")


def missing() -> str:
    """Why nothing can be built here; empty where it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"not installed: {' '.join(absent)} (Debian has packages of these names)"
    return "" if os.geteuid() == 0 else "only root may unpack an image with its owners"


def run(*command: str | Path, **more: Any) -> str:
    """What a program prints; AssertionError with all it said where it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600, **more)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
    return done.stdout


@dataclass(frozen=True)
class Index:
    """How pip reaches its index on this machine: its settings as a file, and the local paths that they name."""

    settings: str
    paths: tuple[str, ...]

    @classmethod
    def here(cls) -> Index:
        said = run(sys.executable, WHEEL / "pip", "config", "list", "--disable-pip-version-check")
        found: dict[str, list[str]] = {}
        for line in said.splitlines():
            name, _, value = line.partition("=")
            found[name.rpartition(".")[2]] = str(ast.literal_eval(value)).split()
        text = "".join(f"{name} = {' '.join(words)}\n" for name, words in sorted(found.items()))
        named = {path for words in found.values() for word in words for path in _FILE.findall(word)}
        beside = {str(Path(path).parent / "files") for path in named}  # an index names its files relatively
        paths = {path for path in named | beside if Path(path).exists()}
        return cls(f"[global]\n{text}", tuple(sorted(paths)))


@dataclass
class Engine:
    """One folder with buildah's storage, and what this machine's builds get mounted."""

    folder: Path
    index: Index = field(default_factory=Index.here)

    @property
    def driver(self) -> str:
        """Layers over each other where the kernel can, which not every container's own files allow; else copies."""
        below = run("stat", "--file-system", "--format=%T", self.folder).strip()
        can = "\toverlay\n" in Path("/proc/filesystems").read_text() and not below.startswith(("overlay", "tmpfs"))
        return "overlay" if can else "vfs"

    @property
    def storage(self) -> tuple[str, ...]:
        return "--root", f"{self.folder}/store", "--runroot", f"{self.folder}/run", "--storage-driver", self.driver

    def close(self) -> None:
        """Removes all that it made."""
        subprocess.run(["umount", self.folder / "store" / "overlay"], stderr=subprocess.DEVNULL, check=False)
        run("rm", "--recursive", "--force", "--one-file-system", self.folder)

    def _mounts(self) -> list[str]:
        conf = self.folder / "pip.conf"
        conf.write_text(self.index.settings)
        pairs = [(str(conf), "/etc/pip.conf"), *((path, path) for path in self.index.paths)]
        return [f"--volume={outside}:{inside}:ro" for outside, inside in pairs]

    def make_base(self, name: str) -> None:
        """A Debian with the Python that a base image of this name has, and pip beside it as there."""
        version = name.rpartition(":")[2].removesuffix("-slim")
        pip, tree = self.folder / "pip", self.folder / "base.tar"
        zipfile.ZipFile(WHEEL).extractall(pip)
        inside = f"$1/usr/local/lib/python{version}/dist-packages"
        # Where something is mounted later stands already: a build leaves no trace of it.
        places = [f'mkdir -p "$1{path if Path(path).is_dir() else Path(path).parent}"' for path in self.index.paths]
        files = [f'touch "$1{path}"' for path in ("/etc/pip.conf", *self.index.paths) if not Path(path).is_dir()]
        hook = "; ".join(
            [
                "set -e",
                f'mkdir -p "{inside}" && cp -r {pip}/. "{inside}/"',
                'ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
                'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
                *places,
                *files,
            ]
        )
        packages = "--include=python3,ca-certificates,apt,passwd"
        quiet = ("--variant=essential", "--mode=root", "--quiet", packages, f"--customize-hook={hook}")
        run("mmdebstrap", *quiet, SUITES[version], tree)
        definition = self.folder / "base.Dockerfile"
        definition.write_text(f'FROM scratch\nADD {tree.name} /\nCMD ["python3"]\n')
        self._bud(self.folder, definition, f"localhost/{name}")
        tree.unlink()

    def build(self, context: Path, definition: str, tag: str, *more: str) -> None:
        """Builds a definition as Docker does; `more` are its own options."""
        ignored = f"--ignorefile={context / definition}.dockerignore"
        self._bud(context, context / definition, tag, ignored, *self._mounts(), *more)

    def _bud(self, context: Path, definition: Path, tag: str, *more: str) -> None:
        words = ("--isolation=chroot", "--pull-never", "--tag", tag, "--file", str(definition), *more)
        run("buildah", *self.storage, "bud", *words, context)

    def push(self, tag: str, target: str) -> str:
        """Carries an image into a registry; gives its digest there."""
        note = self.folder / "digest"
        source = f"containers-storage:[{self.driver}@{self.folder}/store+{self.folder}/run]localhost/{tag}"
        words = (
            "--quiet",
            "--insecure-policy",
            "--dest-tls-verify=false",
            "--dest-compress-level=1",
            f"--digestfile={note}",
        )
        run("skopeo", "copy", *words, source, f"docker://{target}")
        return note.read_text().strip()

    def pull(self, source: str, name: str) -> Image:
        """Fetches an image from a registry and unpacks it, once."""
        layout, bundle = self.folder / f"{name}.oci", self.folder / name
        if bundle.exists():
            return Image(layout, bundle)
        run("skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{source}", f"oci:{layout}:it")
        run("umoci", "unpack", "--image", f"{layout}:it", bundle)
        return Image(layout, bundle)


@dataclass
class Image:
    """An image as an OCI layout and, unpacked, as a bundle that runc runs."""

    layout: Path
    bundle: Path

    def _blob(self, digest: str) -> Any:
        return json.loads((self.layout / "blobs" / digest.replace(":", "/")).read_text())

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = self._blob(
            json.loads((self.layout / "index.json").read_text())["manifests"][0]["digest"]
        )
        return found

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = self._blob(self.manifest["config"]["digest"])
        return found

    @property
    def root(self) -> Path:
        return self.bundle / "rootfs"

    def layer(self, number: int) -> Path:
        """One of its layers, a gzipped tar."""
        return self.layout / "blobs" / self.manifest["layers"][number]["digest"].replace(":", "/")

    def process(
        self,
        *arguments: str,
        entry: Sequence[str] | None = None,
        work: Path | None = None,
        user: tuple[int, int] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """A container as the strictest cluster runs it: no capability, nothing to write to but /tmp and what is mounted
        at /repo. `entry` in place of its own entry point; `user` in place of its own, as one that it does not know."""
        config = json.loads((self.bundle / "config.json").read_text())
        own = self.config["config"]
        process, place = config["process"], Path(tempfile.mkdtemp(prefix="run-", dir=self.bundle.parent))
        process |= {
            "terminal": False,
            "args": [*(own["Entrypoint"] if entry is None else entry), *(arguments or own["Cmd"])],
            "capabilities": {},
            "noNewPrivileges": True,
        }
        known = dict(word.split("=", 1) for word in process["env"]) | dict(environment or {})
        if user:
            process["user"], known["HOME"] = {"uid": user[0], "gid": user[1]}, "/"
        process["env"] = [f"{name}={value}" for name, value in known.items()]
        config["root"] = {"path": str(self.root), "readonly": True}
        config["linux"].pop("resources", None)
        config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "network"]
        config["mounts"] = [x for x in config["mounts"] if x["destination"] != "/sys/fs/cgroup"]
        config["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
        if work:
            config["mounts"].append(
                {"destination": "/repo", "type": "bind", "source": str(work), "options": ["rbind", "rw"]}
            )
        (place / "config.json").write_text(json.dumps(config))
        command = ["runc", "--root", str(place / "state"), "run", "--bundle", str(place), f"hubwright-{place.name}"]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str, **more: Any) -> tuple[int, str, str]:
        """Exit code, output and errors of a container."""
        process = self.process(*arguments, **more)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err
