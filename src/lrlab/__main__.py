"""`python -m lrlab` is `lrlab`."""

from lrlab.cli import main

main()
