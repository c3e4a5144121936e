"""The description of all public endpoints in OpenAPI 3.0.3: one literal of Python, rendered with a title and a root."""

from server.documents.openapi.document import document

__all__ = ["document"]
