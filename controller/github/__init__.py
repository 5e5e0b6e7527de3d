"""What Hubwright says to GitHub: one comment, one issue; and what it asks there: plans and reviews of pull requests."""
