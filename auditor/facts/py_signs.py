"""Names and phrases in Python code by which a caller is asked who they are."""

from __future__ import annotations

import re

# What packages give that turns strangers away by itself.
SURE = re.compile(
    r"^(?:flask_login\.(?:login_required|fresh_login_required)|flask_login\..*\.login_required|flask_httpauth\..*login_required"
    r"|flask_(?:jwt_extended|jwt|jwt_simple|praetorian)\.\w*(?:required|accepted|verify_jwt_in_request)\w*"
    r"|flask_allows\d?\..*requires|flask_security\..*(?:required|accepted|auth)\w*|flask_principal\..*require|authlib\..*(?:ResourceProtector.*)"
    r"|django\.contrib\.auth\.(?:decorators\.\w+|mixins\.\w+|middleware\.LoginRequiredMiddleware)"
    r"|django\.contrib\.admin\.views\.decorators\.staff_member_required|braces\.views\.\w*(?:Required|Permission)\w*"
    r"|rest_framework\.permissions\.(?!AllowAny|.*ReadOnly|BasePermission|OperandHolder|SAFE_METHODS)\w+"
    r"|rest_framework_api_key\.permissions\.\w+|oauth2_provider\..*(?:Token|Scope|protected|Protected)\w*"
    r"|fastapi_users\..*current_user(?:\(\))?|fastapi_users\..*authenticator.*|fastapi_jwt_auth\..*required"
    r"|(?:fastapi_auth0|auth0_fastapi|fastapi_clerk_auth|fastapi_azure_auth|fastapi_keycloak|fastapi_permissions|fastapi_login"
    r"|supertokens_python|clerk_backend_api|propelauth_\w+|descope|firebase_admin)\b.*"
    r"|graphql_jwt\.decorators\.\w+|strawberry_django\.(?:permissions|auth\.\w+)\.\w+|strawberry_django\.permissions\.\w+|gqlauth\..*(?:IsAuth|login)\w*"
    r"|starlette\.authentication\.requires|fief_client\..*)(?:\(\))?$"
)
# Functions that verify a credential and raise where it is no good.
VERIFIES = re.compile(
    r"^(?:jwt|jose\.jwt|jose\.jws|authlib\.jose.*|joserfc.*|itsdangerous\..*|python_jwt|jwcrypto\.(?!.*export).*)\.?(?:\w+\(\)\.)?"
    r"(?:decode|loads|verify\w*|unsign)$|(?:^|\.)(?:verify_id_token|verify_session_cookie|verify_oauth2_token|verify_firebase_token"
    r"|verify_jwt_in_request|authenticate_request|verify_session|construct_event|validate_token|verify_signature)(?:\(\))?$"
    r"|^django\.core\.signing\.(?:\w+\(\)\.)?(?:unsign\w*|loads)$"
    r"|\.auth\.(?:get_user|get_claims)$"
)
# Libraries that verify the sender of every event which they are given.
DISPATCHERS = re.compile(r"^(?:slack_bolt|discord_interactions|botbuilder|linebot|inngest|qstash)\b")
BRANCHES = re.compile(r"\b(?:request|current|g)[._]user\.is_(?:authenticated|anonymous|staff|superuser)\b")
# A page to sign in at sends those on who have done so, and answers everybody else.
SIGNED_IN_ALREADY = re.compile(
    r"\bif\s+(?:request\.|self\.request\.|current_|g\.)user\.is_authenticated\s*:\s*(?:#[^\n]*\n\s*)*return\s+[\w.]*redirect\w*\("
)
# A permission of REST framework that lets everybody read.
READS_FREELY = re.compile(
    r"\bif\s+request\.method\s+in\s+(?:[\w.]+\.)?SAFE_METHODS(?:\s+or\b[^:\n]*)?\s*:\s*(?:#[^\n]*\n\s*)*return\s+True\b"
)
SCHEME = re.compile(
    r"^fastapi\.(?:.*\.)?(?:OAuth2\w*|HTTPBearer|HTTPBasic|HTTPDigest|APIKey\w+|OpenIdConnect)(?:\(\))?$"
)
OPTIONAL = re.compile(
    r"optional\s*=\s*True|required\s*=\s*False|\bAnonymous\b|auto_error\s*=\s*False|verify_signature[\"']\s*:\s*False|verify\s*=\s*False"
)
OPEN = {"AllowAny", "login_not_required", "csrf_exempt"}
REFUSES = re.compile(
    r"HTTP_40[13]\w*|HTTPStatus\.(?:UNAUTHORIZED|FORBIDDEN)|\b(?:status_code|status|code)\s*=\s*40[13]\b"
    r"|HTTPException\(\s*40[13]\b|\babort\(\s*40[13]\b|\breturn\b[^\n]{0,200},\s*40[13]\b|,\s*40[13][ \t]*(?:[,)\n]|$)"
    r"|\breturn\s+[\w.]+\(\s*40[13]\b|\braise\s+\w*(?:Unauthori[sz]ed|Forbidden|PermissionDenied|NotAuthenticated|AuthenticationFailed|Auth\w*(?:Error|Exception)"
    r"|Credentials?\w*|InvalidToken\w*|NotAuthori[sz]ed\w*)|HttpResponse(?:Forbidden|Unauthorized)"
    r"|\breturn\s+[\w.]*\bunauthori[sz]ed\(|\braise\s+(?:[\w.]+\.)?(?:un_?auth\w*|not_auth\w*|forbidden)\w*\(|\braise\s+HTTPException\([^()]{0,80}(?:REDIRECT|\b30[237]\b)|(?:[rR]edirect\w*|HttpResponseRedirect)\([^)\n]{0,80}(?:log_?in|sign_?in|auth)",
)
UNAUTHORISED = re.compile(r"\b401\b|UNAUTHORI[SZ]ED|Unauthori[sz]ed|NotAuthenticated|AuthenticationFailed")
CREDENTIAL = re.compile(
    r"\b(?:[Aa]uthorization|\w*token\w*|session|\w*[Cc]ookies?\b|current_user|\w*jwt\w*|\w*api_?key\w*|request\.user|g\.user|credentials"
    r"|secret\w*|\w*signature\w*|is_authenticated|is_admin|is_superuser|permissions?|\w*_role|headers|user_id|username|user"
    r"|auth_\w+|\w*scopes|is_anonymous)\b",
    re.IGNORECASE,
)
PASSWORD = re.compile(
    r"check_password|verify_password|pwd_context\.verify|checkpw|(?<!def )\bauthenticate\(|verify_and_update"
    r"|password_hash|\.verify\("
)
# Where a password is compared too, the caller's own sign: a sign-in refuses as well, and asks nobody before.
KNOWN = re.compile(r"[Aa]uthorization|current_user|request\.user|g\.user|is_authenticated|compare_digest")
SHOWN = re.compile(
    r"[Aa]uthorization|current_user|request\.user|g\.user|is_authenticated|\b(?:is_admin|authed|logged_in|is_logged_in)\(\)|decode\(|[Aa]pi[-_]?[Kk]ey|[!=]=\s*(?:os\.environ|os\.getenv|settings\.|config\.)|[Cc]ookies|session\[|session\.get"
    r"|[Bb]earer"
)
NAMED = re.compile(
    r"(?:^|_)(?:auth\w*|login_required|require[sd]?_\w+|\w+_required|get_current_\w*user\w*|current_(?:active_)?user|verify_\w+|check_(?:auth|token"
    r"|access|permission)\w*|protected|jwt\w*|token_required|is_admin|admin_only|permission\w*)$|Permission\w*$|^Is[A-Z]\w+$"
    r"|Auth\w*(?:Mixin|Required)|LoginRequired|Bearer$|Middleware$",
)
NO_NAME = re.compile(
    r"optional|get_db|session$|settings|auth_?(?:service|client|config|url|repo)|csrf|cors|require_(?:POST|GET|http|safe)",
    re.IGNORECASE,
)
# Asks from where a request comes, never who sends it.
ORIGIN = re.compile(
    r"csrf|cors(?:$|_|[A-Z])|(?:trusted|allowed|same)_?(?:origin|host)|origin_?(?:check|guard|valid|verif)"
    r"|(?:check|verify|valid\w*|ensure)_?(?:origin|referer|host)$",
    re.IGNORECASE,
)
CONSTANT = re.compile(r"^def\s+has_permission[^:]*:\s*(?:[\"'].*?[\"']\s*)?return\s+True\s*$", re.DOTALL)
SAFE = {"GET", "HEAD", "OPTIONS", "WS"}
HOPS = 3
