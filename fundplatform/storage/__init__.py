"""The warehouse: the IO manager, the store protocol and one store per database."""
