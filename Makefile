# The verbs of the project. `make demo` and `make test` need only Python 3.11+, make and git.
