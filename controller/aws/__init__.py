"""AWS: proven sessions, recorded calls, clients that refuse to write while planning. Only here is botocore imported."""
