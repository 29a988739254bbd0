"""All that is done for customers and with their consents, put together."""

from typing import TypedDict

from nearcast.services.confirmations import Confirmations
from nearcast.services.consents import Consents
from nearcast.services.contacts import Contacts
from nearcast.services.customers import Customers
from nearcast.services.erasure import Erasure
from nearcast.services.evidence import Evidence
from nearcast.services.ledger_proof import LedgerProof
from nearcast.services.onboarding import Onboarding
from nearcast.services.opt_outs import OptOuts
from nearcast.services.personal_data import PersonalData
from nearcast.services.ports import Store
from nearcast.services.reminders import Reminders
from nearcast.services.terms import Terms
from nearcast.services.vault import Vault


class CustomerCases(TypedDict):
    """These parts of an Application, by their names there."""

    customers: Customers
    personal_data: PersonalData
    erasure: Erasure
    consents: Consents
    confirmations: Confirmations
    onboarding: Onboarding
    opt_outs: OptOuts
    ledger_proof: LedgerProof
    evidence: Evidence
    reminders: Reminders


def customer_cases(store: Store, terms: Terms, contacts: Contacts, vault: Vault) -> CustomerCases:
    """The parts on a store."""
    return CustomerCases(
        customers=Customers(store, terms, contacts),
        personal_data=PersonalData(store, contacts, vault),
        erasure=Erasure(store, terms),
        consents=Consents(store, terms),
        confirmations=Confirmations(store, terms),
        onboarding=Onboarding(store, terms, vault, contacts),
        opt_outs=OptOuts(store, terms, vault),
        ledger_proof=LedgerProof(store),
        evidence=Evidence(store),
        reminders=Reminders(store),
    )
