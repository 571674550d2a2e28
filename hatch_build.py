"""The text for the package index: README.md, whose links are relative here and absolute there.

`pyproject.toml` names this file as a hook of the build; it changes nothing else.
"""

import re
from pathlib import Path
from typing import Any

try:
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ModuleNotFoundError:  # the tests read this file where nothing is built
    MetadataHookInterface = object

_LINK = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)")


def absolute_links(text: str, repository: str) -> str:
    """Markdown whose links and pictures lead into the repository, also where it is not beside it."""
    raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/")

    def moved(link: re.Match[str]) -> str:
        picture, words, path = link.groups()
        if picture:
            return f"!{words}({raw}/main/{path})"
        kind = "tree" if path.endswith("/") else "blob"
        return f"{words}({repository}/{kind}/main/{path})"

    return _LINK.sub(moved, text)


class ReadmeHook(MetadataHookInterface):  # type: ignore[misc,valid-type]
    """Fill in the field `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, metadata["urls"]["Source"]),
        }
