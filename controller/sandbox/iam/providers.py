"""OpenID Connect providers, as CI systems' tokens need them, and users, as far as people sign in with keys."""

from __future__ import annotations

import hashlib

from controller.sandbox.iam.common import (
    Document,
    check_document,
    check_name,
    check_path,
    missing,
    new_id,
    read_tags,
    show_tags,
)
from controller.sandbox.iam.state import Identity, Provider
from controller.sandbox.principals import Caller, secret_of
from controller.sandbox.query import stamp
from controller.sandbox.wire import ServiceError
from controller.sandbox.world import World


def _find(world: World, caller: Caller, document: Document) -> Provider:
    arn = document["OpenIDConnectProviderArn"]
    provider = world.iam_of(caller.account).providers.get(arn)
    if provider is None:
        raise missing(f"OpenIDConnect Provider not found for arn {arn}")
    return provider


def create_provider(world: World, caller: Caller, document: Document) -> Document:
    """Creates a provider for an https address; 409 when there is one."""
    url = document["Url"]
    if not url.startswith("https://"):
        raise ServiceError("ValidationError", "Invalid Open ID Connect Provider URL")
    bare = url.removeprefix("https://").rstrip("/")
    arn = f"arn:{caller.partition}:iam::{caller.account}:oidc-provider/{bare}"
    providers = world.iam_of(caller.account).providers
    if arn in providers:
        raise ServiceError("EntityAlreadyExists", f"Provider with url {url} already exists.", 409)
    providers[arn] = Provider(
        arn,
        bare,
        world.clock.now(),
        list(document.get("ClientIDList") or []),
        list(document.get("ThumbprintList") or []),
        read_tags(document.get("Tags")),
    )
    return {"OpenIDConnectProviderArn": arn, "Tags": document.get("Tags")}


def get_provider(world: World, caller: Caller, document: Document) -> Document:
    """One provider."""
    found = _find(world, caller, document)
    return {
        "Url": found.url,
        "ClientIDList": found.audiences,
        "ThumbprintList": found.thumbprints,
        "CreateDate": stamp(found.created),
        "Tags": show_tags(found.tags),
    }


def list_providers(world: World, caller: Caller, _document: Document) -> Document:
    """The ARNs of all."""
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in world.iam_of(caller.account).providers]}


def delete_provider(world: World, caller: Caller, document: Document) -> Document:
    """Deletes a provider."""
    del world.iam_of(caller.account).providers[_find(world, caller, document).arn]
    return {}


def add_audience(world: World, caller: Caller, document: Document) -> Document:
    """Adds an audience; again is no error."""
    found = _find(world, caller, document)
    if document["ClientID"] not in found.audiences:
        found.audiences.append(document["ClientID"])
    return {}


def remove_audience(world: World, caller: Caller, document: Document) -> Document:
    """Removes an audience; one that is not there is no error."""
    found = _find(world, caller, document)
    found.audiences = [item for item in found.audiences if item != document["ClientID"]]
    return {}


def update_thumbprints(world: World, caller: Caller, document: Document) -> Document:
    """Replaces the thumbprints."""
    _find(world, caller, document).thumbprints = list(document["ThumbprintList"])
    return {}


def tag_provider(world: World, caller: Caller, document: Document) -> Document:
    """Sets tags."""
    _find(world, caller, document).tags.update(read_tags(document["Tags"]))
    return {}


def untag_provider(world: World, caller: Caller, document: Document) -> Document:
    """Removes tags."""
    for key in document["TagKeys"]:
        _find(world, caller, document).tags.pop(key, None)
    return {}


def _user(world: World, caller: Caller, document: Document) -> Identity:
    name = document.get("UserName") or caller.arn.rsplit("/", 1)[-1]
    user = world.iam_of(caller.account).users.get(name)
    if user is None:
        raise missing(f"The user with name {name} cannot be found.")
    return user


def _shown(user: Identity) -> Document:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": stamp(user.created),
    }


def create_user(world: World, caller: Caller, document: Document) -> Document:
    """Creates a user."""
    name, path = check_name(document["UserName"], "userName"), check_path(document.get("Path") or "/")
    users = world.iam_of(caller.account).users
    if name in users:
        raise ServiceError("EntityAlreadyExists", f"User with name {name} already exists.", 409)
    arn = f"arn:{caller.partition}:iam::{caller.account}:user{path}{name}"
    users[name] = Identity(
        name, path, arn, new_id(world, "AIDA"), world.clock.now(), boundary=document.get("PermissionsBoundary")
    )
    users[name].tags = read_tags(document.get("Tags"))
    return {"User": _shown(users[name])}


def get_user(world: World, caller: Caller, document: Document) -> Document:
    """A user, by default the caller."""
    return {"User": _shown(_user(world, caller, document))}


def put_user_policy(world: World, caller: Caller, document: Document) -> Document:
    """Sets an inline policy of a user."""
    check_document(document["PolicyDocument"], "identity")
    _user(world, caller, document).inline[document["PolicyName"]] = document["PolicyDocument"]
    return {}


def create_access_key(world: World, caller: Caller, document: Document) -> Document:
    """Keys of a user, good at once."""
    user = _user(world, caller, document)
    key = "AKIA" + hashlib.sha256(f"key {world.next_serial()} {user.arn}".encode()).hexdigest()[:16].upper()
    world.iam_of(caller.account).keys[key] = user.name
    shown = {"UserName": user.name, "AccessKeyId": key, "Status": "Active", "SecretAccessKey": secret_of(key)}
    return {"AccessKey": shown | {"CreateDate": stamp(world.clock.now())}}
