"""A client for image registries that speak the OCI distribution protocol."""
