"""The entry point of the demo's images: answers one request from standard input with a model's own inference code.

python serve.py MODEL_DIR CONTENT_TYPE ACCEPT < request > response
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def load(folder: Path) -> ModuleType:
    """The module `code/inference.py` of a model that was unpacked into `folder`."""
    spec = importlib.util.spec_from_file_location("inference", folder / "code" / "inference.py")
    if spec is None or spec.loader is None:
        raise ImportError("the model has no code/inference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(folder: str, content_type: str, accept: str) -> None:
    """Reads, predicts, writes: the four functions are those that SageMaker's framework containers call."""
    code = load(Path(folder))
    model = code.model_fn(folder)
    request = code.input_fn(sys.stdin.read(), content_type)
    sys.stdout.write(code.output_fn(code.predict_fn(request, model), accept))


if __name__ == "__main__":
    main(*sys.argv[1:4])
