"""SQS: standard queues with visibility timeouts, redrive and policies."""
