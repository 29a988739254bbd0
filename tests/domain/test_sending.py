"""What goes out is named so that it is recognised when it comes back."""

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import MessageId
from nearcast.domain.sending import Recipient, tagged_message


def test_a_tag_of_ours_names_its_message() -> None:
    assert tagged_message("nc1:m-1") == MessageId("m-1")


@pytest.mark.parametrize("tag", [None, "", "other:m-1", "m-1"])
def test_a_tag_of_somebody_else_names_none(tag: str | None) -> None:
    assert tagged_message(tag) is None


def test_a_recipient_is_reached_somehow() -> None:
    with pytest.raises(InvalidInput, match="needs an address or a user id"):
        Recipient()
    assert Recipient(user_id="US.1").address is None
