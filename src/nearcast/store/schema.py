"""What all tables have in common: how constraints are named, whose rows they hold and in which order."""

from sqlalchemy import Column, ForeignKey, Identity, MetaData

from nearcast.store.types import Id, Serial

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def of_tenant(*, is_key: bool = False) -> Column[str]:
    return Column("tenant_id", Id, ForeignKey("tenant.id"), primary_key=is_key, nullable=False)


def serial() -> Column[int]:
    return Column("seq", Serial, Identity(), primary_key=True)
