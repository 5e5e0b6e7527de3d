from tests.e2e.conftest import _environment, bed  # noqa: F401
