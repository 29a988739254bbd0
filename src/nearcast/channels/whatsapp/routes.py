"""By which of two ways a message goes: Meta takes marketing apart from all else, and says so when it was the wrong one
(messaging reference §1.3, §10).
"""

from nearcast.domain.sending import Outbound, ProviderError, Purpose, Template

_ONLY_BY_MARKETING = "131063"
_NOT_MARKETING = {"134100", "131055"}
_NOT_ELIGIBLE = "134102"


class Routes:
    """What one process has learnt of them. Many threads ask and tell: each step is a single one."""

    def __init__(self, *, has_marketing_api: bool) -> None:
        self._has_marketing_api = has_marketing_api
        self._learnt: dict[tuple[str, str], bool] = {}

    def is_marketing(self, outbound: Outbound) -> bool:
        """Whether it goes to the Marketing Messages API: templates alone can, those filed as marketing."""
        content = outbound.content
        if not (self._has_marketing_api and isinstance(content, Template)):
            return False
        learnt = self._learnt.get((content.name, content.language), content.is_marketing)
        return outbound.purpose is Purpose.MARKETING if learnt is None else learnt

    def learn(self, outbound: Outbound, error: ProviderError) -> None:
        """What a refusal says of the way; the next attempt goes by the other one."""
        if not isinstance(outbound.content, Template):
            return
        name = (outbound.content.name, outbound.content.language)
        if error.code == _ONLY_BY_MARKETING:
            self._has_marketing_api = self._learnt[name] = True
        elif error.code in _NOT_MARKETING:
            self._learnt[name] = False
        elif error.code == _NOT_ELIGIBLE:
            self._has_marketing_api = False
