"""Real sockets: the ready file, keep-alive, chunked bodies, dropped connections, signals, and skopeo."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError
from botocore.session import Session

from controller.sandbox.server import Serving, run, serve
from controller.sandbox.world import World
from tests.sandbox.conftest import CHURN, HUB
from tests.sandbox.images import OCI, Image, digest_of, entry
from tests.sandbox.test_packages import create

HOST = f"{HUB}.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    found = serve(World())
    yield found
    found.close()


def client(serving: Serving, service: str, account: str = HUB, attempts: int = 1) -> Any:
    environment = serving.environment(account)
    return Session().create_client(
        service,
        region_name=environment["AWS_DEFAULT_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": attempts}),
    )


def test_plain_clients_work(serving: Serving) -> None:
    """All three services, bodies small and large."""
    sm, s3 = client(serving, "sagemaker"), client(serving, "s3")
    sm.create_model_package_group(ModelPackageGroupName="churn")
    assert create(sm).endswith("/churn/1")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    data = os.urandom(9 << 20)
    s3.put_object(Bucket="bucket", Key="a/é b", Body=data)
    assert s3.get_object(Bucket="bucket", Key="a/é b")["Body"].read() == data
    assert client(serving, "sts", CHURN).get_caller_identity()["Account"] == CHURN


def test_many_callers_at_once(serving: Serving) -> None:
    """Version numbers are given once, whoever asks."""
    sm = client(serving, "sagemaker")
    sm.create_model_package_group(ModelPackageGroupName="busy")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create(sm, "busy"), range(40)))
    assert sorted(int(arn.rsplit("/", 1)[1]) for arn in made) == list(range(1, 41))


def test_drop_ends_the_connection(serving: Serving) -> None:
    """Over HTTP `die` and `drop` are the same: the client sees the connection close, applied or not."""
    sm = client(serving, "sagemaker")
    for name, when in (("before", "before"), ("after", "after")):
        serving.world.fault(operation="CreateModelPackageGroup", when=when, do="die")
        with pytest.raises(ConnectionClosedError):
            sm.create_model_package_group(ModelPackageGroupName=name)
    rows = sm.list_model_package_groups(NameContains="e", MaxResults=100)["ModelPackageGroupSummaryList"]
    names = [row["ModelPackageGroupName"] for row in rows]
    assert ("before" in names, "after" in names) == (False, True)


def test_one_connection_takes_many_requests(serving: Serving) -> None:
    """Keep-alive also after an error, a HEAD and a chunked body."""
    connection = HTTPConnection("127.0.0.1", int(serving.endpoint.rsplit(":", 1)[1]))
    for method, path, body in (
        ("GET", "/_sandbox/calls", None),
        ("HEAD", "/absent", None),
        ("POST", "/_sandbox/control", iter([b"{", b"}"])),
    ):
        connection.request(
            method,
            path,
            body=body,
            encode_chunked=body is not None,
            headers={"Transfer-Encoding": "chunked"} if body else {},
        )
        answer = connection.getresponse()
        answer.read()
        assert (path, answer.status) == (path, 403 if path == "/absent" else 200)
    connection.close()


def test_who_waits_to_be_told_to_go_on_is_told(serving: Serving) -> None:
    """Clients with `Expect: 100-continue` wait for a second, each time, where nobody tells them."""
    with socket.create_connection(("127.0.0.1", int(serving.endpoint.rsplit(":", 1)[1]))) as other:
        other.settimeout(30)
        other.sendall(b"PUT /bucket/k HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 100 ")


@pytest.mark.parametrize("text", [b"\x16\x03\x01\x00\xde\x01\n\n", b"nonsense\r\n\r\n", b"GET / SPDY\r\n\r\n"])
def test_what_is_not_http_is_ended_at_once(serving: Serving, text: bytes) -> None:
    """Clients that try TLS first wait for an answer."""
    with socket.create_connection(("127.0.0.1", int(serving.endpoint.rsplit(":", 1)[1]))) as other:
        other.sendall(text)
        other.settimeout(30)
        assert other.recv(100)[:12] in (b"", b"HTTP/1.1 400")


def test_a_sandbox_that_cannot_start_leaves_anothers_ready_file(serving: Serving, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text("another's")
    with pytest.raises(OSError, match="in use"):
        run("empty", ready, int(serving.endpoint.rsplit(":", 1)[1]))
    assert ready.read_text() == "another's"


def test_the_command(tmp_path: Path) -> None:
    """Starts within seconds, writes the ready file at once and whole, ends cleanly on SIGTERM."""
    ready = tmp_path / "ready.json"
    code = "import sys; from pathlib import Path; from controller.sandbox.server import run; sys.exit(run('empty', Path(sys.argv[1]), 0))"
    process = subprocess.Popen([sys.executable, "-c", code, str(ready)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        document = json.loads(ready.read_text())
        assert said == f"sandbox ready at {document['endpoint']}\n"
        assert document["pid"] == process.pid
        assert sorted(document["env"]) == [
            "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_SECRET_ACCESS_KEY", "HUBWRIGHT_REGISTRIES",
        ]  # fmt: skip
        assert sorted(json.loads(document["env"]["HUBWRIGHT_REGISTRIES"])) == sorted(
            f"{account}.dkr.ecr.eu-west-1.amazonaws.com" for account in document["accounts"]
        )
        assert {account: (row["name"], row["region"]) for account, row in document["accounts"].items()} == {
            HUB: ("hub", "eu-west-1"), CHURN: ("churn-lab", "eu-west-1"), "333333333333": ("vision-lab", "eu-west-1"),
        }  # fmt: skip
        sts = Session().create_client(
            "sts", region_name="eu-west-1", endpoint_url=document["endpoint"], aws_secret_access_key="x",
            aws_access_key_id=document["env"]["AWS_ACCESS_KEY_ID"],
        )  # fmt: skip
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{HUB}:user/controller"
        process.send_signal(signal.SIGTERM)
        assert (process.wait(10), ready.exists()) == (0, False)
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_an_error(serving: Serving) -> None:
    """OSError, for the command line to explain."""
    with pytest.raises(OSError, match="in use"):
        serve(World(), int(serving.endpoint.rsplit(":", 1)[1]))


def layout(folder: Path, image: Image) -> str:
    """An OCI image layout, as skopeo reads it."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for data in (image.config, image.layer, image.manifest):
        (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    named = entry(image.manifest, OCI) | {"annotations": {"org.opencontainers.image.ref.name": "1"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{folder}:1"


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed (Debian package skopeo)")
def test_skopeo_copies_and_inspects(serving: Serving, tmp_path: Path) -> None:
    """A client that is not ours reads and writes the registries, and finds the digest that ECR tells."""
    image = Image("skopeo")
    ecr = client(serving, "ecr")
    ecr.create_repository(repositoryName="team/app")
    ecr.create_repository(repositoryName="team/copy")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    credentials = base64.b64decode(token).decode()
    place = f"docker://{serving.registries[HOST].removeprefix('http://')}"

    def skopeo(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["skopeo", "--insecure-policy", *words], capture_output=True, text=True, timeout=60, check=False
        )

    to = ["--dest-tls-verify=false", "--dest-creds", credentials]
    source = ["--src-tls-verify=false", "--src-creds", credentials]
    pushed = skopeo("copy", *to, layout(tmp_path / "in", image), f"{place}/team/app:1")
    assert pushed.returncode == 0, pushed.stderr
    inspected = skopeo("inspect", "--tls-verify=false", "--creds", credentials, f"{place}/team/app:1")
    assert json.loads(inspected.stdout)["Digest"] == image.digest
    copied = skopeo("copy", *source, *to, f"{place}/team/app@{image.digest}", f"{place}/team/copy:1")
    assert copied.returncode == 0, copied.stderr
    assert ecr.describe_images(repositoryName="team/copy")["imageDetails"][0]["imageDigest"] == image.digest
    out = skopeo("copy", *source, f"{place}/team/copy:1", f"oci:{tmp_path / 'out'}:1")
    assert out.returncode == 0, out.stderr
    assert skopeo("copy", *to, layout(tmp_path / "no", image), f"{place}/absent:1").returncode != 0
    assert skopeo("inspect", "--tls-verify=false", "--creds", "AWS:wrong", f"{place}/team/app:1").returncode != 0


def beside(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {**os.environ, "AWS_PROFILE": "not-there", "AWS_SESSION_TOKEN": "another's", **environment}
    return subprocess.run(
        [sys.executable, "-m", "controller", "sandbox", "--", *command],
        env=known,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_command_beside_it_knows_the_sandbox_and_no_other_aws() -> None:
    code = (
        "import boto3, os, sys; print(sorted(name for name in os.environ if name.startswith('AWS_')));"
        "print(boto3.client('sts').get_caller_identity()['Account']); sys.exit(7)"
    )
    done = beside(sys.executable, "-c", code)
    names = "['AWS_ACCESS_KEY_ID', 'AWS_DEFAULT_REGION', 'AWS_ENDPOINT_URL', 'AWS_SECRET_ACCESS_KEY']"
    assert (done.returncode, done.stdout.splitlines()) == (7, [names, HUB])
    assert re.fullmatch(r"sandbox ready at http://127\.0\.0\.1:[0-9]+\n", done.stderr)


def test_a_command_that_is_not_there_is_said_to_be() -> None:
    done = beside("not-a-program")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == 'error: there is no program "not-a-program"\nhint: such as: hubwright sandbox -- bash\n'


def test_ctrl_c_is_the_commands_own_and_an_end_reaches_it() -> None:
    code = "import signal, sys; signal.signal(signal.SIGINT, lambda *_: None); print('up', flush=True); signal.pause(); signal.pause()"
    process = subprocess.Popen(
        [sys.executable, "-m", "controller", "sandbox", "--", sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        os.killpg(process.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
