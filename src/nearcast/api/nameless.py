"""Documents without a name of their own."""

from pydantic import model_validator

from nearcast.services.scenario import Shape


class Nameless(Shape):
    """What is put bears the name of its address, which is left out."""

    @model_validator(mode="before")
    @classmethod
    def _without_name(cls, value: object) -> object:
        return {k: v for k, v in value.items() if k != "id"} if isinstance(value, dict) else value
