"""Send alerts without holding up whoever plans them: a thread for each sink, in order."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Protocol

from pipelines.alerts.payload import content_type
from pipelines.alerts.retrying import Retries, asked_pause, reason_of
from pipelines.alerts.signing import signature_headers
from pipelines.alerts.sinks import Sink
from pipelines.console import say
from schemas import Alert
from schemas.alert import DELIVERED, FAILED
from transforms._shared.secrets import scrubbed
from transforms._shared.web.fetch import FetchError

MOST_WAITING = 1000  # alerts held for one sink; the rest waits in the output
_MOST_ERROR_CHARS = 300


class Poster(Protocol):
    """Anything that can send something to a URL."""

    def post(self, url: str, content: bytes, headers: Sequence[tuple[str, str]]) -> int:
        """Send it and give the status that took it.

        Raises:
            FetchError: for every way in which that can fail.
        """
        ...


@dataclass
class Lane:
    """Sends to one sink what it is handed, one after the other, in a thread of its own.

    What can pass (no answer, 408, 425, 429, 5xx) is tried again before anything that comes after,
    so a sink gets the revisions of an alert in order. What cannot is given up at once. After
    ``Retries.failures`` of those in a row the sink is left alone: what waits for it stays pending.
    """

    sink: Sink
    poster: Poster
    retries: Retries = field(default_factory=Retries)
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    tell: Callable[[str], None] = say
    lacking: bool = False  # something was not taken for want of room
    muted: bool = False
    attempts: int = 0
    _waiting: deque[Alert] = field(default_factory=deque)
    _settled: deque[Alert] = field(default_factory=deque)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closing: bool = False
    _failures: int = 0  # alerts given up in a row
    _thread: threading.Thread | None = None
    _in_trouble: bool = False

    def hand_over(self, alerts: Iterable[Alert]) -> None:
        """Take alerts to be sent; those there is no room for are marked by ``lacking``."""
        with self._changed:
            for alert in alerts:
                if self.lacking or len(self._waiting) >= MOST_WAITING:
                    self.lacking = True  # nothing that comes later may overtake it
                    continue
                self._waiting.append(alert)
            if self._waiting and self._thread is None:
                name = f"alerts to {self.sink.name}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def refill(self, pending: Iterable[Alert]) -> None:
        """Take what the output says is still to be sent, when nothing waits here."""
        with self._changed:
            settled = {alert.key for alert in self._settled}  # the output does not know yet
            self.lacking = False
        self.hand_over(alert for alert in pending if alert.key not in settled)

    def take_settled(self) -> list[Alert]:
        """Give what was delivered or given up since the last call."""
        with self._changed:
            settled = list(self._settled)
            self._settled.clear()
        return settled

    def waiting(self) -> int:
        """Count what is not settled of what was handed over."""
        with self._changed:
            return len(self._waiting)

    def close(self, deadline: float) -> None:
        """Go on until all is sent or ``time.monotonic()`` reaches the deadline, then stop."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._waiting or self.muted or self._thread is None,
                max(0.0, deadline - time.monotonic()),
            )
            self._closing = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closing)
                if self._closing or self.muted:
                    return
                alert = self._waiting[0]
            settled = self._send(alert)
            with self._changed:
                if settled is None:
                    return
                self._waiting.popleft()
                self._settled.append(settled)
                self._changed.notify_all()

    def _send(self, alert: Alert) -> Alert | None:
        """Try until it is delivered or given up; gives what became of it, None when stopped."""
        for attempt in range(1, self.retries.attempts + 1):
            try:
                self._post(alert)
            except FetchError as error:
                if not error.replayable or attempt == self.retries.attempts:
                    return self._given_up(alert, error, attempt)
                pause = self.retries.pause(alert.key, attempt, asked_pause(error, self.now()))
                self._say_trouble(f"{self._words(error)}; trying again")
                with self._changed:
                    if self._changed.wait_for(lambda: self._closing, pause):
                        return None
            else:
                self._failures = 0
                if self._in_trouble:
                    self._in_trouble = False
                    self.tell(f"alerts to {self.sink.name}: delivered again")
                return self._settle(alert, DELIVERED, attempt)
        raise AssertionError("the last attempt settles it")

    def _post(self, alert: Alert) -> None:
        body = alert.body.encode()
        at = self.now()
        headers = [
            ("Content-Type", content_type(alert.format)),
            ("Idempotency-Key", alert.key),
            *signature_headers(self.sink.keys, alert.key, int(at.timestamp()), body),
            *self.sink.headers,
        ]
        self.attempts += 1
        self.poster.post(self.sink.url, body, headers)

    def _given_up(self, alert: Alert, error: FetchError, attempts: int) -> Alert:
        words = self._words(error)
        self._failures += 1
        if self._failures >= self.retries.failures:
            self.muted = True
            self.tell(
                f"alerts to {self.sink.name}: {self._failures} in a row were given up, the last "
                f"because {words}; no more are sent: look at the sink, then go on with --resume"
            )
        else:
            self._say_trouble(f"{words}; gave up on {alert.alert_id} revision {alert.revision}")
        settled = self._settle(alert, FAILED, attempts)
        return replace(settled, reason=reason_of(error), error=words)

    def _settle(self, alert: Alert, outcome: str, attempts: int) -> Alert:
        return replace(alert, outcome=outcome, body="", attempts=attempts, settled_at=self.now())

    def _words(self, error: FetchError) -> str:
        return scrubbed(" ".join(str(error).split()), self.sink.secrets)[:_MOST_ERROR_CHARS]

    def _say_trouble(self, text: str) -> None:
        """Say it once, until something was delivered again."""
        if not self._in_trouble:
            self._in_trouble = True
            self.tell(f"alerts to {self.sink.name}: {text}")
