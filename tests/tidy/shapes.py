"""Size, names, and habits that a reader relies on."""

import ast
import re

from tests.tidy.sources import Source

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
GENERATED = ("gridwire/records/",)
NAMELESS = frozenset({"util", "utils", "helper", "helpers", "common", "misc"})
SLEEP_OWNERS = ("waiting.py",)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_functions(source: Source) -> list[str]:
    """Functions over FUNCTION_LINES_MAX lines."""
    if source.path.startswith(GENERATED):
        return []
    return [
        source.at(node, f"{node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}: split it")
        for node in ast.walk(source.tree)
        if isinstance(node, Function)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]


def long_files(source: Source) -> list[str]:
    """Files over FILE_LINES_MAX lines."""
    lines = len(source.text.splitlines())
    if source.path.startswith(GENERATED) or lines <= FILE_LINES_MAX:
        return []
    return [f"{source.path}: {lines} lines, at most {FILE_LINES_MAX}: split it by subject"]


def nameless_modules(source: Source) -> list[str]:
    """Modules whose name says nothing about what is in them."""
    named = NAMELESS & set(source.module.split("."))
    return [f"{source.path}: {name} says nothing: name it after its subject" for name in named]


def swallowed_errors(source: Source) -> list[str]:
    """Handlers that do nothing, and handlers of everything."""
    found = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            found.append(source.at(node, "a bare except also takes Ctrl-C: name the exception"))
        if all(isinstance(step, ast.Pass) or _is_constant(step) for step in node.body):
            fix = "say why it may be ignored with contextlib.suppress, or handle it"
            found.append(source.at(node, f"an error vanishes: {fix}"))
    return found


def _is_constant(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)


def sleeping_tests(source: Source) -> list[str]:
    """Tests that wait for time instead of for what they wait for."""
    if not source.path.startswith("tests/") or source.path.endswith(SLEEP_OWNERS):
        return []
    return [
        source.at(node, "sleeps: poll with tests.waiting.until, or use a fake clock")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}
        and not _yields_only(node)
    ]


def _yields_only(call: ast.Call) -> bool:
    """`asyncio.sleep(0)` gives others their turn; it waits for nothing."""
    return [ast.unparse(argument) for argument in call.args] == ["0"]


def _tests(source: Source) -> list[Function]:
    return [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, Function) and node.name.startswith("test_")
    ]


def empty_test_modules(source: Source) -> list[str]:
    """Test modules that pytest collects nothing from."""
    is_test = source.path.startswith("tests/") and source.path.split("/")[-1].startswith("test_")
    if not is_test or _tests(source) or "RuleBasedStateMachine" in source.text:
        return []
    return [f"{source.path}: has no test: write one, or name the file without test_"]


CHECKS = re.compile(r"assert|raises|refused|check|expect|until|verify|fail|run_state_machine")


def toothless_tests(source: Source) -> list[str]:
    """Tests in which nothing can fail on purpose: no assertion, no expected error, no checking call."""
    if not source.path.startswith("tests/"):
        return []
    return [
        source.at(node, f"{node.name} asserts nothing: it cannot fail for what its name says")
        for node in _tests(source)
        if not any(_checks(part) for part in ast.walk(node))
    ]


def _checks(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    return isinstance(node, ast.Call) and CHECKS.search(ast.unparse(node.func)) is not None


def wordless_tests(source: Source) -> list[str]:
    """Tests whose name is not a sentence."""
    if not source.path.startswith("tests/"):
        return []
    return [
        source.at(node, f"{node.name}: a test's name is a sentence about the product")
        for node in _tests(source)
        if len(node.name.split("_")) < 4
    ]
