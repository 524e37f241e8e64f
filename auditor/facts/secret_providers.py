"""Formats of providers' keys: what each looks like, how bad it is to lose, and its checksum where it has one. Pure."""

# ruff: noqa: E501 - tables are easier to read in long lines

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CRITICAL, _HIGH, _LOW = Severity.CRITICAL, Severity.HIGH, Severity.LOW


def _checksummed(value: str) -> bool:
    """GitHub's and npm's keys end with the CRC-32 of their random part, in base 62."""
    body = value.rpartition("_")[2]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == body[-6:]


def _discord(value: str) -> bool:
    """A bot's token starts with the bot's number."""
    first = value.partition(".")[0]
    try:
        return base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).isdigit()
    except (binascii.Error, ValueError):
        return False


def _mixed(value: str) -> bool:
    """Upper and lower case behind the prefix."""
    body = value[3:]
    return body not in {body.lower(), body.upper()}


def has_digits(value: str) -> bool:
    digits = sum(character.isdigit() for character in value)
    return digits > 1 or (digits == 1 and _mixed(value))


def always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Format:
    """`hints` are literal parts, one of which a file must hold before the pattern is tried; `prefix` is no secret."""

    kind: str
    severity: Severity
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = always


def _format(
    kind: str, severity: Severity, hints: str, pattern: str, check: Callable[[str], bool] = has_digits
) -> Format:
    return Format(
        kind, severity, tuple(hints.split()), re.compile(rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9_])"), check
    )


