"""EventBridge: buses, rules, patterns, and the delivery of events to buses, queues and functions."""
