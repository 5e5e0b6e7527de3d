"""SQS: standard and FIFO queues with visibility timeouts, redrive and policies."""
