"""The rules of the house that no linter knows: sizes, names, docstrings, error codes, no machine's traces."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from workbench.app import errors

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("app", "plugins", "screens", "themes", "widgets")
MOST_LINES = 500
FEWEST_DOCUMENTED = 0.95
LEFT_BEHIND = {".cache", ".git", ".venv", "__pycache__", "build", "dist", "htmlcov", "node_modules"}

# Written in halves, so that this file does not hold what it looks for.
REGISTRIES = re.compile(
    "|".join(
        first + second
        for first, second in (
            (r"\bpy", r"pi\.org"),
            (r"python", r"hosted\.org"),
            (r"npm", r"js\.(?:org|com)"),
            (r"\bcrates", r"\.io\b"),
            (r"anaconda", r"\.(?:org|com)"),
            (r"conda", r"-forge\.org"),
            (r"\bgh", r"cr\.io\b"),
            (r"\bdocker", r"\.io\b"),
            (r"proxy\.gol", r"ang\.org"),
            (r"ruby", r"gems\.org"),
        )
    )
)


@cache
def project_files() -> tuple[Path, ...]:
    """Return every file of the project: what git tracks or would, or all but what tools leave behind."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        listed = subprocess.run(
            [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())
    return tuple(
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not LEFT_BEHIND & set(path.relative_to(ROOT).parts)
    )


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files() -> list[Path]:
    """Return our own Python files: not the models' recipes, which are the record of how those were made."""
    return [path for path in project_files() if path.suffix == ".py" and "recipe" not in path.parts]


def source_files() -> list[Path]:
    """Return the Python files of the installed package."""
    return [path for path in python_files() if relative(path).split("/")[0] in CODE_FOLDERS]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def texts() -> Iterator[tuple[str, str]]:
    """Yield name and content of every text file of the project."""
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield relative(path), content.decode("utf-8", errors="replace")


# --- sizes and names ----------------------------------------------------------------------------------


def test_no_file_is_too_long() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_or_folder_is_a_drawer() -> None:
    drawer = re.compile(r"(^|_)(utils?|helpers?|misc|common|stuff)$")
    found = {
        relative(path)
        for path in python_files()
        if any(drawer.search(Path(part).stem) for part in path.relative_to(ROOT).parts)
    }
    assert found == set()


# --- docstrings ---------------------------------------------------------------------------------------

# Textual calls these by name; what they are for is documented there.
FRAMEWORK_METHODS = re.compile(r"compose|render|render_lines?|(?:on|watch|validate|compute|key)_\w+")

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Documented]]:
    """Yield every public class and function of a module or class body, and those of public classes."""
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from public_definitions(node.body, prefix)
        if not isinstance(node, Documented) or node.name.startswith("_") or is_documented_elsewhere(node):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node.body, f"{prefix}{node.name}.")


def is_documented_elsewhere(node: Documented) -> bool:
    """Say whether the docstring stands elsewhere: a setter, an overload, a method that a framework names."""
    if isinstance(node, ast.ClassDef):
        return False
    if node.args.args[:1] and node.args.args[0].arg == "self" and FRAMEWORK_METHODS.fullmatch(node.name):
        return True
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    return any(name.endswith((".setter", ".deleter", "overload", "override")) for name in decorators)


def test_public_classes_and_functions_have_docstrings() -> None:
    total, bare = 0, []
    for path in source_files():
        for name, node in public_definitions(tree(path).body, ""):
            total += 1
            if not ast.get_docstring(node):
                bare.append(f"{relative(path)}:{node.lineno} {name}")
    share = 1 - len(bare) / max(total, 1)
    assert share >= FEWEST_DOCUMENTED, f"{share:.1%} of {total} are documented; not: {bare}"


# --- nothing of a machine -----------------------------------------------------------------------------


def test_no_file_names_a_package_registry() -> None:
    found = {name: sorted(set(REGISTRIES.findall(text))) for name, text in texts()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_no_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    private = [r"/" + r"root/", r"/Us" + r"ers/[a-z]"]
    if len(ROOT.parts) > 2:
        private.append(re.escape(str(ROOT)) + r"(?![\w-])")
    pattern = re.compile(r"(?<![\w.~*$}>])(?:" + "|".join(private) + ")")
    found = {name: sorted(set(pattern.findall(text))) for name, text in texts()}
    assert {name: paths for name, paths in found.items() if paths} == {}


# --- error codes --------------------------------------------------------------------------------------


def error_classes() -> dict[str, str]:
    """Return the category of every error class by the class's name."""
    return {
        name: member.category
        for name, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, errors.WorkbenchError) and member is not errors.WorkbenchError
    }


def constructed(module: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the category and the reason expression of every error that a module makes."""
    categories = error_classes()
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in categories:
            by_name = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
            yield categories[name], next(iter([*node.args[:1], *by_name]), None)


def codes_in(module: ast.Module) -> tuple[set[str], set[str]]:
    """Return the codes that a module surely makes, and those that it makes by way of a variable.

    A reason that is not written in the call counts for every fitting string of the same module.
    """
    strings = {
        node.value
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    sure, possible = set(), set()
    for category, reason in constructed(module):
        if isinstance(reason, ast.Constant):
            sure.add(f"{category}.{reason.value!s}")
        else:
            possible |= {f"{category}.{text}" for text in strings} & set(errors.CODES)
    return sure | failures_in(module), possible


def failures_in(module: ast.Module) -> set[str]:
    """Return the codes of the failures of hooks that a module makes; they are written whole."""
    return {
        node.args[0].value
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failure"
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }


def test_every_error_code_in_the_source_is_listed() -> None:
    unlisted = {
        relative(path): sorted(sure - set(errors.CODES))
        for path in source_files()
        for sure, _ in [codes_in(tree(path))]
        if sure - set(errors.CODES)
    }
    assert unlisted == {}


def test_every_listed_error_code_is_used() -> None:
    used: set[str] = set()
    for path in source_files():
        sure, possible = codes_in(tree(path))
        used |= sure | possible
    assert sorted(set(errors.CODES) - used) == []


@pytest.mark.parametrize("code", sorted(errors.CODES))
def test_every_error_code_has_a_meaning_and_a_class(code: str) -> None:
    category, _, reason = code.partition(".")
    assert category in error_classes().values()
    assert re.fullmatch(r"[a-z][a-z_]*", reason)
    assert re.fullmatch(r"[A-Z].*\.", errors.CODES[code])
