"""POST /graphql, the least of it: who am I, and how much may I still ask.

A query's first field picks the answer, whatever it selects below; unknown fields get GitHub's kind
of error.
"""

import re

from luggage.github.testing.messages import Answer
from luggage.github.testing.routing import Call, Routes

routes = Routes()


@routes("POST", "/graphql")
def query(call: Call) -> Answer:
    """Data, or errors with status 200: GraphQL's way."""
    text = call.text("Query", "query")
    match = re.search(r"\{\s*(\w+)", text)
    name = match[1] if match else ""
    if name == "viewer":
        return Answer(200, {"data": {"viewer": {"login": call.actor.login}}})
    if name == "rateLimit":
        return Answer(200, {"data": {"rateLimit": {"limit": 5000, "cost": 1, "remaining": 4999}}})
    error = {
        "path": ["query", name],
        "extensions": {"code": "undefinedField", "typeName": "Query", "fieldName": name},
        "locations": [{"line": 1, "column": 3}],
        "message": f"Field '{name}' doesn't exist on type 'Query'",
    }
    return Answer(200, {"errors": [error]})