FORMATS = (
    _format("Stripe live secret key", _CRITICAL, "k_live_", r"[sr]k_live_[A-Za-z0-9]{24,250}"),
    _format("Stripe test secret key", _LOW, "k_test_", r"[sr]k_test_[A-Za-z0-9]{24,250}"),
    _format("webhook signing secret", _HIGH, "whsec_", r"whsec_[A-Za-z0-9+/]{32,120}=*"),
    _format("GitHub token", _CRITICAL, "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}", _checksummed),
    _format("GitHub fine-grained token", _CRITICAL, "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _format("OpenAI key", _CRITICAL, "T3BlbkFJ", r"sk-(?:(?:proj|svcacct|admin)-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100}"),
    _format("Anthropic key", _CRITICAL, "sk-ant-", r"sk-ant-(?:api|admin|sid|oat)\d\d-[A-Za-z0-9_-]{80,120}"),
    _format("Slack token", _HIGH, "xox", r"xox[bpars]-\d{8,14}-[A-Za-z0-9-]{20,100}"),
    _format("Slack app token", _HIGH, "xapp-1-", r"xapp-1-[A-Z0-9]+-\d+-[a-f0-9]{64}"),
    _format("Slack webhook", _HIGH, "hooks.slack.com", r"hooks\.slack\.com/services/T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/[A-Za-z0-9]{24}"),
    _format("SendGrid key", _HIGH, "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _format("Resend key", _HIGH, "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    _format("npm token", _CRITICAL, "npm_", r"npm_[A-Za-z0-9]{36}", _checksummed),
    _format("PyPI token", _CRITICAL, "pypi-AgEIcHlwaS5vcmc", r"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,300}"),
    _format("Supabase secret key", _CRITICAL, "sb_secret_", r"sb_secret_[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8}"),
    _format("Supabase access token", _CRITICAL, "sbp_", r"sbp_[0-9a-f]{40}"),
    _format("Hugging Face token", _HIGH, "hf_", r"hf_[A-Za-z0-9]{34}", _mixed),
    _format("Vercel token", _HIGH, "vcp_ vca_ vck_", r"vc[pak]_[A-Za-z0-9]{56}"),
    _format("Vercel Blob token", _HIGH, "vercel_blob_rw_", r"vercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30,40}"),
    _format("Neon key", _CRITICAL, "napi_", r"napi_[a-z0-9]{64}"),
    _format("PlanetScale token", _CRITICAL, "pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}"),
    _format("Google OAuth client secret", _HIGH, "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}", always),
    _format("DigitalOcean token", _CRITICAL, "dop_v1_", r"dop_v1_[0-9a-f]{64}"),
    _format("Shopify token", _CRITICAL, "shpat_ shpss_ shpca_ shppa_", r"shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}"),
    _format("Linear key", _HIGH, "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _format("Groq key", _HIGH, "gsk_", r"gsk_[A-Za-z0-9]{50,56}"),
    _format("Replicate token", _HIGH, "r8_", r"r8_[A-Za-z0-9]{37}"),
    _format("PostHog personal key", _HIGH, "phx_", r"phx_[A-Za-z0-9]{43,50}"),
    _format("Telegram bot token", _HIGH, ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _format("Discord bot token", _HIGH, "iscord DISCORD", r"[MNO][A-Za-z0-9_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}", _discord),
    _format("Twilio auth token", _CRITICAL, "wilio TWILIO", r"(?i:twilio\w{0,30}auth\w{0,30}token)[\"']?\s*[:=]\s*[\"']?(?P<value>[0-9a-f]{32})"),
    _format("GitLab token", _CRITICAL, "glpat- gldt- glrt- glsoat-", r"gl(?:pat|dt|rt|soat)-[A-Za-z0-9_-]{20,60}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?"),
    _format("GitLab trigger token", _HIGH, "glptt-", r"glptt-[0-9a-f]{40}"),
    _format("OpenRouter key", _HIGH, "sk-or-v1-", r"sk-or-v1-[0-9a-f]{64}"),
    _format("xAI key", _HIGH, "xai-", r"xai-[A-Za-z0-9]{80}"),
    _format("Perplexity key", _HIGH, "pplx-", r"pplx-[A-Za-z0-9]{48,56}"),
    _format("DeepSeek key", _HIGH, "eepseek eepSeek EEPSEEK", r"sk-[0-9a-f]{32}"),
    _format("Gemini key", _HIGH, "AIza", r"(?i:gemini|google_?(?:generative_?)?ai|genai|palm)\w{0,30}[\"']?\s*[:=]\s*[\"']?(?P<value>AIza[A-Za-z0-9_-]{35})"),
    _format("ElevenLabs key", _HIGH, "sk_", r"sk_[0-9a-f]{48}"),
    _format("Firecrawl key", _HIGH, "fc-", r"fc-[0-9a-f]{32}"),
    _format("Tavily key", _HIGH, "tvly-", r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}"),
    _format("LangSmith key", _HIGH, "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _format("Langfuse secret key", _HIGH, "sk-lf-", r"sk-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _format("Pinecone key", _HIGH, "pcsk_", r"pcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,66}"),
    _format("Inngest signing key", _HIGH, "signkey-", r"signkey-(?:prod|branch)-[0-9a-f]{32,64}"),
    _format("Trigger.dev key", _HIGH, "tr_prod_ tr_stg_", r"tr_(?:prod|stg)_[A-Za-z0-9]{20,40}"),
    _format("Discord webhook", _HIGH, "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,80}"),
    _format("Slack refresh token", _HIGH, "xoxe", r"xoxe(?:\.xox[bp])?-1-[A-Za-z0-9]{100,200}"),
    _format("Mailgun key", _HIGH, "ailgun AILGUN", r"key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}"),
    _format("Mailchimp key", _HIGH, "ailchimp ailChimp AILCHIMP", r"[0-9a-f]{32}-us\d{1,2}"),
    _format("Postmark token", _HIGH, "ostmark POSTMARK", r"(?i:postmark\w{0,30}token)[\"']?\s*[:=]\s*[\"']?(?P<value>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"),
    _format("Brevo key", _HIGH, "xkeysib-", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _format("Airtable token", _HIGH, "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _format("Notion token", _HIGH, "ntn_", r"ntn_[A-Za-z0-9]{46}"),
    _format("Notion token", _HIGH, "secret_", r"secret_[A-Za-z0-9]{43}"),
    _format("Figma token", _HIGH, "figd_", r"figd_[A-Za-z0-9_-]{38,44}"),
    _format("Contentful management token", _HIGH, "CFPAT-", r"CFPAT-[A-Za-z0-9_-]{43}"),
    _format("Doppler token", _CRITICAL, "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    _format("Sentry token", _HIGH, "sntrys_", r"sntrys_eyJ[A-Za-z0-9+/=_-]{60,400}"),
    _format("Sentry token", _HIGH, "sntryu_", r"sntryu_[0-9a-f]{64}"),
    _format("New Relic key", _HIGH, "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _format("Grafana token", _HIGH, "glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}"),
    _format("Grafana token", _HIGH, "glc_", r"glc_eyJ[A-Za-z0-9+/=]{60,400}"),
    _format("Dynatrace token", _HIGH, "dt0c01.", r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _format("Postman key", _HIGH, "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("Databricks token", _CRITICAL, "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _format("Terraform Cloud token", _CRITICAL, ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    _format("Vault token", _CRITICAL, "hvs.", r"hvs\.[A-Za-z0-9_-]{90,120}"),
    _format("Pulumi token", _CRITICAL, "pul-", r"pul-[0-9a-f]{40}"),
    _format("Docker Hub token", _CRITICAL, "dckr_", r"dckr_[po]at_[A-Za-z0-9_-]{27,40}"),
    _format("Fly.io token", _CRITICAL, "fm2_", r"fm2_[A-Za-z0-9+/=_-]{100,1000}"),
    _format("Render key", _CRITICAL, "rnd_", r"rnd_[A-Za-z0-9]{28,36}"),
    _format("Heroku key", _CRITICAL, "HRKU-AA", r"HRKU-AA[A-Za-z0-9_-]{50,64}"),
    _format("Atlassian token", _CRITICAL, "ATATT3", r"ATATT3[A-Za-z0-9_=-]{150,250}"),
    _format("RubyGems key", _CRITICAL, "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _format("Cloudflare origin key", _CRITICAL, "v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    _format("Azure storage key", _CRITICAL, "AccountKey=", r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
    _format("Azure client secret", _CRITICAL, "Q~", r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    _format("Square token", _CRITICAL, "quare SQUARE", r"EAAA[A-Za-z0-9_-]{60}"),
    _format("Square secret", _CRITICAL, "sq0csp-", r"sq0csp-[A-Za-z0-9_-]{43}"),
    _format("Braintree token", _CRITICAL, "access_token$production$", r"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    _format("Paddle key", _CRITICAL, "pdl_live_", r"pdl_live_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}"),
    _format("Polar token", _HIGH, "polar_oat_ polar_pat_", r"polar_[op]at_[A-Za-z0-9]{40,60}"),
    _format("Cloudinary URL", _HIGH, "cloudinary://", r"cloudinary://\d{10,20}:(?P<value>[A-Za-z0-9_-]{20,40})@[A-Za-z0-9_-]+"),
    _format("Mapbox secret token", _HIGH, "sk.eyJ", r"sk\.eyJ[A-Za-z0-9_-]{50,150}\.[A-Za-z0-9_-]{22}"),
    _format("age secret key", _CRITICAL, "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
)  # fmt: skip
