"""`python -m evalgate.cli`."""

from evalgate.cli import main

main()
