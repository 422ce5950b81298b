"""Someone is told: problems as they begin, once, and once more when they are well again.

In: the problems there are now and those told before. Out: one message to every channel that is
set: a webhook (JSON), Slack, e-mail. What counts as a problem is decided in automation/watch.py.
"""

import smtplib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from fundplatform.errors import FundplatformError
from fundplatform.settings import Settings
from fundplatform.sources.web.redact import Redactor

TIMEOUT = 10.0


class AlertError(FundplatformError):
    """A channel could not be reached; the text names it without its address's secrets."""


@dataclass(frozen=True)
class Problem:
    """Something that a person should look at.

    Attributes:
        key: Stays the same while it lasts.
        text: One line: what, of which partition, why.
        link: Where to look.
    """

    key: str
    text: str
    link: str | None = None

    def __str__(self) -> str:
        """The line with its link."""
        return f"{self.text} ({self.link})" if self.link else self.text


@dataclass(frozen=True)
class News:
    """What changed since the last message."""

    new: tuple[Problem, ...]
    well: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.new or self.well)

    @property
    def subject(self) -> str:
        """`2 new problems, 1 well again`."""
        parts = []
        if self.new:
            parts.append(f"{len(self.new)} new problem{'s' * (len(self.new) > 1)}")
        if self.well:
            parts.append(f"{len(self.well)} well again")
        return f"fundplatform: {', '.join(parts)}"

    @property
    def text(self) -> str:
        """All of it, a line each."""
        return "\n".join([*(f"NEW   {p}" for p in self.new), *(f"WELL  {t}" for t in self.well)])


def news(told: Mapping[str, str], now: Iterable[Problem]) -> News:
    """What to tell: problems that were not told yet, and told ones that are gone.

    Args:
        told: Key -> text of the problems told and not yet well.
        now: The problems there are.
    """
    present = {p.key: p for p in now}
    return News(
        tuple(p for key, p in sorted(present.items()) if key not in told),
        tuple(text for key, text in sorted(told.items()) if key not in present),
    )


@dataclass(frozen=True)
class Channels:
    """Where messages go; addresses may hold secrets and are never shown."""

    webhook: str | None = field(default=None, repr=False)
    slack: str | None = field(default=None, repr=False)
    smtp: str | None = field(default=None, repr=False)
    recipients: tuple[str, ...] = ()
    sender: str = "fundplatform@localhost"

    @classmethod
    def of(cls, settings: Settings) -> "Channels":
        """Those that the settings name.

        Raises:
            ConfigError: A variable and its file are both set, or the file cannot be read.
        """
        address = settings.environment.get("FUNDPLATFORM_ALERT_EMAIL", "")
        return cls(
            settings.secret("FUNDPLATFORM_ALERT_WEBHOOK"),
            settings.secret("FUNDPLATFORM_ALERT_SLACK"),
            settings.secret("FUNDPLATFORM_ALERT_SMTP"),
            tuple(a.strip() for a in address.split(",") if a.strip()),
            settings.environment.get("FUNDPLATFORM_ALERT_SENDER") or cls.sender,
        )

    def __bool__(self) -> bool:
        """Whether anyone would be told."""
        return bool(self.webhook or self.slack or (self.smtp and self.recipients))

    def send(self, found: News) -> list[str]:
        """Send to every channel; returns what went wrong, a line per channel that failed."""
        failed = []
        for name, send in (
            ("webhook", self._webhook),
            ("slack", self._slack),
            ("mail", self._mail),
        ):
            try:
                send(found)
            except (OSError, smtplib.SMTPException) as error:
                failed.append(f"{name}: {self._redacted(error)}")
        return failed

    def _redacted(self, error: Exception) -> str:
        parts = [urlsplit(a) for a in (self.webhook, self.slack, self.smtp) if a]
        secrets = [s for p in parts for s in (p.password, p.path, p.query) if s and len(s) > 1]
        return Redactor(secrets)(str(error))

    def _webhook(self, found: News) -> None:
        if self.webhook:
            body = {
                "subject": found.subject,
                "new": [{"key": p.key, "text": p.text, "link": p.link} for p in found.new],
                "well": list(found.well),
            }
            _post(self.webhook, body)

    def _slack(self, found: News) -> None:
        if self.slack:
            _post(self.slack, {"text": f"*{found.subject}*\n{found.text}"})

    def _mail(self, found: News) -> None:
        if not (self.smtp and self.recipients):
            return
        message = EmailMessage()
        message["Subject"], message["From"] = found.subject, self.sender
        message["To"] = ", ".join(self.recipients)
        message.set_content(found.text)
        parts = urlsplit(self.smtp)
        secure = parts.scheme == "smtps"
        kind = smtplib.SMTP_SSL if secure else smtplib.SMTP
        port = parts.port or (465 if secure else 25)
        with kind(parts.hostname or "localhost", port, timeout=TIMEOUT) as server:
            if parts.scheme == "smtp+starttls":
                server.starttls()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)


def _post(url: str, body: Mapping[str, object]) -> None:
    # Imported late: requests takes a third of a second, and most installations tell nobody.
    import requests

    answer = requests.post(url, json=body, timeout=TIMEOUT)
    answer.raise_for_status()


def told_after(told: Mapping[str, str], found: News) -> dict[str, str]:
    """What counts as told once this was sent."""
    gone = set(found.well)
    kept = {key: text for key, text in told.items() if text not in gone}
    return {**kept, **{p.key: p.text for p in found.new}}


def lines(problems: Sequence[Problem]) -> str:
    """For a terminal or a skip reason."""
    return "; ".join(str(p) for p in problems) or "all is well"
