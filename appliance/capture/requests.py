"""Answers the owner's requests while the pictures go on: a picture that is still in the ring, as a JPEG."""

import base64
import json

from appliance.capture.messages import Voice
from appliance.capture.ring import RingReader

__all__ = ["Requests"]


class Requests:
    """`{"jpeg": ID, "quality": 10..100}` is answered with `{"jpeg": ID, "content": BASE64 or null}`.

    It is null where the picture has been overwritten (three are kept), or this Python has no OpenCV to encode it.
    """

    def __init__(self, memory: int, voice: Voice) -> None:
        self._memory, self._voice = memory, voice
        self._ring: RingReader | None = None

    def hear(self, line: bytes) -> None:
        try:
            request = json.loads(line)
            number, quality = int(request["jpeg"]), int(request["quality"])
        except (ValueError, TypeError, KeyError):
            return
        content = self._jpeg(number, quality)
        said = base64.b64encode(content).decode("ascii") if content is not None else None
        self._voice.say(jpeg=number, content=said)

    def _jpeg(self, number: int, quality: int) -> bytes | None:
        try:
            from appliance.capture.jpeg import encode

            self._ring = self._ring or RingReader(self._memory)
            shot = self._ring.find(number)
            return encode(shot.pixels, quality) if shot is not None else None
        except (ImportError, ValueError):
            return None
