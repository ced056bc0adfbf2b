"""The language and embedding models, embedded and remote, behind the Protocols of rag.schema.

Knows nothing of documents, prompts or answers.
"""
