"""The file as typed values, and what editors are told of it.

types    the kinds of value that it's made of
models   its mappings, key by key
reading  from a source to the document, with all problems in one go
schema   the JSON Schema
"""

from rules.document.models import (
    DEFAULT_BASE_URL,
    Account,
    AddressSource,
    AlertsSpec,
    CalendarSpec,
    CampaignsSpec,
    Document,
    Entry,
    MetricsSpec,
    ResumeSpec,
    Rule,
)
from rules.document.reading import read
from rules.document.types import Endpoint, check_ping_url

__all__ = [
    "DEFAULT_BASE_URL",
    "Account",
    "AddressSource",
    "AlertsSpec",
    "CalendarSpec",
    "CampaignsSpec",
    "Document",
    "Endpoint",
    "Entry",
    "MetricsSpec",
    "ResumeSpec",
    "Rule",
    "check_ping_url",
    "read",
]
