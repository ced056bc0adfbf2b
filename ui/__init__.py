"""Shows answers: the chat page and the command line.

Uses only the public names of `rag`, and knows nothing of how answers come about.
"""
