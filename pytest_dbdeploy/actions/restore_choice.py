"""Which entries of a backup a restore in place brings back, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .restore_catalogue import Catalogue
from .toc import RELATION_KINDS, Entry, printed

# Objects that are left as they are when the backup has them too: dropping them would take along what no dump holds
# (passwords of user mappings, members of extensions, a subscriber's connection).
LEFT_KINDS = {
    "EXTENSION": "EXTENSION",
    "SERVER": "SERVER",
    "FOREIGN DATA WRAPPER": "FOREIGN DATA WRAPPER",
    "PROCEDURAL LANGUAGE": "LANGUAGE",
    "PUBLICATION": "PUBLICATION",
}

_NEVER = ("DATABASE", "DATABASE PROPERTIES", "SUBSCRIPTION", "SUBSCRIPTION TABLE")


class Choice:
    """Decides entry by entry. ``notes``: what is left out for a reason that a person should know.

    ``dropped``: keys of the objects that the restore drops; all others stay.
    """

    def __init__(
        self,
        now: Catalogue,
        entries: Sequence[Entry],
        dropped: Collection[str],
        keep_schemas: Collection[str],
    ) -> None:
        self.notes: list[str] = []
        self._now = now
        self._keep = set(map(printed, keep_schemas))
        staying = [o for o in now.objects if o.key not in dropped]
        self._stays = {(o.kind, printed(o.name)) for o in staying}
        self._relations = {(printed(o.schema or ""), printed(o.name)) for o in staying}
        self._members = {(printed(o.schema or ""), printed(o.name)) for o in now.objects if o.extension}
        self._schemas = {printed(schema.name) for schema in now.schemas}
        self._our_publications = {printed(o.name) for o in now.objects if o.kind == "PUBLICATION" and o.ours}
        self._our_publications |= {
            e.tag for e in entries if e.kind == "PUBLICATION" and e.owner in now.member_of
        }
        self._missing = {e.tag for e in entries if e.kind == "EXTENSION" and e.tag not in now.available}

    def takes(self, entry: Entry) -> bool:
        if entry.kind in _NEVER or _concerns(entry, self._keep):
            return False
        return not (
            self._is_there(entry)
            or self._of_extension(entry)
            or self._of_their_publication(entry)
            or self._of_somebody_else(entry)
        )

    def _is_there(self, entry: Entry) -> bool:
        if entry.kind == "SCHEMA":  # a missing public is made by the drop script, as initdb would
            return entry.tag in self._schemas or entry.tag == "public"
        if entry.kind in LEFT_KINDS:
            return (LEFT_KINDS[entry.kind], entry.tag) in self._stays
        if entry.kind == "CAST":
            return ("CAST", entry.tag) in self._stays
        if entry.kind == "USER MAPPING":  # tag: USER MAPPING role SERVER name
            return ("SERVER", entry.tag.rpartition(" SERVER ")[2]) in self._stays
        return entry.kind == "PUBLICATION TABLES IN SCHEMA" and entry.schema in self._schemas

    def _of_extension(self, entry: Entry) -> bool:
        if entry.kind == "EXTENSION" and entry.tag in self._missing:
            self.notes.append(f"extension {entry.tag} is not available on this server: not created")
            return True
        if entry.schema is None and entry.tag.startswith("EXTENSION "):
            name = entry.tag.removeprefix("EXTENSION ")
            return name in self._missing or ("EXTENSION", name) in self._stays
        # Rows of an extension's own tables: the extension stays, and so do they.
        return entry.kind in ("TABLE DATA", "SEQUENCE SET") and (entry.schema, entry.tag) in self._members

    def _of_somebody_else(self, entry: Entry) -> bool:
        if entry.kind == "EVENT TRIGGER" and not self._now.superuser:
            return True
        if not entry.owner or entry.owner in self._now.member_of:
            return False
        if entry.kind in RELATION_KINDS and (entry.schema, entry.tag) not in self._relations:
            self.notes.append(f"{entry.label} of {entry.owner} is gone, and only its owner can put it back")
        return True

    def _of_their_publication(self, entry: Entry) -> bool:
        if not entry.kind.startswith("PUBLICATION TABLE") or self._now.superuser:
            return False
        if any(entry.tag.startswith(f"{name} ") for name in self._our_publications):
            return False
        self.notes.append(f"{entry.label}: only the publication's owner can put the table back into it")
        return True


def _concerns(entry: Entry, schemas: Collection[str]) -> bool:
    """Whether the entry is one of these schemas, or in one of them."""
    if entry.schema is not None:
        return entry.schema in schemas
    return entry.tag.removeprefix("SCHEMA ") in schemas and (
        entry.kind == "SCHEMA" or entry.tag.startswith("SCHEMA ")
    )


def in_passes(entries: Sequence[Entry]) -> list[tuple[Entry, ...]]:
    """Schemas with their privileges come first: an object's owner must be allowed to create in them to be given it.

    Large objects come alone, as pg_restore wraps them in a transaction of their own; so do privileges, which are read here.
    """
    schemas, main, blobs, privileges, last = [], [], [], [], []
    for e in entries:
        if e.kind == "SCHEMA" or (
            e.schema is None and e.kind in ("ACL", "COMMENT") and e.tag.startswith("SCHEMA ")
        ):
            schemas.append(e)
        elif e.kind == "BLOBS":
            blobs.append(e)
        elif e.kind in ("ACL", "DEFAULT ACL"):
            privileges.append(e)
        elif e.kind in ("MATERIALIZED VIEW DATA", "EVENT TRIGGER"):
            last.append(e)
        else:
            main.append(e)
    return [tuple(part) for part in (schemas, main, blobs, privileges, last) if part]
