"""No address is invented: where the project is published is said by where it is built, or left out."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.docs.test_readme import ROOT, module

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INDEX = f"https://pypi.org/project/{PROJECT['name']}/"
TOLD = (
    "AUTODIFF_REPOSITORY", "AUTODIFF_SITE", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY",
    "READTHEDOCS_GIT_CLONE_URL",
)  # fmt: skip
OURS = re.compile(r"https?://[^\s)\"'>]*(?:autodiff|readthedocs\.io)[^\s)\"'>]*", re.IGNORECASE)
# What follows from the name on the package index, and the pages of others.
ALLOWED = (
    INDEX,
    "https://pypi.org/packages/source/a/autodiff-numpy/",
    "https://github.com/HIPS/autograd",
)
TEXTS = (
    ".md",
    ".py",
    ".toml",
    ".yml",
    ".yaml",
    ".cff",
    ".rst",
    ".html",
    ".css",
    ".ipynb",
    ".txt",
    "",
)


def texts() -> list[Path]:
    """The files of the project, without what is built."""
    left_out = {".git", "_build", "venv", ".venv", "node_modules", "examples/backreferences"}
    roots = [
        ROOT / name for name in ("src", "docs", "tests", "bench", "examples", "conda", ".github")
    ]
    files = [p for root in roots for p in root.rglob("*")] + list(ROOT.glob("*"))
    return [
        p
        for p in files
        if p.is_file() and p.suffix in TEXTS and left_out.isdisjoint(p.relative_to(ROOT).parts)
    ]


def test_no_file_names_an_address_that_nobody_has_said_exists() -> None:
    found = []
    for path in texts():
        if path == Path(__file__):
            continue
        for address in OURS.findall(path.read_text(encoding="utf-8", errors="ignore")):
            if not address.startswith(ALLOWED):
                found.append((str(path.relative_to(ROOT)), address))
    assert found == []


def test_no_placeholder_is_left() -> None:
    words = re.compile(
        r"OWNER/|<(owner|user|repo|version)>|YOUR[-_]|example\.(com|org)|\bTODO\b|\bFIXME\b"
    )
    places = [".github", "conda"]
    files = [p for name in places for p in (ROOT / name).rglob("*") if p.is_file()]
    files += [
        ROOT / n
        for n in ("pyproject.toml", "CITATION.cff", "SECURITY.md", "README.md", "CONTRIBUTING.md")
    ]
    found = [str(p) for p in files if words.search(p.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "told, source",
    [
        ({}, None),
        ({"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b"}, "https://github.com/a/b"),
        ({"READTHEDOCS_GIT_CLONE_URL": "https://gitlab.com/a/b.git"}, "https://gitlab.com/a/b"),
        ({"READTHEDOCS_GIT_CLONE_URL": "git@github.com:a/b.git"}, None),
        ({"AUTODIFF_REPOSITORY": "https://codeberg.org/a/b/"}, "https://codeberg.org/a/b"),
    ],
)  # fmt: skip
def test_urls_are_those_of_where_it_is_built(told, source, monkeypatch) -> None:
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    urls = module("hatch_build.py").urls(PROJECT["name"])
    assert urls["Homepage"] == INDEX and urls.get("Source") == source
    assert set(urls) == (
        {"Homepage"}
        if source is None
        else {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    )
    assert all(url.startswith(source or INDEX) for name, url in urls.items() if name != "Homepage")


def test_the_hook_of_the_build_fills_them_in(monkeypatch) -> None:
    monkeypatch.setenv("AUTODIFF_REPOSITORY", "https://codeberg.org/a/b")
    metadata = {"name": PROJECT["name"]}
    module("hatch_build.py").ReadmeHook.update(SimpleNamespace(root=str(ROOT)), metadata)
    assert metadata["urls"]["Issues"] == "https://codeberg.org/a/b/issues"
    assert "(https://codeberg.org/a/b/blob/main/docs/" in metadata["readme"]["text"]
    assert {"readme", "urls"} == set(PROJECT["dynamic"])


def test_citation_and_recipe_lead_to_the_package_index() -> None:
    assert f"\nurl: {INDEX}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"homepage: {INDEX}\n" in (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")


def test_workflows_run_what_there_is() -> None:
    workflows = {
        p.name: p.read_text(encoding="utf-8") for p in (ROOT / ".github/workflows").iterdir()
    }
    extras = set(re.findall(r"\[([a-z,-]+)\]\"", "".join(workflows.values())))
    assert {e for names in extras for e in names.split(",")} <= set(
        PROJECT["optional-dependencies"]
    )
    versions = set(re.findall(r'"(3\.\d+)"', workflows["tests.yml"]))
    named = {c.rpartition(" ")[2] for c in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert versions == named
    for system in ("ubuntu-latest", "macos-latest", "windows-latest", "ubuntu-24.04-arm"):
        assert system in workflows["tests.yml"]
    assert ".ci/run" in workflows["tests.yml"] and (ROOT / ".ci" / "run").stat().st_mode & 0o111
