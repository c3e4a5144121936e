"""The description of all public endpoints in OpenAPI 3.0.3: a literal, rendered with a title and a base URL."""

from server.documents.openapi.document import document

__all__ = ["document"]
