"""The shapes of keys and tokens that can be told from other text: one row a format.

`lead` is a fixed-width regular expression that ends in a literal character, the anchor; `tail` is
what follows. With `keep`, the lead and what `keep` matches stay and only the tail is the secret.
`peek` is how the rest begins; it is needed where the lead does not end in two plain characters and
where the rest does not begin with twelve characters of keys.
`edge` are the characters that may not stand directly before the lead: they keep a short lead from
matching inside words, identifiers and base64. Leads long enough to be unmistakable have none.
Shapes come from the providers' documentation and from the keys they hand out; lengths are lower
bounds wherever a provider has changed them before.
"""

import re
from dataclasses import dataclass

WORD = r"A-Za-z0-9_\-"  # an edge: not inside an identifier or base64url
BLOB = r"A-Za-z0-9_+/\-"  # an edge: not inside any base64 either
SEGMENT = r"A-Za-z0-9_+\-"  # an edge: as BLOB, but between slashes too, as in the path of a URL
DIGIT = "0-9"
ANY = ""

_W = "[A-Za-z0-9_-]"
_N = "[A-Za-z0-9]"
_H = "[0-9a-f]"
_END = "(?![A-Za-z0-9_+/-])"
_END_SEGMENT = "(?![A-Za-z0-9_+-])"
# Lines of base64 (or headers, as in encrypted keys) between breaks that may be escaped or spaces.
_BREAK = r"(?:\s|\\++[nrt]|data: ?)"
_LINE = r"[A-Za-z0-9+/](?:[A-Za-z0-9+/]|\\++/){15,}+=*+|[A-Z][A-Za-z-]{2,20}: [^\r\n\\\"]{1,90}+"
_PEM = (
    rf"----(?:{_BREAK}*+(?:{_LINE}))++"
    rf"(?:{_BREAK}*+[A-Za-z0-9+/]{{0,76}}+=*+{_BREAK}*+-----END[A-Z ]{{1,40}}-----"
    rf"|{_BREAK}*+[A-Za-z0-9+/]{{0,76}}+\Z)?"
)


@dataclass(slots=True, frozen=True)
class KeyFormat:
    """One shape. `kind` is the word in the pseudonym, `what` the reader's."""

    kind: str
    what: str
    lead: str
    tail: str
    keep: str = ""
    edge: str = WORD
    peek: str = ""

    @property
    def looks(self) -> str:
        """How such a key begins, for readers."""
        start = re.match(r"[A-Za-z0-9-]*", self.keep or self.tail)
        return self.lead.replace("\\", "") + (start[0] if start else "") + "…"


def _rows(kind: str, what: str, leads: str, tail: str, edge: str = WORD) -> tuple[KeyFormat, ...]:
    """One row for each of the `leads`, which are separated by spaces."""
    return tuple(KeyFormat(kind, what, lead, tail, edge=edge) for lead in leads.split())


