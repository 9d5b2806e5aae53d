"""Files for contributors agree with the code."""

import re
from pathlib import Path

import pytest
import yaml

import faceswap

ROOT = Path(__file__).resolve().parents[1]
GITHUB = ROOT / ".github"


def read(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def test_the_workflow_calls_the_same_script_as_everyone() -> None:
    workflow = yaml.safe_load(read(".github", "workflows", "ci.yml"))
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert "://" not in read(".github", "workflows", "ci.yml")


def test_the_tested_python_is_the_minimum_and_is_named() -> None:
    workflow = yaml.safe_load(read(".github", "workflows", "ci.yml"))
    versions = workflow["jobs"]["run"]["strategy"]["matrix"]["python"]
    assert f'requires-python = ">={versions[0]}"' in read("pyproject.toml")
    assert all(f"on {version}," in read("CONTRIBUTING.md") for version in versions)


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_issue_forms_have_what_github_requires(form: str) -> None:
    content = yaml.safe_load(read(".github", "ISSUE_TEMPLATE", f"{form}.yml"))
    assert content["name"]
    assert content["description"]
    fields = [entry for entry in content["body"] if entry["type"] != "markdown"]
    assert all(entry["attributes"]["label"] for entry in fields)
    assert len({entry["id"] for entry in fields}) == len(fields)
    assert any(entry.get("validations", {}).get("required") for entry in fields)


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == faceswap.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_make_has_the_five_everyday_commands() -> None:
    targets = re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE)
    assert set(targets) == {"help", "setup", "test", "lint", "demo", "benchmark"}
    assert "ruff format --check . && ruff check . && pyright" in read("Makefile")
    assert "ruff format --check . && ruff check . && pyright" in read("CONTRIBUTING.md")


@pytest.mark.parametrize(
    "page", ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "CHANGELOG.md"]
)
def test_links_of_the_contributors_pages_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", read(page)):
        assert (ROOT / link).exists(), link
