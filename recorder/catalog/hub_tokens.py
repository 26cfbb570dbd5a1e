"""Tokens for the Hub: a person's own comes first; then the sign-in of the user that runs robotdata.

That one is HF_TOKEN, or the one of `hf auth login`.
"""

from __future__ import annotations

from django.conf import settings

from recorder.actor import Actor
from recorder.catalog.account_secrets import HUB_TOKENS
from recorder.errors import Refused
from recorder.models.permissions import Action, require
from robotdata.dataset.hub.client import Access, own_token
from robotdata.dataset.hub.errors import HubRefused

OWN, SERVER, NONE = "own", "server", "none"
_WHOSE = {OWN: "the token of who began it", SERVER: "the server's account", NONE: "no account"}


def keep_token(*, token: str, actor: Actor) -> None:
    """Keep the actor's token. Raise Refused without an account, or for text that is not a token."""
    require(actor, Action.PUBLISH_DATASET)
    clean = token.strip()
    if not clean.startswith("hf_") or not clean.isascii() or not clean.isprintable() or " " in clean:
        raise Refused(
            "invalid", "That is not a token of the Hub: copy it from its page Access Tokens; it begins with hf_.", 422
        )
    if not HUB_TOKENS.keep(actor.user_id, clean.encode()):
        raise Refused("no_account", "A token belongs to an account: sign in first.", 422)


def forget_token(*, actor: Actor) -> None:
    """Remove the actor's token."""
    require(actor, Action.PUBLISH_DATASET)
    HUB_TOKENS.forget(actor.user_id)


def source_of(user_id: int | None) -> str:
    """Return whose token this account uses: its `own`, the `server`'s or `none`. Raise Refused without the client."""
    if HUB_TOKENS.read(user_id):
        return OWN
    try:
        return SERVER if own_token() else NONE
    except HubRefused as error:
        raise Refused("no_client", f"{error}.", 503) from error


def access_of(user_id: int | None, source: str = "") -> Access:
    """Return the Hub with the token of this account; without one that of the server's own sign-in, or none.

    `source` is what `source_of` said when the work began: raises HubRefused if the token comes from elsewhere by now.
    """
    own = HUB_TOKENS.read(user_id).decode()
    token = own or own_token()
    now = OWN if own else SERVER if token else NONE
    if source and source != now:
        raise HubRefused(
            f"This began with {_WHOSE.get(source, source)}, and would continue with {_WHOSE[now]}: the token was "
            "removed or entered meanwhile. Begin a new push"
        )
    return Access(settings.HUB_ENDPOINT, token)