KEY_FORMATS: tuple[KeyFormat, ...] = (
    # models
    *_rows("openai", "OpenAI", "sk-proj- sk-svcacct- sk-admin- sk-None-", _W + "{16,}"),
    *_rows("openai", "OpenAI ephemeral", "ek_", _H + "{32,}"),
    *_rows("openai", "OpenAI session", "sess-", _N + "{40,}"),
    *_rows("anthropic", "Anthropic", "sk-ant-", _W + "{16,}"),
    *_rows("openrouter", "OpenRouter", "sk-or-", _W + "{16,}"),
    *_rows("langfuse", "Langfuse", "sk-lf- pk-lf-", "[0-9a-f-]{20,}"),
    *_rows("helicone", "Helicone", "sk-helicone- pk-helicone-", _W + "{10,}"),
    *_rows(
        "sk",
        "OpenAI (old), DeepSeek, Moonshot, LiteLLM and others",
        "sk-",
        "(?!proj-|svcacct-|admin-|None-|ant-|or-|lf-|helicone-)"
        "(?=[a-z_-]*[0-9A-Z])[A-Za-z0-9_-]{16,}",
    ),
    KeyFormat("google", "Google API", "A", "Iza[A-Za-z0-9_-]{30,}", edge=BLOB, peek="Iza"),
    KeyFormat(
        "google",
        "Google API",
        "A",
        "Iza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_+=-])",
        edge=SEGMENT,
        peek="Iza",
    ),
    KeyFormat("google", "Google AI Studio", r"AQ\.", "Ab[A-Za-z0-9_-]{30,}", edge=SEGMENT),
    *_rows("google", "Google OAuth access", r"ya29\.", r"[A-Za-z0-9_.-]{20,}(?<!\.)", SEGMENT),
    *_rows("google", "Google OAuth client", "GOCSPX-", _W + "{20,}", ANY),
    *_rows("groq", "Groq", "gsk_", _N + "{20,}"),
    *_rows("xai", "xAI", "xai-", _N + "{20,}"),
    *_rows("huggingface", "Hugging Face", "hf_ api_org_", _N + "{30,}"),
    *_rows("replicate", "Replicate", "r8_", _N + "{30,}"),
    *_rows("perplexity", "Perplexity", "pplx-", _N + "{20,}"),
    *_rows("nvidia", "NVIDIA", "nvapi-", _W + "{20,}"),
    *_rows("cerebras", "Cerebras", "csk-", _N + "{20,}"),
    *_rows("together", "Together AI", "tgp_v1_", _W + "{20,}", ANY),
    *_rows("fireworks", "Fireworks", "fw_", _N + "{20,}" + _END),
    *_rows("elevenlabs", "ElevenLabs", "sk_", _H + "{48}" + _END),
    *_rows("voyage", "Voyage AI", "pa-", _W + "{43}" + _END),
    *_rows("jina", "Jina AI", "jina_", _W + "{20,}"),
    *_rows("tavily", "Tavily", "tvly-", _W + "{20,}"),
    *_rows("firecrawl", "Firecrawl", "fc-", _H + "{32}" + _END),
    *_rows("pinecone", "Pinecone", "pcsk_", "[A-Za-z0-9_]{20,}"),
    *_rows("langsmith", "LangSmith", "lsv2_", "(?:pt|sk)_[A-Za-z0-9_]{20,}"),
    *_rows("langsmith", "LangSmith (old)", "ls__", _H + "{32}"),
    *_rows("wandb", "Weights & Biases", "wandb_v1_", _W + "{20,}", ANY),
    *_rows("e2b", "E2B", "e2b_", _H + "{40}"),
    *_rows("browserbase", "Browserbase", "bb_live_", _W + "{20,}"),
    # clouds
    *_rows(
        "aws", "AWS access key id", "AKIA ASIA ABIA ACCA", "[A-Z0-9]{16}" + _END_SEGMENT, SEGMENT
    ),
    KeyFormat(
        "bedrock", "Amazon Bedrock", "A", r"BSK[A-Za-z0-9+/]{40,}={0,2}", edge=BLOB, peek="BSK"
    ),
    *_rows("bedrock", "Amazon Bedrock", "bedrock-api-key-", "[A-Za-z0-9+/=_-]{20,}", ANY),
    KeyFormat("azure", "Azure resource", "[A-Za-z0-9]{52}JQQJ", "99[A-Za-z0-9]{20,}", edge=ANY),
    KeyFormat(
        "azure",
        "Entra ID client secret",
        "[A-Za-z0-9_~.-]{3}[0-9]Q~",
        r"[A-Za-z0-9_~.-]{31,}(?<!\.)",
    ),
    *_rows("digitalocean", "DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", _H + "{60,}", ANY),
    *_rows("cloudflare", "Cloudflare", "cfk_ cfut_ cfat_", _W + "{30,}"),
    KeyFormat("cloudflare", "Cloudflare origin", r"v1\.0-", _H + "{24}-[0-9a-f]{100,}"),
    *_rows("vercel", "Vercel", "vcp_ vci_ vca_ vcr_ vck_", _N + "{20,}"),
    *_rows("heroku", "Heroku", "HRKU-", _W + "{30,}"),
    *_rows("alibaba", "Alibaba Cloud", "LTA", "I[A-Za-z0-9]{12,26}" + _END, BLOB),
    KeyFormat(
        "tencent",
        "Tencent Cloud",
        "A",
        "KID[A-Za-z0-9]{32}" + _END_SEGMENT,
        edge=SEGMENT,
        peek="KID",
    ),
    *_rows("supabase", "Supabase", "sbp_", _H + "{40}"),
    *_rows("supabase", "Supabase", "sb_secret_", _W + "{20,}", ANY),
    *_rows("neon", "Neon", "napi_", _N + "{40,}"),
    *_rows("planetscale", "PlanetScale", "pscale_tkn_ pscale_pw_ pscale_oauth_", _W + "{20,}", ANY),
    *_rows("databricks", "Databricks", "dap", "i[0-9a-f]{32}(?:-[0-9])?(?![0-9A-Za-z])", SEGMENT),
    *_rows("tailscale", "Tailscale", "tskey-", "[A-Za-z0-9-]{20,}"),
    # code and packages
    *_rows(
        "github",
        "GitHub",
        "ghp_ gho_ ghu_ ghs_ ghr_",
        r"[A-Za-z0-9_]{30,}(?:\.[A-Za-z0-9_-]{10,})*+",
    ),
    *_rows("github", "GitHub fine-grained", "github_pat_", "[A-Za-z0-9_]{22,}", ANY),
    *_rows(
        "gitlab",
        "GitLab",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct-",
        "[A-Za-z0-9_-]{18,}(?:\\.[A-Za-z0-9_-]+)*+",
    ),
    *_rows("npm", "npm", "npm_", _N + "{30,}"),
    *_rows("pypi", "PyPI", "pypi-", _W + "{32,}"),
    *_rows("rubygems", "RubyGems", "rubygems_", _H + "{48}", ANY),
    *_rows("docker", "Docker Hub", "dckr_pat_ dckr_oat_", _W + "{20,}", ANY),
    *_rows("postman", "Postman", "PMAK-", "[0-9a-f-]{40,}"),
    *_rows("sentry", "Sentry", "sntrys_ sntryu_", "[A-Za-z0-9_+/=-]{30,}", ANY),
    *_rows("grafana", "Grafana", "glsa_ glc_", "[A-Za-z0-9_+/=]{30,}"),
    *_rows("newrelic", "New Relic", "NRAK-", "[A-Z0-9]{20,}"),
    *_rows("buildkite", "Buildkite", "bkua_", _H + "{40}"),
    *_rows("vault", "HashiCorp Vault", r"hvs\. hvb\. hvr\.", _W + "{20,}"),
    *_rows(
        "doppler", "Doppler", r"dp\.pt\. dp\.st\. dp\.sa\. dp\.ct\.", r"[A-Za-z0-9_.-]{40,}(?<!\.)"
    ),
    *_rows("onepassword", "1Password service account", "ops_", "eyJ[A-Za-z0-9_=-]{40,}"),
    *(
        KeyFormat(
            "atlassian", "Atlassian", "A", f"{start}[A-Za-z0-9_=-]{{50,}}", edge=BLOB, peek=start
        )
        for start in ("TATT3", "TCTT3")
    ),
    # business
    *_rows("stripe", "Stripe", "sk_live_ sk_test_ rk_live_ rk_test_", _N + "{16,}"),
    *_rows("stripe", "Stripe and Svix webhooks", "whsec_", "[A-Za-z0-9+/=]{20,}"),
    *_rows("twilio", "Twilio API key", "SK", _H + "{32}" + _END, BLOB),
    KeyFormat(
        "twilio", "Twilio account", "A", "C[0-9a-f]{32}" + _END, edge=BLOB, peek="C[0-9a-f]{8}"
    ),
    *_rows("sendgrid", "SendGrid", r"SG\.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", SEGMENT),
    *_rows("mailgun", "Mailgun", "key-", _H + "{32}" + _END),
    KeyFormat(
        "mailchimp", "Mailchimp", "[0-9a-f]{32}-", "us[0-9]{1,2}(?![0-9A-Za-z])", peek="us[0-9]"
    ),
    *_rows("brevo", "Brevo", "xkeysib- xsmtpsib-", "[A-Za-z0-9-]{40,}", ANY),
    *_rows("resend", "Resend", "re_", "[A-Za-z0-9]{6,16}_[A-Za-z0-9]{20,}"),
    *_rows("shopify", "Shopify", "shpat_ shpca_ shppa_ shpss_", "[0-9a-fA-F]{32}", ANY),
    *_rows("square", "Square", "sq0atp- sq0csp-", _W + "{20,}", ANY),
    *_rows("meta", "Meta", "EAA", _N + "{60,}", BLOB),
    *_rows("hubspot", "HubSpot", "pat-na1- pat-eu1- pat-na2-", "[0-9a-f-]{36}"),
    KeyFormat("airtable", "Airtable", r"pat[A-Za-z0-9]{14}\.", _H + "{60,}", peek=_H + "{20}"),
    *_rows("linear", "Linear", "lin_api_ lin_oauth_", _N + "{20,}", ANY),
    *_rows("notion", "Notion", "ntn_", _N + "{20,}"),
    *_rows("notion", "Notion (old)", "secret_", _N + "{43}" + _END),
    *_rows("figma", "Figma", "figd_", _W + "{30,}"),
    *_rows("posthog", "PostHog", "phx_", _N + "{40,}"),
    # chat
    *_rows(
        "slack",
        "Slack",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxc- xoxd- xapp-",
        "[A-Za-z0-9%-]{10,}",
    ),
    KeyFormat(
        "slackhook",
        "Slack webhook",
        r"hooks\.",
        r"[A-Za-z0-9_/\\]{20,}",
        keep=r"slack\.com\\*/(?:services|workflows|triggers)\\*/",
        edge=ANY,
        peek=r"slack\.com",
    ),
    KeyFormat("telegram", "Telegram bot", "[0-9]{10}:A", "A[A-Za-z0-9_-]{32,}", edge=DIGIT),
    KeyFormat("telegram", "Telegram bot", "[0-9]{9}:A", "A[A-Za-z0-9_-]{32,}", edge=DIGIT),
    KeyFormat("telegram", "Telegram bot", "[0-9]{8}:A", "A[A-Za-z0-9_-]{32,}", edge=DIGIT),
    *(
        KeyFormat(
            "discord",
            "Discord bot",
            f"[MNO][A-Za-z0-9_-]{{{n}}}\\.",
            r"[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
            peek=r"[A-Za-z0-9_-]{6}\.",
        )
        for n in (23, 24, 25)
    ),
    *(
        KeyFormat(
            "discordhook",
            "Discord webhook",
            lead,
            "[A-Za-z0-9_-]{40,}",
            keep=r"com\\*/api\\*/(?:v[0-9]+\\*/)?webhooks\\*/[0-9]+\\*/",
            edge=ANY,
            peek=r"com\\*/api",
        )
        for lead in (r"discord\.", r"discordapp\.")
    ),
    # formats of no one provider
    KeyFormat(
        "jwt",
        "JSON Web Token (signed or encrypted)",
        "eyJ",
        r"[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]*+"
        r"|\.\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++)(?:\.[A-Za-z0-9_-]++)*+",
        edge=SEGMENT,
    ),
    *(
        KeyFormat(
            "pem",
            "PEM private key",
            f"-----BEGIN {of}PRIVATE KEY{block}-",
            _PEM,
            edge=ANY,
            peek="(?<=[KY]-)----",  # not at every dash of a ruler
        )
        for of, block in (
            ("", ""),
            ("RSA ", ""),
            ("EC ", ""),
            ("DSA ", ""),
            ("OPENSSH ", ""),
            ("ENCRYPTED ", ""),
            ("PGP ", " BLOCK"),
        )
    ),
    *_rows("age", "age identity", "AGE-SECRET-KEY-", "1[A-Z0-9]{40,}", ANY),
    *_rows("age", "age identity (post-quantum)", "AGE-SECRET-KEY-PQ-", "1[A-Z0-9]{40,}", ANY),
    KeyFormat(
        "credential",
        "a bearer token in text",
        "B",
        r"(?=[A-Za-z_.~+/-]*[0-9])[A-Za-z0-9._~+/-]{20,}=*+",
        keep=r"earer[ +]+|earer%20",
        peek="earer",
    ),
)
