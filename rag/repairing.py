"""Mends what `doctor` finds and a machine can mend; deletes no document.

Knows nothing of how what it did is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rag import examining
from rag.beside import FILE_NAME, discard, leftovers, newest_backup
from rag.database import Database
from rag.doctor import checked
from rag.errors import LibraryDamaged
from rag.models.embedding import build_embedder
from rag.ownership import Ownership
from rag.schema import Check, Embedder
from rag.settings import Settings

_TOGETHER = 64


def repair(settings: Settings, *, embedder: Embedder | None = None) -> list[Check]:
    """Mend a home; return a check for each thing that was wrong: mended (ok), or not and why.

    A damaged library is kept beside a new one that has all that could be read. `embedder`
    takes the place of the one the settings name, for passages whose vectors are lost.

    Raises:
        LibraryLocked: another process owns the home.
        StoreError: the home cannot be written.
    """
    if not settings.home.is_dir():
        return []
    done = []
    owner = examining.lock(settings)
    ownership = Ownership(settings.home)
    ownership.acquire()
    try:
        if not owner.ok:
            done.append(Check("lock", True, "the file of an owner that has ended is removed"))
        mending = _Mending(settings, embedder)
        for name, (examine, mend) in mending.menders.items():
            found = checked(name, examine, settings)
            if not found.ok:
                done.append(checked(name, _after(mend, found), settings))
    finally:
        ownership.release()
    return done


def _after(mend: Callable[[Check], Check], found: Check) -> Callable[[Settings], Check]:
    return lambda _settings: mend(found)


@dataclass
class _Mending:
    """The menders of one home, each with the check that calls for it, in the order to go."""

    settings: Settings
    embedder: Embedder | None

    @property
    def menders(
        self,
    ) -> dict[str, tuple[Callable[[Settings], Check], Callable[[Check], Check]]]:
        """Return check and mender by name."""
        return {
            "unfinished files": (examining.unfinished, self._unfinished),
            "library": (examining.library, self._library),
            "words": (examining.words, self._words),
            "vectors": (examining.vectors, self._vectors),
            "index": (examining.index, self._index),
        }

    def _unfinished(self, found: Check) -> Check:
        for path in leftovers(self.settings.home, FILE_NAME):
            discard(path)
        return Check(found.name, True, f"removed: {found.detail}")

    def _library(self, found: Check) -> Check:
        try:
            return examining.library(self.settings)  # raises as it did when it was found
        except LibraryDamaged:
            return self._salvaged(found.name)

    def _salvaged(self, name: str) -> Check:
        # Heavy: NumPy.
        from rag.salvaging import salvage

        home = self.settings.home
        saved = salvage(
            home,
            passage_characters=self.settings.passage_characters,
            fingerprint=lambda: self._embedder().fingerprint,
        )
        detail = (
            f"saved {saved.documents} documents and {saved.conversations} conversations into a "
            f"new file; the damaged one is kept as {saved.kept}"
        )
        if not saved.lost:
            return Check(name, True, detail)
        backup = newest_backup(home)
        lost = f"Not saved: {', '.join(saved.lost)}. Add the files again"
        instead = "" if backup is None else f", or run `footnote restore {backup} --replace`"
        return Check(name, True, detail, f"{lost}{instead}.")

    def _words(self, found: Check) -> Check:
        database = Database(self.settings.home, read_only=False)
        try:
            with database.transaction() as connection:
                connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
        except LibraryDamaged:
            return self._salvaged(found.name)
        finally:
            database.close()
        return Check(found.name, True, "the word index was built anew from the passages")

    def _vectors(self, found: Check) -> Check:
        # Heavy, as above.
        from rag.library import Library

        embedder = self._embedder()
        library = Library(self.settings.home)
        try:
            library.refuse_other(embedder.fingerprint)
            ids = examining.without_vectors(self.settings.home)
            entries = library.entries(ids)
            batches = (ids[n : n + _TOGETHER] for n in range(0, len(ids), _TOGETHER))
            library.write_vectors(
                ((b, embedder.embed([entries[i].passage.text for i in b])) for b in batches),
                fingerprint=embedder.fingerprint,
            )
        finally:
            library.close()
        return Check(found.name, True, f"{len(ids)} passages were embedded anew")

    def _index(self, found: Check) -> Check:
        # Heavy, as above.
        from rag.index import VectorIndex
        from rag.library import Library

        library = Library(self.settings.home)
        folder = self.settings.home / "chroma"
        index = VectorIndex(library, folder, library.embedding or "")
        try:
            index.rebuild()
        finally:
            index.close()
            library.close()
        return Check(found.name, True, "thrown away, and built anew from the library")

    def _embedder(self) -> Embedder:
        if self.embedder is None:
            self.embedder = build_embedder(self.settings)
        return self.embedder
