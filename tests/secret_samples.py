"""Keys of the right shape, made when the tests run: none stands in a file."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def noise(length: int, letters: str = BASE62) -> str:
    """Random-looking and the same in every run: no real-shaped key stands in this file."""
    digests = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(12))
    return "".join(letters[byte % len(letters)] for byte in digests)[:length]


def checksummed(prefix: str) -> str:
    body, digits = noise(30), ""
    number = zlib.crc32(body.encode())
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return f"{prefix}_{body}{digits.rjust(6, '0')}"


def jwt(**payload: object) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, payload)
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{noise(43)}"


def pem(kind: str, start: bytes) -> str:
    body = base64.b64encode(start + hashlib.sha512(b"a").digest() * 4).decode()
    lines = "\n".join(body[n : n + 64] for n in range(0, len(body), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"


KEYS = {
    "Stripe live secret key": "sk_live_" + noise(24),
    "Stripe test secret key": "sk_test_" + noise(24),
    "webhook signing secret": "whsec_" + noise(32),
    "GitHub token": checksummed("ghp"),
    "GitHub fine-grained token": f"github_pat_{noise(22)}_{noise(59)}",
    "OpenAI key": f"sk-proj-{noise(40)}T3BlbkFJ{noise(40)}",
    "Anthropic key": f"sk-ant-api03-{noise(93)}AA",
    "Slack token": f"xoxb-{'7351902846'}-{noise(30)}",
    "SendGrid key": f"SG.{noise(22)}.{noise(43)}",
    "Resend key": f"re_{noise(8)}_{noise(24)}",
    "npm token": checksummed("npm"),
    "Supabase secret key": f"sb_secret_{noise(22)}_{noise(8)}",
    "Supabase access token": "sbp_" + noise(40, "0123456789abcdef"),
    "Hugging Face token": "hf_" + noise(34, BASE62[10:]),
    "Vercel token": "vcp_" + noise(56),
    "Neon key": "napi_" + noise(64, BASE62[:10] + BASE62[36:]),
    "Telegram bot token": f"7351902846:AA{noise(33)}",
    "Discord bot token": f"{base64.b64encode(b'735190284673519028').decode()}.{noise(6)}.{noise(30)}",
    "Twilio auth token": noise(32, "0123456789abcdef"),
}
