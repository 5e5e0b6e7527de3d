"""`python -m controller` is `hubwright`."""

from controller.cli import main

main()
