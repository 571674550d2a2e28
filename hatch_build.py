"""What the distribution says of where the project is: its URLs, and README.md with links that work there.

Where the sources are published is nothing that the sources can know: a fork, a mirror and a checkout
without a server have the same files.  So it is asked of where the build runs (`repository`), and what
nobody says is left out, so that no link leads to nothing.  `pyproject.toml` names this file as a hook of
the build; `docs/conf.py` asks it as well.
"""

import os
import re
from pathlib import Path
from typing import Any

try:
    from hatchling.metadata.plugin.interface import MetadataHookInterface
except ModuleNotFoundError:  # the tests read this file where nothing is built
    MetadataHookInterface = object

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def repository() -> str | None:
    """The address of the repository: said by the builder, or by GitHub Actions or Read the Docs."""
    told = os.environ
    found = told.get("AUTODIFF_REPOSITORY") or told.get("READTHEDOCS_GIT_CLONE_URL", "")
    if not found and told.get("GITHUB_SERVER_URL") and told.get("GITHUB_REPOSITORY"):
        found = f"{told['GITHUB_SERVER_URL']}/{told['GITHUB_REPOSITORY']}"
    return found.removesuffix("/").removesuffix(".git") if found.startswith("https://") else None


def urls(name: str) -> dict[str, str]:
    """The URLs of a distribution; its page on the index is where it is had from."""
    found = {"Homepage": f"https://pypi.org/project/{name}/"}
    source = repository()
    if source is not None:
        found |= {
            "Documentation": f"{source}/blob/main/docs/index.md",
            "Source": source,
            "Issues": f"{source}/issues",
            "Changelog": f"{source}/blob/main/CHANGELOG.md",
        }
    if os.environ.get("AUTODIFF_SITE"):
        found["Documentation"] = os.environ["AUTODIFF_SITE"]
    return found


def absolute_links(text: str, source: str | None) -> str:
    """Markdown whose links and pictures lead into the repository, also where it is not beside it.

    Where no repository is known, the words of links stay, and pictures go.
    """
    raw = (source or "").replace("https://github.com/", "https://raw.githubusercontent.com/")

    def moved(link: re.Match[str]) -> str:
        picture, words, path = link.groups()
        if source is None:
            return "" if picture else words
        if picture:
            return f"![{words}]({raw}/main/{path})"
        kind = "tree" if path.endswith("/") else "blob"
        return f"[{words}]({source}/{kind}/main/{path})"

    return _LINK.sub(moved, text)


class ReadmeHook(MetadataHookInterface):  # type: ignore[misc,valid-type]
    """Fill in the fields `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        metadata["urls"] = urls(metadata["name"])
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, repository()),
        }
