"""Two rule engines that may be installed beside the bridge, asked the same questions in their own languages.

`pip install rule-engine zen-engine` into the environment, or leave it: without them they are not measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

Facts = Mapping[str, object]
Count = Callable[[Facts], int]
"""Returns how many rules match."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to ask an engine; `compile` takes conditions as `when:` has them."""

    name: str
    module: str
    compile: Callable[[ModuleType, Sequence[Mapping[str, object]]], Count]

    def compiled(self, whens: Sequence[Mapping[str, object]]) -> Count:
        """Compile the conditions; `installed` must be true."""
        return self.compile(import_module(self.module), whens)

    @property
    def installed(self) -> bool:
        """Whether the engine can be imported."""
        return find_spec(self.module) is not None


def _rule_engine(module: ModuleType, whens: Sequence[Mapping[str, object]]) -> Count:
    context = module.Context(resolver=module.resolve_item)
    words = Words(
        '{path}.starts_with("{0}")', '{path}.ends_with("{0}")', "({path} >= {0} and {path} <= {1})", "=="
    )
    rules = [module.Rule(words.expression(when), context=context) for when in whens]
    return lambda facts: sum(rule.matches(facts) for rule in rules)


def _zen_expressions(module: ModuleType, whens: Sequence[Mapping[str, object]]) -> Count:
    rules = [module.compile_expression(_ZEN.expression(when)) for when in whens]
    return lambda facts: sum(rule.evaluate(facts) for rule in rules)


def _zen_table(module: ModuleType, whens: Sequence[Mapping[str, object]]) -> Count:
    """Make one decision table with a row for each condition, of which all that hold are collected."""
    rows = [
        {"_id": f"{number}", "i": _ZEN.expression(when), "o": f"{number}"}
        for number, when in enumerate(whens)
    ]
    table = {
        "hitPolicy": "collect",
        "inputs": [{"id": "i", "name": "if"}],
        "outputs": [{"id": "o", "name": "rule", "field": "rule"}],
        "rules": rows,
    }
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode"},
        {"id": "t", "name": "t", "type": "decisionTableNode", "content": table},
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "t", "type": "edge"},
        {"id": "2", "sourceId": "t", "targetId": "out", "type": "edge"},
    ]
    decision = module.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))
    return lambda facts: len(decision.evaluate(facts)["result"])


@dataclass(frozen=True, slots=True)
class Words:
    """How an expression language says what the benchmark's conditions ask."""

    prefix: str
    suffix: str
    between: str
    equal: str

    def expression(self, when: Mapping[str, object]) -> str:
        """Return the lines of a condition, joined."""
        return " and ".join(self._line(path, test) for path, test in when.items())

    def _line(self, path: str, test: object) -> str:
        match test:
            case list():
                return f"{path} in {json.dumps([str(item) for item in test])}"
            case {"not": inner}:
                return f"not ({self._line(path, inner)})"
            case {"prefix": text} | {"glob": text}:
                return self.prefix.format(str(text).rstrip("*"), path=path)
            case {"suffix": text}:
                return self.suffix.format(text, path=path)
            case {"between": [low, high]}:
                return self.between.format(low, high, path=path)
            case {"gte": low}:
                return f"{path} >= {low}"
            case _:
                return f'{path} {self.equal} "{test}"'


_ZEN = Words('startsWith({path}, "{0}")', 'endsWith({path}, "{0}")', "{path} in [{0}..{1}]", "==")

ENGINES = (
    Engine("rule-engine", "rule_engine", _rule_engine),
    Engine("zen", "zen", _zen_expressions),
    Engine("zen table", "zen", _zen_table),
)
