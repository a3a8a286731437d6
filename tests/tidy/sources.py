"""The repository's files, as its rules look at them."""

import ast
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What `make` leaves and nobody commits, for a copy of the repository that has no .git.
MADE = {"build", "dist", ".venv", ".git", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file: its path from the root, with slashes, and its text."""

    path: str
    text: str
    tree: ast.Module = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", ast.parse(self.text, self.path))

    @property
    def module(self) -> str:
        """The dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def at(self, node: ast.AST, says: str) -> str:
        """A violation, with its place."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {says}"


@cache
def files() -> tuple[Path, ...]:
    """Everything that is, or is about to be, committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.splitlines()]
    else:
        found = [path for path in ROOT.rglob("*") if not MADE & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file()))


@cache
def python() -> tuple[Source, ...]:
    """Every Python file."""
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in files()
        if path.suffix == ".py"
    )
