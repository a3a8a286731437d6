"""Files: uploaded as multipart, scanned, downloaded through a link that expires."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import PurePath

from starlette.routing import Route

from sandbox.trading_grid.api import Api, ApiCall, Reply
from sandbox.trading_grid.engine import Engine
from sandbox.trading_grid.problems import Problem, not_found
from sandbox.trading_grid.settings import BASE, Settings
from sandbox.trading_grid.store import Object, instant_s, iso

FILE_BYTES_MAX = 25 * 1024 * 1024
KEPT_BYTES_MAX = 512 * 1024 * 1024
LINK_VALID_S = 3_600.0
SUFFIXES = frozenset({".pdf", ".png", ".jpg", ".csv", ".xml", ".xlsx"})
VIRUS_SIGN = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


@dataclass(frozen=True, slots=True)
class Upload:
    file_name: str
    content_type: str
    content: bytes


def parse_upload(content_type: str, raw: bytes) -> Upload:
    """The one file part of a multipart body. Raises Problem 400, 415."""
    if not content_type.lower().startswith("multipart/form-data"):
        raise Problem(415, "unsupported_media_type", "send multipart/form-data")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message: Message = BytesParser(policy=HTTP).parsebytes(head + raw)
    parts = message.get_payload() if message.is_multipart() else []
    for part in parts if isinstance(parts, list) else []:
        content = part.get_payload(decode=True) if isinstance(part, Message) else None
        if isinstance(part, Message) and part.get_filename() and isinstance(content, bytes):
            return Upload(str(part.get_filename()), part.get_content_type(), content)
    raise Problem(400, "file_missing", "the form has no file part")


class Attachments:
    """Kept in memory, at most KEPT_BYTES_MAX in all."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._contents: dict[str, bytes] = {}
        self.settings = settings

    def routes(self, api: Api) -> list[Route]:
        return [
            api.route("POST", "/attachments", "documents", self.upload),
            api.route("GET", "/attachments/{id}", "documents", self.get),
            api.route("GET", "/attachments/{id}/content", "documents", self.content),
        ]

    def clear(self) -> None:
        self._contents.clear()

    def upload(self, call: ApiCall) -> Reply:
        upload = parse_upload(call.headers.get("content-type", ""), call.raw)
        if len(upload.content) > FILE_BYTES_MAX:
            raise Problem(413, "file_too_large", f"a file has at most {FILE_BYTES_MAX} bytes")
        if PurePath(upload.file_name).suffix.lower() not in SUFFIXES:
            raise Problem(415, "file_type_refused", f"allowed are {sorted(SUFFIXES)}")
        if sum(map(len, self._contents.values())) + len(upload.content) > KEPT_BYTES_MAX:
            raise Problem(503, "store_full", f"the sandbox keeps {KEPT_BYTES_MAX} bytes of files")
        now_s = self._engine.now_s()
        attachment: Object = {
            "id": self._engine.store.next_id("at"),
            "file_name": upload.file_name,
            "content_type": upload.content_type,
            "size": len(upload.content),
            "sha256": hashlib.sha256(upload.content).hexdigest(),
            "scan_status": "infected" if VIRUS_SIGN in upload.content else "clean",
            "created_at": iso(now_s),
            "updated_at": iso(now_s),
            "created_by": call.actor.as_json(),
            "version": 1,
        }
        self._engine.store.put("attachment", attachment)
        self._contents[attachment["id"]] = upload.content
        return Reply(201, self._shown(attachment, call))

    def _shown(self, attachment: Object, call: ApiCall) -> Object:
        """Pending until the scan is over; the link is fresh at each reading."""
        now_s = self._engine.now_s()
        scanned = instant_s(attachment["created_at"]) + self.settings.scan_delay_s <= now_s
        until_s = now_s + LINK_VALID_S
        link = f"{call.base_url}{BASE}/attachments/{attachment['id']}/content"
        return {
            **attachment,
            "scan_status": attachment["scan_status"] if scanned else "pending",
            "download_url": f"{link}?expires={int(until_s)}&sig={secrets.token_hex(8)}",
            "expires_at": iso(until_s),
        }

    def get(self, call: ApiCall) -> Reply:
        attachment = self._engine.store.get("attachment", call.path["id"])
        return Reply(200, self._shown(attachment, call))

    def content(self, call: ApiCall) -> Reply:
        attachment = self._engine.store.get("attachment", call.path["id"])
        expires = call.query.get("expires", "0")
        shown = self._shown(attachment, call)
        if not expires.isdigit() or int(expires) < self._engine.now_s():
            raise Problem(403, "link_expired", "read the attachment again for a fresh link")
        if shown["scan_status"] != "clean":
            raise not_found("file", call.path["id"])
        return Reply(200, self._contents[attachment["id"]], media_type=attachment["content_type"])
