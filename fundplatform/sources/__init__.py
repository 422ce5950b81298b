"""One file = one source: a vendor's bytes become frames. No Dagster, no SQL, no instrument ids.

`base.py` says what a source is, `register.py` lists the built-in ones, `drop/` reads the drop
folders; every other file is a source that the register names.
"""
