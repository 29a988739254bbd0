"""Keys of a document that only an operator sets: nobody outranks others by what they write themselves."""

from collections.abc import Mapping
from typing import Any

from nearcast.domain.errors import NotAllowed
from nearcast.services.access import Principal, Role
from nearcast.services.ports import Revision


def with_reserved(
    asker: Principal, doc: Mapping[str, Any], standing: Revision | None, reserved: Mapping[str, object]
) -> dict[str, Any]:
    """The document as the asker may write it: of the `reserved` keys, given with their defaults, an owner's says what
    stands or nothing, and what stands is kept. NotAllowed names the key that says anything else.
    """
    if asker.role is Role.OPERATOR:
        return dict(doc)
    stands = {key: (standing.doc if standing else {}).get(key, default) for key, default in reserved.items()}
    for key, value in stands.items():
        if doc.get(key, value) != value:
            raise NotAllowed(f"{key} is for an operator to set: it is {value!r} and stays so")
    kept = {key: value for key, value in stands.items() if value != reserved[key]}
    return {**{key: value for key, value in doc.items() if key not in reserved or key in kept}, **kept}
