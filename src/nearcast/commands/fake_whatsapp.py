"""`nearcast fake-whatsapp`: a WhatsApp to try things out with."""

import json
from typing import Annotated

import typer

from nearcast.domain.errors import InvalidInput


def fake_whatsapp(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where it listens; 0 takes a free one.")] = 8900,
    webhook_url: Annotated[str | None, typer.Option(help="Where receipts and replies go; nowhere by default.")] = None,
    app_secret: Annotated[str, typer.Option(help="What webhooks are signed with.")] = "fake-app-secret",  # noqa: S107
    token: Annotated[str, typer.Option(help="What requests are to bring.")] = "fake-token",  # noqa: S107
    answer_ms: Annotated[float, typer.Option(min=0, help="How long each answer takes.")] = 0,
    per_s: Annotated[int, typer.Option(min=1, help="What one number may send in any second.")] = 80,
    more: Annotated[
        list[str] | None, typer.Option("--set", help="Another setting: batch=100, shuffles=true, recipients_24h=null.")
    ] = None,
) -> None:
    """Run a WhatsApp that sends nothing: phones are pages.

    It takes what the real one takes, refuses what that refuses, and brings receipts and replies to a webhook. Its
    settings can be changed at /_control/settings while it runs. For this machine alone.
    """
    from nearcast.fake_whatsapp.settings import FakeSettings
    from nearcast.showcase import fake_whatsapp as run

    said: dict[str, object] = {
        "webhook_url": webhook_url,
        "app_secret": app_secret,
        "token": token,
        "answer_ms": answer_ms,
        "per_s": per_s,
    }
    for each in more or ():
        name, _, given = each.partition("=")
        said[name] = _read(given)
    try:
        settings = FakeSettings().changed(said)
    except InvalidInput as error:
        raise error.within("--set") from None
    run(settings, port=port, say=print)


def _read(given: str) -> object:
    """A value as JSON has it, or else as it stands."""
    try:
        return json.loads(given)
    except ValueError:
        return given
