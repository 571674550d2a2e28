"""README.md: its links lead somewhere, here and on the package index, and its figures are those of the benchmarks."""

import importlib.util
import re
import struct
import tomllib
import zlib
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def module(path: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert specification is not None and specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


def test_every_link_leads_to_a_file() -> None:
    links = LINK.findall(README)
    assert len(links) > 15
    missing = [
        link for link in links if "://" not in link and not (ROOT / link.split("#")[0]).exists()
    ]
    assert missing == []


REPOSITORY = "https://github.com/some/fork"  # any


def test_on_the_package_index_every_link_is_absolute() -> None:
    text = module("hatch_build.py").absolute_links(README, REPOSITORY)
    links = LINK.findall(text)
    assert len(links) == len(LINK.findall(README))
    assert all(link.startswith("https://") for link in links)
    assert f"({REPOSITORY}/blob/main/docs/solvers.md)" in text
    assert f"({REPOSITORY}/tree/main/docs/decisions/)" in text
    assert "(https://raw.githubusercontent.com/some/fork/main/docs/_static/figures.png)" in text
    # Nothing else is changed.
    assert LINK.sub("", text) == LINK.sub("", README)


def test_where_no_repository_is_known_the_words_of_links_stay() -> None:
    text = module("hatch_build.py").absolute_links(README, None)
    assert all(link.startswith(("https://", "#")) for link in LINK.findall(text))
    assert "](docs/" not in text and "figures.png" not in text
    without = module("hatch_build.py").absolute_links("[`x[0]`](a/b.md), ![p](c.png).", None)
    assert without == "`x[0]`, ."


def test_one_picture_of_the_figures_that_were_measured() -> None:
    assert re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README) == ["docs/_static/figures.png"]
    picture = module("docs/picture.py")
    written = text_of_png(picture.PICTURE.read_bytes())["Description"]
    assert written == picture.description(picture.figures())  # else run docs/picture.py


def text_of_png(data: bytes) -> dict[str, str]:
    """The text chunks of a picture."""
    found, place = {}, 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        chunk = data[place + 8 : place + 8 + length]
        if kind == b"tEXt":
            name, _, text = chunk.partition(b"\0")
            found[name.decode()] = text.decode("latin-1")
        elif kind == b"iTXt":
            name, _, rest = chunk.partition(b"\0")
            compressed, text = rest[0], rest[2:].split(b"\0", 2)[2]
            found[name.decode()] = (zlib.decompress(text) if compressed else text).decode("utf-8")
        elif kind == b"zTXt":
            name, _, rest = chunk.partition(b"\0")
            found[name.decode()] = zlib.decompress(rest[1:]).decode("latin-1")
        place += length + 12
    return found


def test_the_table_of_figures_is_that_of_the_benchmarks() -> None:
    results = (ROOT / "bench" / "RESULTS.md").read_text(encoding="utf-8")
    measured = set(
        re.findall(
            r"\| ([\d.]+ (?:ns|µs|ms)) \| ([\d.]+ (?:ns|µs|ms)) \| ([\d.]+ (?:ns|µs|ms)) \| ([\d.]+) ",
            results,
        )
    )
    section = README.split("## Figures")[1].split("\n## ")[0]
    rows = re.findall(
        r"\| ([\d.]+ (?:ns|µs|ms)) \| ([\d.]+ (?:ns|µs|ms)) \| ([\d.]+ (?:ns|µs|ms)) \| ([\d.]+) ",
        section,
    )
    assert len(rows) > 8
    assert [row for row in rows if row not in measured] == []


def test_versions_and_names_agree() -> None:
    import autodiff
    from autodiff import cli

    assert PROJECT["version"] == autodiff.__version__
    assert PROJECT["name"] == cli.DISTRIBUTION
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {autodiff.__version__}\n" in citation
    recipe = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    assert f'version: "{autodiff.__version__}"' in recipe
    for dependency in PROJECT["dependencies"]:
        name, _, least = dependency.partition(">=")
        assert re.search(rf"- {name} >={re.escape(least)}\n", recipe), dependency
    assert PROJECT["scripts"]["autodiff"] == "autodiff.cli:main"
    versions = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert all(f'"{version}"' in workflow for version in versions)
