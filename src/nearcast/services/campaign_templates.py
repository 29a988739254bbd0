"""The templates that a campaign's offers name: whether they fit, and whether they let its messages leave."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.domain.template_fit import Filling, misfit
from nearcast.services.ports import UnitOfWork
from nearcast.services.template_ports import TemplateKey
from nearcast.services.templates import CHANNEL


def check_templates(uow: UnitOfWork, doc: Mapping[str, Any]) -> None:
    """InvalidInput where an offer names a template that its provider has not, or does not fill in what that asks for.
    Before the first template was read back, nothing is known that could be wrong.
    """
    named = list(_named(doc))
    if not named or not uow.templates.all():
        return
    known = uow.templates.get({key for _, key, _ in named})
    for place, key, offer in named:
        if key not in known:
            raise InvalidInput(
                f"there is no template {key[0]!r} in {key[1]!r}: ask for it, or sync", place=f"{place}.template.name"
            )
        if (wrong := misfit(known[key], _filling(offer))) is not None:
            raise InvalidInput(wrong.complaint, place=f"{place}.{wrong.place}")


def templates_standing(uow: UnitOfWork, doc: Mapping[str, Any], now: datetime) -> list[Mapping[str, Any]]:
    """Each template that a campaign names, with how it stands: one that is not usable stops the campaign's messages."""
    named = list(_named(doc))
    known = uow.templates.get({key for _, key, _ in named})
    found: list[Mapping[str, Any]] = []
    for place, key, _ in named:
        template = known.get(key)
        blocked = None if template is None else template.blocks(now)
        found.append(
            {
                "offer": place,
                "name": key[0],
                "language": key[1],
                "status": None if template is None else template.status,
                "quality": None if template is None else template.quality,
                "stop_code": None if template is None else template.stop_code,
                "is_usable": template is not None and template.is_usable,
                "waits": blocked is not None and blocked.until is not None,
            }
        )
    return found


def _filling(offer: Mapping[str, Any]) -> Filling:
    said = offer["template"]
    return Filling(
        variables=len(said.get("variables") or ()),
        has_header=said.get("header") is not None,
        has_image=said.get("header_image") is not None,
        has_voucher=offer.get("voucher") is not None,
        has_suffix=said.get("url_suffix") is not None,
        taps=len(said.get("taps") or ()),
    )


def _named(doc: Mapping[str, Any]) -> Iterator[tuple[str, TemplateKey, Mapping[str, Any]]]:
    """The place of each offer that names a template, which one, and the offer."""
    if doc.get("channel") != CHANNEL:
        return
    offers = [("offer", doc.get("offer"))]
    offers += [(f"variants[{n}].offer", each.get("offer")) for n, each in enumerate(doc.get("variants") or ())]
    for place, offer in offers:
        template = (offer or {}).get("template")
        if offer is not None and template is not None:
            key = str(template["name"]), str(template["language"])
            yield place, key, offer
