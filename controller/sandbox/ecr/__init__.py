"""ECR: control plane and OCI distribution endpoint over one store."""
