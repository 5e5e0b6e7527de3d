"""KMS: keys, their policies, aliases, tags and grants, as far as copies and policies need them; no cryptography."""
