"""From a Git revision to checked manifests with positions. The only place that imports git, yaml and jsonschema."""
