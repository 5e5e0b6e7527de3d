"""Locks and promotions as files beside the manifests that ask for them."""
