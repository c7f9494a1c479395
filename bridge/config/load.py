"""Loads `config.yaml`: a checked configuration with compiled rules, or every problem of every file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from bridge.channels.base import Endpoints
from bridge.clock import SystemClock
from bridge.config import checks
from bridge.config.catalogue import catalogue_of, courses_apart
from bridge.config.compile import Compiler
from bridge.config.files import Material, patterns, read
from bridge.config.hidden import secret_values, secrets_in_messages
from bridge.config.hosts import hosts_can_be_reached
from bridge.config.inventory import EventTypes
from bridge.config.loaded import Broken, Loaded, Reads
from bridge.config.located import Located, in_order
from bridge.config.model import LOCALES, Config
from bridge.config.names import EventNames
from bridge.config.reach import uncatalogued, unreachable
from bridge.config.reception import Reception, admin_is_guarded
from bridge.config.secrets import Redactor
from bridge.config.standins import stand_in, use_stand_ins
from bridge.config.typed import looks_deceive
from bridge.config.validated import validated
from bridge.config.was import former_names
from bridge.core import trouble
from bridge.core.rules import Rule
from bridge.rendering.renderer import Renderer
from bridge.sources import registry as sources

__all__ = ["Broken", "Loaded", "load"]


def load(
    path: Path,
    env: Mapping[str, str],
    *,
    sandbox: Endpoints | None = None,
    monotonic: Callable[[], float] | None = None,
) -> Loaded | Broken:
    """Read, fill in, check and compile; never raises for anything that is in files.

    `env` are the variables `${NAME}` may name; they win over `.env` beside the file. With `sandbox` every
    channel is pointed at the local stand-ins, and missing variables and secret files get harmless values.
    """
    material = read(path, env, stand_in if sandbox else None)
    if sandbox:
        use_stand_ins(material, sandbox)
    return checked(material, sandbox=sandbox is not None, monotonic=monotonic)


def checked(
    material: Material, *, sandbox: bool = False, monotonic: Callable[[], float] | None = None
) -> Loaded | Broken:
    """Check and compile what was read; in a `sandbox` its hosts need not be reached."""
    secret = checks.SecretFields(material.data)
    problems = [*material.problems, *checks.values_lost_in_comments(material)]
    problems += checks.literal_secrets(material, secret)
    problems += looks_deceive(material, secret)
    config, faults = validated(material, secret) if material.data else (None, [])
    renderer = _renderer(material, config, monotonic or SystemClock().monotonic)
    compiler = Compiler(material, renderer, _event_names(material), _zone(config))
    rules = _compile(compiler, material)
    owner = compiler.owner(material.data.get("owner"))
    faults += compiler.problems
    faults += unreachable(material, rules, _event_types(material))
    faults += courses_apart(material)
    faults += former_names(material, rules)
    faults += uncatalogued(material)
    faults += admin_is_guarded(config) if config else ()
    faults += checks.own_name_is_free(material.data)
    faults += [] if sandbox else hosts_can_be_reached(material)
    problems += (material.locate(fault) for fault in faults if not material.is_broken(fault.path))
    if config and not any(not problem.warning for problem in problems):
        problems += map(material.locate, checks.everything_is_used(config, compiler.channels.used))
    secrets = secret_values(material, secret)
    problems += secrets_in_messages(material, secret, secrets)
    redactor = Redactor(material.interpolator.values)
    files = [str(material.path), *(part.file.name for part in material.rule_files)]
    told = in_order(_redacted(problems, redactor, material), files)
    reads = _reads(material)
    if config is None or any(not problem.warning for problem in told):
        return Broken(told, reads)
    hide = Redactor(secrets).hide
    return Loaded(
        config, rules, owner, catalogue_of(config), renderer, material.path, told, redactor.hide, hide, reads
    )


def _reads(material: Material) -> Reads:
    include = tuple(pattern for _, pattern in patterns(material.data.get("include")))
    return Reads(include, tuple(sorted(material.interpolator.files)))


def bare(path: Path, reception: Reception) -> Loaded:
    """Return a configuration without rules; nothing of it came from outside that had to be hidden."""
    config = Config.model_construct(**dict(reception))
    renderer = Renderer(
        path.parent / "templates",
        locale=config.locale,
        timezone=config.timezone,
        monotonic=SystemClock().monotonic,
    )
    return Loaded(config, (), None, catalogue_of(config), renderer, path, (), str, str)


def _redacted(problems: list[Located], redactor: Redactor, material: Material) -> list[Located]:
    near = material.values_by_place()
    return [
        replace(
            each,
            sentence=redactor.hide_in_sentence(each.sentence, near.get((each.file, each.path[:2]), ())),
        )
        for each in problems
    ]


def _compile(compiler: Compiler, material: Material) -> tuple[Rule, ...]:
    rules = material.data.get("rules")
    compiled = (
        compiler.rule(index, raw) for index, raw in enumerate(rules if isinstance(rules, list) else ())
    )
    return tuple(rule for rule in compiled if rule is not None)


def _renderer(material: Material, config: Config | None, monotonic: Callable[[], float]) -> Renderer:
    locale = config.locale if config else LOCALES[0]
    templates = material.path.parent / "templates"
    return Renderer(templates, locale=locale, timezone=_zone(config), monotonic=monotonic)


def _zone(config: Config | None) -> ZoneInfo:
    return config.timezone if config else ZoneInfo("UTC")


def _event_names(material: Material) -> EventNames:
    known = sources.known_events()
    kinds = frozenset(known.values()) | sources.known_kinds() | {trouble.STARTED, trouble.ENDED}
    return EventNames(frozenset(known) | sources.own_events().keys(), kinds, _is_open_ended(material))


def _event_types(material: Material) -> EventTypes:
    kinds = {name: sources.kinds_of(name) for name in sources.known_events()}
    return EventTypes({**kinds, **sources.own_events()}, _is_open_ended(material))


def _is_open_ended(material: Material) -> bool:
    entries = material.data.get("sources")
    raws = entries.values() if isinstance(entries, dict) else ()
    return any(isinstance(raw, dict) and raw.get("type") == "generic" for raw in raws)
