"""The contract suite: what AWS documents, asked of the sandbox through plain botocore clients.

Sources named in the tests: "model" is botocore's service model (its texts, shapes and errors), "aws.md" the project's
notes with the row or section, "OCI" the distribution specification. "Assumed" marks what is documented nowhere.
"""
