"""IAM: roles, their policies and boundaries, managed policies, users, and OpenID Connect providers."""
