"""KMS: keys, their policies, aliases, tags and grants, as far as copies, policies and signatures need them."""
