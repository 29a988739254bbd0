"""Names that nearcast makes itself."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.ids import CampaignId, TenantId, VisitId, consent_event_id, decision_id, transition_opportunity

_OURS = uuid.uuid5(uuid.NAMESPACE_DNS, "nearcast")


@given(opportunity=st.text(), campaign=st.text())
def test_a_name_is_a_uuid_of_version_5(opportunity: str, campaign: str) -> None:
    said = f"decision|{len(opportunity)}:{opportunity}|{len(campaign)}:{campaign}"
    assert decision_id(opportunity, CampaignId(campaign)) == str(uuid.uuid5(_OURS, said))


def test_parts_are_kept_apart() -> None:
    names = {
        consent_event_id(TenantId("a"), "bc", "d"),
        consent_event_id(TenantId("ab"), "c", "d"),
        transition_opportunity(VisitId("abc"), "d"),
    }
    assert len(names) == 3
