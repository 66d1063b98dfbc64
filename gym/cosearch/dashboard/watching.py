"""Reading a store for the page: a little each time, and never the same thing twice at once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cosearch.errors import CosearchError
from cosearch.store import Store, StudyData, StudyRecord, live

FRESH_S = 0.5  # for which a list of studies is as good as new
SHARE = 0.2  # of the time that reading and building may take
RATE_S = 10.0  # over which the present evaluations/s are counted
KEPT = 8  # studies whose evaluations are kept


@dataclass
class Listing:
    """The studies of a store at one moment, and what those that run are doing."""

    records: list[StudyRecord] = field(default_factory=list)
    doing: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    error: str = ""


class Watch:
    """A store that is looked at again and again, while others write it, or replace it."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._listing = Listing()
        self._listed_at = -1e9
        self._took = 0.0
        self._lock = threading.Lock()
        self._counts: dict[str, deque[tuple[float, int]]] = {}
        self._read: OrderedDict[tuple[str, Any], StudyData] = OrderedDict()

    def listing(self) -> Listing:
        """The studies now, or a moment ago; of a store that cannot be read the last ones, and why."""
        with self._lock:
            now = time.monotonic()
            if now - self._listed_at >= max(FRESH_S, self._took / SHARE):
                try:
                    self._listing = self._list()
                except CosearchError as error:
                    last = self._listing
                    self._listing = Listing(last.records, {}, {}, last.damaged, str(error))
                self._listed_at = time.monotonic()
                self._took = self._listed_at - now
            return self._listing

    def _list(self) -> Listing:
        with Store.open(self.location) as store:
            records = store.studies()
            damaged = [f"study {one.name!r} is damaged: {one.reason}" for one in store.damaged]
            doing = {}
            for record in records:
                if record.status == "running" and (found := live.doing(store, record)) is not None:
                    doing[record.name] = found
        return Listing(records, doing, self._rates(records), damaged)

    def _rates(self, records: list[StudyRecord]) -> dict[str, float]:
        now, rates = time.monotonic(), {}
        for record in records:
            if record.status != "running":
                self._counts.pop(record.name, None)
                rates[record.name] = record.evaluations / record.seconds if record.seconds > 0 else 0.0
                continue
            seen = self._counts.setdefault(record.name, deque())
            seen.append((now, record.evaluations))
            while len(seen) > 2 and now - seen[1][0] > RATE_S:
                seen.popleft()
            (begin, first), (end, last) = seen[0], seen[-1]
            rates[record.name] = max(last - first, 0) / (end - begin) if end > begin else 0.0
        return rates

    def fingerprint(self, names: tuple[str, ...]) -> tuple[Any, ...]:
        """What changes when one of these studies has more evaluations or another status."""
        return tuple(
            (record.name, record.created_at, record.evaluations, record.status, record.reused)
            for record in self.listing().records
            if record.name in names
        )

    def read(self, name: str) -> StudyData:
        """What a study found.

        Raises:
            CosearchError: if there is no such study, or it is damaged.
        """
        with Store.open(self.location) as store:
            record = store.study(name)
            key = (name, (record.created_at, record.evaluations, record.status))
            with self._lock:
                if key in self._read:
                    self._read.move_to_end(key)
                    return self._read[key]
            data = store.read(record)
        with self._lock:
            for old in [other for other in self._read if other[0] == name]:
                del self._read[old]
            self._read[key] = data
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        return data


class Built:
    """Something that takes long to build and is asked for often: the last one, while the next is built.

    Args:
        build: makes it.
        current: what it will be made from; another value means that it is out of date.
    """

    def __init__(self, build: Callable[[], Any], current: Callable[[], Any]) -> None:
        self._build, self._current = build, current
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._made_from: Any = None
        self._value: Any = None
        self._version = 0
        self._at, self._took = -1e9, 0.0

    def get(self) -> tuple[int, Any]:
        """The version, 0 while there is none yet, and the value; starts the next where it is due."""
        with self._lock:
            idle = self._thread is None or not self._thread.is_alive()
            due = time.monotonic() - self._at >= max(FRESH_S, self._took / SHARE)
            if idle and due and (self._version == 0 or self._current() != self._made_from):
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            return self._version, self._value

    def _run(self) -> None:
        began = time.monotonic()
        made_from = self._current()
        try:
            value = self._build()
        except Exception as error:  # of a plugin, a damaged study: the page says so
            text = str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
            value = {"error": text}
        with self._lock:
            self._value, self._made_from = value, made_from
            self._version += 1
            self._at = time.monotonic()
            self._took = self._at - began
