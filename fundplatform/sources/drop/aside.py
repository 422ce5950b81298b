"""Files of which nothing can be used are set aside, each with a note beside it.

Only files that were read already and have not changed since: what is told of them is kept with
what was parsed. Reading a file is `inventory.py`'s.
"""

from pathlib import Path

from fundplatform.errors import SourceError
from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.files import ASIDE

_NOTE = """\
# {name} was set aside

Nothing of it could be used: it {reason}.

Correct it and put it back into the folder (or a better one in its place); this note may go.
"""


def put_aside(config: DropConfig, path: Path, reason: str) -> Path:
    """Move the file to `set-aside/` in its drop folder and write why; returns where it is now.

    Raises:
        SourceError: The folder cannot be written.
    """
    wanted = config.folder / ASIDE / path.relative_to(config.folder)
    target, number = wanted, 1
    while target.exists():
        number += 1
        target = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        note = target.with_name(f"{target.name}.md")
        note.write_text(_NOTE.format(name=path.name, reason=reason.rstrip(".")), "utf-8")
        path.rename(target)
    except OSError as error:
        raise SourceError(
            config.name,
            f"{path.name} cannot be set aside: {error.strerror}",
            f"Make {config.folder} writable, or remove the file",
        ) from error
    return target
