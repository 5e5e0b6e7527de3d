"""EventBridge's operations, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from controller.sandbox.events import buses, put, rules
from controller.sandbox.events.state import Document
from controller.sandbox.principals import Caller
from controller.sandbox.world import World

Operation = Callable[[World, Caller, Document], Document]

OPERATIONS: dict[str, Operation] = {
    "CreateEventBus": buses.create_event_bus,
    "DescribeEventBus": buses.describe_event_bus,
    "UpdateEventBus": buses.update_event_bus,
    "ListEventBuses": buses.list_event_buses,
    "DeleteEventBus": buses.delete_event_bus,
    "PutPermission": buses.put_permission,
    "RemovePermission": buses.remove_permission,
    "PutRule": rules.put_rule,
    "DescribeRule": rules.describe_rule,
    "ListRules": rules.list_rules,
    "DeleteRule": rules.delete_rule,
    "EnableRule": partial(rules.switch_rule, on=True),
    "DisableRule": partial(rules.switch_rule, on=False),
    "PutTargets": rules.put_targets,
    "ListTargetsByRule": rules.list_targets_by_rule,
    "RemoveTargets": rules.remove_targets,
    "ListRuleNamesByTarget": rules.list_rule_names_by_target,
    "TestEventPattern": rules.test_event_pattern,
    "TagResource": rules.tag_resource,
    "UntagResource": rules.untag_resource,
    "ListTagsForResource": rules.list_tags_for_resource,
    "PutEvents": put.put_events,
}
