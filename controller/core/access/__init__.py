"""Which policies, roles, buses and rules a fleet needs: derived from its manifests, merged into what is live."""
