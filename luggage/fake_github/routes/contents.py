"""Repository contents: single files, without directories."""

import base64
import hashlib
from urllib.parse import quote

from luggage.fake_github.messages import Answer, existing
from luggage.fake_github.routing import RouteCall, RouteTable
from luggage.fake_github.shapes.repositories import repository_url

routes = RouteTable()


@routes("GET", "/repos/{owner}/{repo}/contents/{path}")
def get_contents(call: RouteCall) -> Answer:
    """Return a file at `ref` (the default branch or a commit), in base64 lines like GitHub's."""
    repository, path = call.repository(), call.names["path"]
    ref = call.request.query.get("ref", repository.default_branch)
    files = repository.files if ref == repository.default_branch else repository.at_commits.get(ref)
    data = existing((files or {}).get(path))
    # Git's blob id.
    sha = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    api, quoted_path = repository_url(call.world, repository), quote(path)
    page = f"{call.world.server_url}/{repository.full_name}/blob/{ref}/{quoted_path}"
    links = {
        "self": f"{api}/contents/{quoted_path}?ref={ref}",
        "git": f"{api}/git/blobs/{sha}",
        "html": page,
    }
    body = {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": _lines(base64.b64encode(data).decode()),
        "sha": sha,
        "url": links["self"],
        "git_url": links["git"],
        "html_url": page,
        "download_url": None if repository.private else page.replace("/blob/", "/raw/"),
        "_links": links,
    }
    return Answer(200, body)


def _lines(text: str, width: int = 60) -> str:
    return "".join(f"{text[at : at + width]}\n" for at in range(0, len(text), width))
