"""Read a YAML file as plain text: every scalar stays the text that was written.

YAML would turn the tickers ON, NO and TRUE into booleans, NAN into a number and 2020-01-01 into a
date. What the keys mean is `config.py`'s.
"""

from collections.abc import Hashable
from pathlib import Path

import yaml

from fundplatform.errors import ConfigError


class _Loader(yaml.BaseLoader):
    """BaseLoader that refuses a key written twice, which YAML would silently drop."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_mapping(path: Path) -> dict[str, object]:
    """The file's keys; values are text, lists or mappings of text.

    Raises:
        ConfigError: Unreadable, no YAML, or no mapping at its top.
    """
    try:
        content = yaml.load(path.read_text("utf-8-sig"), Loader=_Loader)  # noqa: S506 - text only
    except OSError as error:
        raise ConfigError(str(path), None, f"cannot be read: {error}", "Check the file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), None, "is not UTF-8", "Save it as UTF-8") from error
    except yaml.YAMLError as error:
        place = " ".join(str(error).split())
        raise ConfigError(str(path), None, f"is no YAML: {place}", "Correct that line") from error
    if not isinstance(content, dict) or not content:
        raise ConfigError(
            str(path), None, "holds no keys", "Write at least a line like: start: 2015-01-02"
        )
    return content
