"""Reports as text, Markdown and JSON: pure functions from a Report to a str."""
