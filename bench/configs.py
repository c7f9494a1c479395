"""The configurations that the bridge is measured with: so many rules, of which the last may match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.events import COURSE
from bench.servers import free_port

RULES = 100
CONCURRENCY = 32
"""Messages under way at once to one destination, as many as there are connections; shipped are 4."""
IN_A_FILE = 2_000
"""Rules; a file of the configuration has an upper limit of bytes and values."""
NO_COURSE = "f" * 40
WEBHOOK = '{ webhook: crm, json: { event: "{{ id }}", who: "{{ learner.name }}" } }'
ONCE = '{ webhook: crm, once_per: [learner.email], json: { event: "{{ id }}", who: "{{ learner.name }}" } }'
SLACK = '{ slack: wins, text: ":tada: *{{ learner.name }}* concluiu *{{ module.title }}*" }'
EMAIL = '{ email: learners, to: "{{ learner.email }}", template: parabens-modulo }'
_RULE = """\
  - name: rule-{index}
    on: module.completed
    when: {{ course.id: "{course}" }}
    send: [{sends}]
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the stand-ins of each kind listen; 0 for none."""

    webhook: int = 0
    slack: int = 0
    smtp: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a bridge is started with."""

    ports: Ports
    sends: Sequence[str] = (WEBHOOK,)
    """The actions of every rule."""
    matches: bool = True
    """Whether the last rule wants the benchmark's events; no other does."""
    rules: int = RULES
    store: str = "sqlite:///bridge.db"
    concurrency: int = CONCURRENCY
    idle_channels: int = 0
    """Webhook channels that no rule sends to."""

    def write(self, folder: Path) -> int:
        """Write `config.yaml` and the templates; return the port that the bridge will listen on."""
        port = free_port()
        (folder / "config.yaml").write_text(self._text(port), "utf-8")
        for number, rules in enumerate(self._files()):
            (folder / f"rules-{number}.yaml").write_text("rules:\n" + "".join(rules), "utf-8")
        link = folder / "templates"
        if not link.exists():
            link.symlink_to(Path(__file__).parents[1] / "templates")
        return port

    def _text(self, port: int) -> str:
        return "\n".join(
            [
                f"store: {self.store}",
                f'listen: {{ public: "127.0.0.1:{port}", admin: "127.0.0.1:0" }}',
                'sources: { eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] } }',
                "channels:",
                *self._channels(),
                'include: "rules-*.yaml"',
            ]
        )

    def _channels(self) -> list[str]:
        private = f"allow_private: true, concurrency: {self.concurrency}"
        ports = self.ports
        lines = {
            ports.webhook: f'crm: {{ type: webhook, url: "http://127.0.0.1:{ports.webhook}/", {private} }}',
            ports.slack: (
                'wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#wins", rate: null, '
                f'api_url: "http://127.0.0.1:{ports.slack}/api/", {private} }}'
            ),
            ports.smtp: (
                f'learners: {{ type: email, smtp: "smtp://127.0.0.1:{ports.smtp}", tls: none, '
                'from: "ola@escola.example", allow_private: true, concurrency: 1 }'
            ),
        }
        idle = (
            f'idle-{number}: {{ type: webhook, url: "https://crm.example/{number}" }}'
            for number in range(self.idle_channels)
        )
        return [f"  {line}" for line in (*(line for port, line in lines.items() if port), *idle)]

    def _files(self) -> list[list[str]]:
        """Return the rules, so many in a file as a file may hold."""
        rules = self._rules()
        return [rules[first : first + IN_A_FILE] for first in range(0, len(rules), IN_A_FILE)]

    def _rules(self) -> list[str]:
        last = COURSE if self.matches else NO_COURSE
        courses = [*(f"{number:040x}" for number in range(self.rules - 1)), last]
        sends = ", ".join(self.sends)
        return [_RULE.format(index=index, course=course, sends=sends) for index, course in enumerate(courses)]
