"""Every error that Footnote raises on purpose. Knows nothing of where they arise.

Each message says what went wrong and what to do about it.

* FootnoteError
  * ConfigError: a setting is wrong, or two settings contradict each other
  * UsageError: a call with arguments that cannot work
    * QuestionError: a question that is empty or too long
    * UnknownDocument: a document id the library does not hold
    * UnknownConversation: a conversation, or an exchange of one, that it does not hold
  * LoadError: a file cannot be turned into text
    * RejectedFile: and never will be, as it stands (wrong type, encrypted, empty, too large)
    * FailedFile: and may be at another try (time ran out, the file changed while read)
  * StoreError: the library cannot be read or written
    * LibraryLocked: another process is writing to this home
    * EmbeddingMismatch: the library was embedded with another model
    * SchemaMismatch: the library was written by another version of Footnote
    * LibraryDamaged: the library's file is damaged; what can be read of it still can be saved
    * IndexUnavailable: the vector index cannot be opened; search goes on without it
  * ModelError: a language or embedding model gave no usable answer
    * ModelUnavailable: and may at another try (refused, timed out, cut off, overloaded)
    * ModelRejected: and will not at another try (wrong key, unknown model, broken weights)
"""


class FootnoteError(Exception):
    """Base of all errors below; `str()` of it is fit to show to a user."""


class ConfigError(FootnoteError):
    """A setting is wrong, or two settings contradict each other."""


class UsageError(FootnoteError):
    """A call with arguments that cannot work."""


class QuestionError(UsageError):
    """A question that is empty or too long."""


class UnknownDocument(UsageError):
    """A document id the library does not hold."""


class UnknownConversation(UsageError):
    """A conversation, or an exchange of one, that the library does not hold."""


class LoadError(FootnoteError):
    """A file cannot be turned into text."""


class RejectedFile(LoadError):
    """The file will not load as it stands: wrong type, encrypted, empty, too large."""


class FailedFile(LoadError):
    """The file may load at another try: time ran out, it changed while being read."""


class StoreError(FootnoteError):
    """The library cannot be read or written."""


class LibraryLocked(StoreError):
    """Another process is writing to this home."""


class EmbeddingMismatch(StoreError):
    """The library was embedded with another model than the settings name."""


class SchemaMismatch(StoreError):
    """The library was written by another version of Footnote."""


class LibraryDamaged(StoreError):
    """The library's file is damaged; what can be read of it still can be saved."""


class IndexUnavailable(StoreError):
    """The vector index cannot be opened; search goes on without it."""


class ModelError(FootnoteError):
    """A language or embedding model gave no usable answer."""


class ModelUnavailable(ModelError):
    """The model may answer at another try: refused, timed out, cut off, overloaded."""


class ModelRejected(ModelError):
    """The model will not answer at another try: wrong key, unknown model, broken weights."""
