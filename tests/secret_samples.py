"""Keys of the right shape, made when the tests run: none stands in a file."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LOWER, HEX = BASE62[:10] + BASE62[36:], "0123456789abcdef"


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
    "Twilio auth token": noise(32, HEX),
    "GitLab token": f"glpat-{noise(27)}.01.{noise(9, LOWER)}",
    "GitLab trigger token": "glptt-" + noise(40, HEX),
    "OpenRouter key": "sk-or-v1-" + noise(64, HEX),
    "xAI key": "xai-" + noise(80),
    "Perplexity key": "pplx-" + noise(48),
    "ElevenLabs key": "sk_" + noise(48, HEX),
    "Firecrawl key": "fc-" + noise(32, HEX),
    "Tavily key": "tvly-dev-" + noise(32),
    "LangSmith key": f"lsv2_pt_{noise(32, HEX)}_{noise(10, HEX)}",
    "Langfuse secret key": "sk-lf-8f2c1d7e-4b6a-4c3d-9e5f-71a2b8c94d06",
    "Pinecone key": f"pcsk_{noise(6)}_{noise(63)}",
    "Inngest signing key": "signkey-prod-" + noise(64, HEX),
    "Trigger.dev key": "tr_prod_" + noise(20),
    "Discord webhook": "discord.com/api/webhooks/735190284673519028/" + noise(68),
    "Brevo key": f"xkeysib-{noise(64, HEX)}-{noise(16)}",
    "Airtable token": f"pat{noise(14)}.{noise(64, HEX)}",
    "Notion token": "ntn_" + noise(46),
    "Figma token": "figd_" + noise(40),
    "Doppler token": f"dp.st.prd.{noise(43)}",
    "Sentry token": "sntryu_" + noise(64, HEX),
    "New Relic key": "NRAK-" + noise(27, BASE62[:36]),
    "Grafana token": f"glsa_{noise(32)}_{noise(8, HEX)}",
    "Databricks token": "dapi" + noise(32, HEX),
    "Terraform Cloud token": f"{noise(14)}.atlasv1.{noise(67)}",
    "Vault token": "hvs." + noise(92),
    "Pulumi token": "pul-" + noise(40, HEX),
    "Docker Hub token": "dckr_pat_" + noise(27),
    "Fly.io token": "fm2_" + noise(200),
    "Render key": "rnd_" + noise(32),
    "Heroku key": "HRKU-AA" + noise(58),
    "Atlassian token": "ATATT3xFfGF0" + noise(180),
    "Azure client secret": f"{noise(3)}8Q~{noise(34)}",
    "Square secret": "sq0csp-" + noise(43),
    "Paddle key": f"pdl_live_apikey_{noise(26, LOWER)}_{noise(22)}_{noise(3)}",
    "Polar token": "polar_oat_" + noise(43),
    "Mapbox secret token": f"sk.eyJ{noise(60)}.{noise(22)}",
    "age secret key": "AGE-SECRET-KEY-1" + noise(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
}
