"""Whether what a plan is to adopt can be its source, as far as S3 and ECR state: said before a run proves the bytes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial

from controller.core.errors import HubwrightError, PreconditionError
from controller.core.model import Action, Target
from controller.kinds import adoption, artifact
from controller.kinds.base import Cloud

Image = tuple[Target, tuple[str, str, str]]


def unlike(cloud: Cloud, actions: Iterable[Action], pool: Executor) -> list[tuple[Action, PreconditionError]]:
    """The actions that would adopt what is not its source, each with what is otherwise; with one call an object, and
    three an image, however many versions share it. What cannot be asked is left to the run, which proves all of it."""
    wanted = [one for one in actions if one.key.kind == artifact.NAME and one.facts.get("adopts")]
    images = {image: pool.submit(partial(_image, cloud, image)) for action in wanted for image in _images(action)}
    started = [(action, pool.submit(partial(_objects, cloud, action))) for action in wanted]
    found = []
    for action, objects in started:
        wrong = [why for image in _images(action) if (why := images[image].result()) is not None]
        why = wrong[0] if wrong else objects.result()
        if why is not None:
            found.append((action, why))
    return found


def _images(action: Action) -> list[Image]:
    return [(action.key.target, (uri, digest, there)) for uri, digest, there in action.facts["adopts"]["images"]]


def _image(cloud: Cloud, image: Image) -> PreconditionError | None:
    target, row = image
    try:
        adoption.check_images(cloud.client(target, "ecr"), target.account, [row])
    except PreconditionError as error:
        return error
    except HubwrightError:
        return None
    return None


def _objects(cloud: Cloud, action: Action) -> PreconditionError | None:
    try:
        hub = cloud.client(action.key.target, "s3")
        for item in artifact.items_of(action):
            adoption.compare(hub, item)
    except PreconditionError as error:
        return error
    except HubwrightError:
        return None
    return None
