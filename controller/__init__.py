"""Hubwright: keeps Amazon SageMaker model registries in the state that Git declares."""

__version__ = "0.1.0"
