import pytest

from controller.core.errors import RegistryError
from controller.oci.reference import Reference, parse

DIGEST = "sha256:" + "a" * 64
ECR = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ECR}/models/churn:v1", Reference(ECR, "models/churn", "v1")),
        (f"{ECR}/a@{DIGEST}", Reference(ECR, "a", None, DIGEST)),
        (f"{ECR}/a:t@{DIGEST}", Reference(ECR, "a", "t", DIGEST)),
        ("localhost/a", Reference("localhost", "a")),
        ("127.0.0.1:5000/a/b_c/d-e.f__g", Reference("127.0.0.1:5000", "a/b_c/d-e.f__g")),
        ("[::1]:5000/a:1", Reference("[::1]:5000", "a", "1")),
        (f"r.test/a:{'t' * 128}", Reference("r.test", "a", "t" * 128)),
        (f"r.test/{'a' * 255}", Reference("r.test", "a" * 255)),
    ],
)
def test_names_are_read_and_written(text: str, expected: Reference) -> None:
    assert parse(text) == expected
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ubuntu",
        "library/ubuntu",
        "r.test/",
        "r.test/A",
        "r.test/a//b",
        "r.test/a/",
        "r.test/../a",
        "r.test/a/../b",
        "r.test/a/.b",
        "r.test/a..b",
        "r.test/a___b",
        "r.test/a:",
        "r.test/a:-x",
        "r.test/a:../../x",
        f"r.test/a:{'t' * 129}",
        f"r.test/{'a' * 256}",
        "r.test/a@",
        "r.test/a@sha256:abc",
        f"r.test/a@{DIGEST}/../../x",
        f"r.test/a@{DIGEST}\n",
        f"r.test/a@{DIGEST.upper()}",
        f"r.test/a@{DIGEST}@{DIGEST}",
        "r.test/a@sha512:" + "a" * 128,
        "r.test/a@md5:" + "a" * 32,
        "user:pw@r.test/a",
        "https://r.test/a",
        "r .test/a",
        "r.test\n/a",
        "r.test/a\n",
        "r.test:99999999/a",
        "-r.test/a",
        "r.test/ä",
        "r.test/a:\uff11",
        "r.test/a?x=1",
        "r.test/a%2f..",
        "r.test/" + "a-" * 5000,
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(text)
    assert caught.value.code == "NAME_INVALID"
    assert len(str(caught.value)) < 300


def test_pinning_drops_the_tag() -> None:
    assert str(parse("r.test/a:v1").pinned(DIGEST)) == f"r.test/a@{DIGEST}"
