"""What the options say of the network that image registries are in."""

from __future__ import annotations

import pytest

from controller.cli.run import network_of
from controller.cli.settings import Settings
from controller.core.errors import UsageError
from controller.oci.network import Network, blocks


def test_without_options_nothing_private_is_allowed() -> None:
    assert network_of(Settings()) == Network()


def test_what_is_named_is_taken() -> None:
    given = Settings(allow_network=("10.0.0.0/8", "fd00::/8"), proxy="http://proxy.test:3128", ca_bundle="roots.pem")
    assert network_of(given) == Network(blocks(["10.0.0.0/8", "fd00::/8"]), "http://proxy.test:3128", "roots.pem")


@pytest.mark.parametrize(
    "given", [Settings(allow_network=("10.0.0.1/8",)), Settings(allow_network=("x",)), Settings(proxy="proxy.test")]
)
def test_what_means_nothing_is_a_usage_error(given: Settings) -> None:
    with pytest.raises(UsageError):
        network_of(given)
