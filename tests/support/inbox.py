"""In-memory inbox for missed deliveries."""

import json
from dataclasses import replace

from luggage.github import Progress


class MemoryInbox:
    """An inbox in memory: the deliveries in order, and the progress."""

    def __init__(self):
        self.received = {}
        self.noted = {}
        self.gone = {}
        self.now = Progress()
        self.notes = 0

    def known(self, guids):
        return {guid for guid in guids if guid in self.received or guid in self.gone}

    def progress(self):
        return self.now

    def note(self, missed, progress):
        self.notes += 1
        for each in missed:
            old = self.noted.setdefault(each.guid, each)
            at = min(old.attempted_at, each.attempted_at)
            self.noted[each.guid] = replace(old, attempted_at=at)
        self.now = progress

    def missed(self):
        return sorted(self.noted.values(), key=lambda each: (each.attempted_at, each.id))

    def put(self, delivery, body):
        assert delivery.id not in self.received
        self.received[delivery.id] = (delivery.event, json.loads(body))
        self.noted.pop(delivery.id, None)

    def arrived(self, guid):
        self.noted.pop(guid)

    def tried(self, missed):
        self.noted[missed.guid] = replace(missed, tries=missed.tries + 1)

    def lost(self, missed, reason):
        self.gone[missed.guid] = reason
        self.noted.pop(missed.guid)
