"""Answers questions from your own documents, with the exact words each sentence rests on.

    from rag import Assistant, Settings

    with Assistant(Settings(home="my-library")) as assistant:
        assistant.add("seeds/")
        print(assistant.ask("Where did the delegations meet?").text)

Knows nothing of web pages or of scoring.
"""

from rag.assistant import Assistant
from rag.calibration import Observation
from rag.conversations import Conversations
from rag.copies import Copied, backup, restore
from rag.doctor import doctor
from rag.errors import (
    ConfigError,
    EmbeddingMismatch,
    FailedFile,
    FootnoteError,
    IndexUnavailable,
    LibraryDamaged,
    LibraryLocked,
    LoadError,
    ModelError,
    ModelRejected,
    ModelUnavailable,
    QuestionError,
    RejectedFile,
    SchemaMismatch,
    StoreError,
    UnknownConversation,
    UnknownDocument,
    UsageError,
)
from rag.fitting import CalibrationReport, calibrate
from rag.models.chat import build_chat_model, model_sha256
from rag.models.embedding import build_embedder
from rag.prompts import REFUSAL, fixed_messages
from rag.repairing import repair
from rag.schema import (
    AddReport,
    Answer,
    ChatModel,
    Check,
    Citation,
    Conversation,
    Document,
    DocumentResult,
    Embedder,
    Event,
    Evidence,
    Exchange,
    Feedback,
    Hit,
    Message,
    Passage,
    Progress,
    ProgressCallback,
    Sentence,
    Stage,
    Status,
    Turn,
    Usage,
    Verdict,
)
from rag.settings import Settings

__all__ = [
    "REFUSAL",
    "AddReport",
    "Answer",
    "Assistant",
    "CalibrationReport",
    "ChatModel",
    "Check",
    "Citation",
    "ConfigError",
    "Conversation",
    "Conversations",
    "Copied",
    "Document",
    "DocumentResult",
    "Embedder",
    "EmbeddingMismatch",
    "Event",
    "Evidence",
    "Exchange",
    "FailedFile",
    "Feedback",
    "FootnoteError",
    "Hit",
    "IndexUnavailable",
    "LibraryDamaged",
    "LibraryLocked",
    "LoadError",
    "Message",
    "ModelError",
    "ModelRejected",
    "ModelUnavailable",
    "Observation",
    "Passage",
    "Progress",
    "ProgressCallback",
    "QuestionError",
    "RejectedFile",
    "SchemaMismatch",
    "Sentence",
    "Settings",
    "Stage",
    "Status",
    "StoreError",
    "Turn",
    "UnknownConversation",
    "UnknownDocument",
    "Usage",
    "UsageError",
    "Verdict",
    "backup",
    "build_chat_model",
    "build_embedder",
    "calibrate",
    "doctor",
    "fixed_messages",
    "model_sha256",
    "repair",
    "restore",
]
